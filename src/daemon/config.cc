// SPDX-License-Identifier: Apache-2.0
// The settings of butterflyd, read from a TOML file.
#include "daemon/config.h"

#include <sched.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "base/switch_settings.h"
#include "daemon/config_keys.h"
#include "daemon/config_reader.h"

namespace butterfly {
namespace {

// What is a setting of the switch by now. A file that says what is the default anyway does no harm.
void refuse_moved(ConfigReader& reader, const toml::table* table, const std::string& key,
                  SwitchKnob knob) {
  if (table == nullptr || !table->contains(key)) return;
  const KnobInfo& info = kSwitchRows[static_cast<size_t>(knob)];
  const auto value = reader.find(key)->value_exact<int64_t>();
  if (value == static_cast<int64_t>(info.standard)) return;
  reader.fault(key, "is a setting of the switch now",
               "no such line, and `butterfly switch set " + std::string(info.key) + "=" +
                   (value ? std::to_string(*value) : knob_text(info, info.standard)) + "`");
}

// The table of that name, or null; a fault when the name is no table.
const toml::table* table_of(ConfigReader& root, const std::string& name) {
  const toml::node* node = root.find(name);
  if (node == nullptr) return nullptr;
  if (!node->is_table()) root.fault(name, "not a table", "[" + name + "] and its keys");
  return node->as_table();
}

}  // namespace

std::vector<unsigned> usable_cpus() {
  std::vector<unsigned> cpus;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return {0};
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

StatusOr<Config> parse_config(std::string_view text, const std::string& file,
                              const std::vector<unsigned>& cpus) {
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return invalid(file + ":" + std::to_string(error.source().begin.line) + ": " +
                   std::string(error.description()) + " (wanted TOML)");
  }
  std::vector<std::string> faults;
  ConfigReader root(&parsed.table(), file, "", faults, cpus);
  Config config;
  for (const ConfigTable& its : config_tables()) {
    const toml::table* table = table_of(root, its.name);
    if (its.make && table == nullptr) continue;
    if (its.make) its.make(config);
    ConfigReader reader(table, file, its.name, faults, cpus);
    for (const ConfigKey& key : config_keys()) {
      if (key.table != its.name) continue;
      key.access.read(reader, key.name, config);
      if (reader.find(key.name) != nullptr) config.given.insert(key.full_name());
    }
    if (its.name == "dataplane") {
      refuse_moved(reader, table, "fdb_per_segment", SwitchKnob::segment_macs);
      refuse_moved(reader, table, "fdb_ageing_s", SwitchKnob::ageing);
    }
    reader.refuse_unknown();
  }
  root.refuse_unknown();
  if (faults.empty()) return config;
  std::string message;
  for (const std::string& fault : faults) message += (message.empty() ? "" : "\n") + fault;
  return invalid(message);
}

StatusOr<Config> load_config(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file || file.bad()) {
    return not_found("configuration file '" + path + "': cannot be read: " + std::strerror(errno) +
                     " (wanted a TOML file)");
  }
  return parse_config(text.str(), path, usable_cpus());
}

}  // namespace butterfly
