// SPDX-License-Identifier: Apache-2.0
#include "base/knobs.h"

#include <charconv>

namespace butterfly {

const char* unit_text(KnobUnit unit) { return unit == KnobUnit::seconds ? "s" : ""; }

std::string wanted_text(const KnobInfo& info) {
  if (info.unit == KnobUnit::on_off) return "on or off";
  const std::string bounds = std::to_string(info.least) + ".." + std::to_string(info.most);
  const std::string unit = unit_text(info.unit);
  return unit.empty() ? bounds : bounds + " " + unit;
}

std::string knob_text(const KnobInfo& info, uint32_t value) {
  if (info.unit == KnobUnit::on_off) return value != 0 ? "on" : "off";
  return std::to_string(value);
}

Status validate_knob(const KnobTable& table, size_t row, uint64_t value) {
  const KnobInfo& info = table.rows[row];
  if (value >= info.least && value <= info.most) return ok_status();
  return invalid(std::string(table.object) + ": " + info.key + " " + std::to_string(value) +
                 " is too " + (value < info.least ? "small" : "big") + " (wanted " +
                 wanted_text(info) + ")");
}

Status validate_knobs(const KnobTable& table, std::span<const uint32_t> values) {
  for (size_t i = 0; i < table.rows.size(); ++i) {
    RETURN_IF_ERROR(validate_knob(table, i, values[i]));
  }
  return ok_status();
}

StatusOr<size_t> find_knob(const KnobTable& table, std::string_view key) {
  std::string keys;
  for (size_t i = 0; i < table.rows.size(); ++i) {
    if (key == table.rows[i].key) return i;
    keys += (keys.empty() ? "" : ", ") + std::string(table.rows[i].key);
  }
  return invalid(std::string(table.object) + ": no setting '" + std::string(key) +
                 "' (wanted one of " + keys + ")");
}

StatusOr<KnobSetting> parse_knob(const KnobTable& table, std::string_view text) {
  const std::string object = std::string(table.object) + ": ";
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos) {
    return invalid(object + "'" + std::string(text) + "' has no value (wanted KEY=VALUE)");
  }
  const auto row = find_knob(table, text.substr(0, equals));
  if (!row.ok()) return row.status();
  const KnobInfo& info = table.rows[*row];
  const std::string_view word = text.substr(equals + 1);
  const Status malformed = invalid(object + info.key + " '" + std::string(word) +
                                   "' is malformed (wanted " + wanted_text(info) + ")");
  if (info.unit == KnobUnit::on_off) {
    if (word != "on" && word != "off") return malformed;
    return KnobSetting{*row, word == "on" ? 1U : 0U};
  }
  uint64_t value = 0;
  const char* const end = word.data() + word.size();
  const auto read = std::from_chars(word.data(), end, value);
  // A 0 in front would mean octal to some.
  const bool is_odd = word.size() > 1 && word[0] == '0';
  if (read.ec != std::errc() || read.ptr != end || is_odd) return malformed;
  RETURN_IF_ERROR(validate_knob(table, *row, value));
  return KnobSetting{*row, static_cast<uint32_t>(value)};
}

std::string compare_knobs(const KnobTable& table, std::span<const uint32_t> before,
                          std::span<const uint32_t> after) {
  std::string text;
  for (size_t i = 0; i < table.rows.size(); ++i) {
    if (before[i] == after[i]) continue;
    const KnobInfo& info = table.rows[i];
    text += (text.empty() ? "" : ", ") + std::string(info.key) + " " + knob_text(info, before[i]) +
            " → " + knob_text(info, after[i]);
  }
  return text;
}

std::string knob_page(const KnobTable& table) {
  std::string text = "| setting | default | wanted | what it does |\n|---|---|---|---|\n";
  for (const KnobInfo& info : table.rows) {
    text += "| `" + std::string(info.key) + "` | " + knob_text(info, info.standard) + " | " +
            wanted_text(info) + " | " + info.sentence + " |\n";
  }
  return text;
}

}  // namespace butterfly
