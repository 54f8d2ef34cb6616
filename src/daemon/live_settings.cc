// SPDX-License-Identifier: Apache-2.0
#include "daemon/live_settings.h"

#include "daemon/config_keys.h"

namespace butterfly {
namespace {

// "a.b = VALUE" read as the file's line would be; a string may come without its quotes.
Status assign(const ConfigKey& key, const std::string& value, Config& config) {
  const bool is_bare =
      key.access.type == "string" && !value.starts_with('"') && !value.starts_with('\'');
  const std::string line = key.name + " = " + (is_bare ? quoted(value) : value);
  const toml::parse_result parsed = toml::parse(line);
  if (!parsed || parsed.table().size() != 1) {
    return invalid(key.full_name() + " = " + value + ": no value (wanted " + key.access.wanted +
                   ")");
  }
  std::vector<std::string> faults;
  const std::vector<unsigned> cpus = usable_cpus();
  ConfigReader reader(&parsed.table(), "", key.table, faults, cpus);
  key.access.read(reader, key.name, config);
  reader.refuse_unknown();
  return faults.empty() ? ok_status() : invalid(faults.front());
}

}  // namespace

std::vector<SettingReport> LiveSettings::settings() const {
  const std::lock_guard lock(mutex_);
  std::vector<SettingReport> reports;
  for (const ConfigKey& key : config_keys()) {
    SettingReport report;
    report.key = key.full_name();
    report.value = key.text(config_);
    report.standard =
        key.standard_in_words.empty() ? key.standard() : "(" + key.standard_in_words + ")";
    if (config_.given.contains(report.key)) report.origin = SettingOrigin::file;
    if (at_run_time_.contains(report.key)) report.origin = SettingOrigin::run_time;
    report.start_only = key.change == Change::at_start;
    report.type = key.access.type;
    report.wanted = key.access.wanted;
    report.sentence = key.sentence;
    reports.push_back(std::move(report));
  }
  return reports;
}

Status LiveSettings::set(const std::vector<KeyAndValue>& changes) {
  const std::lock_guard lock(mutex_);
  Config next = config_;
  std::set<std::string> at_run_time = at_run_time_;
  for (const auto& [name, value] : changes) {
    const ConfigKey* key = find_config_key(name);
    if (key == nullptr) {
      return not_found("setting '" + name + "': no such key (wanted one that `butterfly config " +
                       "show` lists)");
    }
    if (key->change == Change::at_start) {
      return precondition("setting '" + name + "': counts from the next start on (wanted: a line " +
                          "in the configuration file, and a restart)");
    }
    RETURN_IF_ERROR(assign(*key, value, next));
    at_run_time.insert(name);
  }
  RETURN_IF_ERROR(adopt_(config_, next));
  config_ = std::move(next);
  at_run_time_ = std::move(at_run_time);
  return ok_status();
}

StatusOr<LiveSettings::Reloaded> LiveSettings::reload(const Config& file) {
  const std::lock_guard lock(mutex_);
  Reloaded reloaded;
  Config next = config_;
  for (const ConfigKey& key : config_keys()) {
    const std::string name = key.full_name();
    const std::string wanted = key.text(file);
    if (key.change == Change::at_start) {
      if (wanted != key.text(config_)) reloaded.start_only.push_back(name);
      continue;
    }
    if (wanted != key.text(config_)) reloaded.changed.push_back(name + " = " + wanted);
    key.access.copy(file, next);
    next.given.erase(name);
    if (file.given.contains(name)) next.given.insert(name);
  }
  RETURN_IF_ERROR(adopt_(config_, next));
  config_ = std::move(next);
  at_run_time_.clear();
  return reloaded;
}

}  // namespace butterfly
