// SPDX-License-Identifier: Apache-2.0
#include "base/firewall_settings.h"

#include <charconv>

namespace butterfly {

const char* unit_text(KnobUnit unit) { return unit == KnobUnit::seconds ? "s" : ""; }

std::string wanted_text(const KnobInfo& info) {
  if (info.unit == KnobUnit::on_off) return "on or off";
  const std::string bounds = std::to_string(info.least) + ".." + std::to_string(info.most);
  const std::string unit = unit_text(info.unit);
  return unit.empty() ? bounds : bounds + " " + unit;
}

std::string knob_text(Knob knob, uint32_t value) {
  if (info_of(knob).unit == KnobUnit::on_off) return value != 0 ? "on" : "off";
  return std::to_string(value);
}

Status validate_knob(Knob knob, uint64_t value) {
  const KnobInfo& info = info_of(knob);
  if (value >= info.least && value <= info.most) return ok_status();
  return invalid("firewall: " + std::string(info.key) + " " + std::to_string(value) + " is too " +
                 (value < info.least ? "small" : "big") + " (wanted " + wanted_text(info) + ")");
}

Status validate(const FirewallSettings& settings) {
  for (size_t i = 0; i < kKnobs.size(); ++i) {
    RETURN_IF_ERROR(validate_knob(knob_at(i), settings[knob_at(i)]));
  }
  return ok_status();
}

StatusOr<Knob> find_knob(std::string_view key) {
  std::string keys;
  for (size_t i = 0; i < kKnobs.size(); ++i) {
    if (key == kKnobs[i].key) return knob_at(i);
    keys += (keys.empty() ? "" : ", ") + std::string(kKnobs[i].key);
  }
  return invalid("firewall: no setting '" + std::string(key) + "' (wanted one of " + keys + ")");
}

StatusOr<KnobValue> parse_knob(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos) {
    return invalid("firewall: '" + std::string(text) + "' has no value (wanted KEY=VALUE)");
  }
  const auto knob = find_knob(text.substr(0, equals));
  if (!knob.ok()) return knob.status();
  const KnobInfo& info = info_of(*knob);
  const std::string_view word = text.substr(equals + 1);
  const Status malformed = invalid("firewall: " + std::string(info.key) + " '" + std::string(word) +
                                   "' is malformed (wanted " + wanted_text(info) + ")");
  if (info.unit == KnobUnit::on_off) {
    if (word != "on" && word != "off") return malformed;
    return KnobValue{*knob, word == "on" ? 1U : 0U};
  }
  uint64_t value = 0;
  const char* const end = word.data() + word.size();
  const auto read = std::from_chars(word.data(), end, value);
  if (read.ec != std::errc() || read.ptr != end) return malformed;
  RETURN_IF_ERROR(validate_knob(*knob, value));
  return KnobValue{*knob, static_cast<uint32_t>(value)};
}

std::string compare(const FirewallSettings& before, const FirewallSettings& after) {
  std::string text;
  for (size_t i = 0; i < kKnobs.size(); ++i) {
    const Knob knob = knob_at(i);
    if (before[knob] == after[knob]) continue;
    text += (text.empty() ? "" : ", ") + std::string(kKnobs[i].key) + " " +
            knob_text(knob, before[knob]) + " → " + knob_text(knob, after[knob]);
  }
  return text;
}

std::string knob_table() {
  std::string text = "| setting | default | wanted | what it does |\n|---|---|---|---|\n";
  for (size_t i = 0; i < kKnobs.size(); ++i) {
    const KnobInfo& info = kKnobs[i];
    text += "| `" + std::string(info.key) + "` | " + knob_text(knob_at(i), info.standard) + " | " +
            wanted_text(info) + " | " + info.sentence + " |\n";
  }
  return text;
}

}  // namespace butterfly
