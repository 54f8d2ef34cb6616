// SPDX-License-Identifier: Apache-2.0
// butterfly firewall …: settings of the whole host.
#include "base/firewall_settings.h"
#include "cli/commands.h"

namespace butterfly {
namespace {

using Words = std::vector<std::string>;

// A setting as the daemon says it; empty when it does not know it.
std::string value_of(const v1::FirewallSettings& settings, const KnobInfo& info, Knob knob) {
  const auto* field = settings.GetDescriptor()->FindFieldByName(info.key);
  const auto& reflection = *settings.GetReflection();
  if (!reflection.HasField(settings, field)) return "";
  if (info.unit == KnobUnit::on_off) return knob_text(knob, reflection.GetBool(settings, field));
  return knob_text(knob, reflection.GetUInt32(settings, field));
}

void set(v1::FirewallSettings& settings, const KnobValue& value) {
  const KnobInfo& info = info_of(value.knob);
  const auto* field = settings.GetDescriptor()->FindFieldByName(info.key);
  if (info.unit == KnobUnit::on_off) {
    settings.GetReflection()->SetBool(&settings, field, value.value != 0);
  } else {
    settings.GetReflection()->SetUInt32(&settings, field, value.value);
  }
}

int show(Command& command) {
  v1::GetIntentResponse response;
  const Status status = command.client().call(v1::GetIntentRequest(), response);
  if (!status.ok()) return command.fail(status);
  const v1::FirewallSettings& settings = response.intent().firewall();
  if (command.json) {
    std::cout << to_json(settings) << std::flush;
    return kDone;
  }
  Table table({"SETTING", "VALUE", "UNIT", "DEFAULT", "MEANING"});
  for (size_t i = 0; i < kKnobs.size(); ++i) {
    const KnobInfo& info = kKnobs[i];
    table.add({info.key, value_of(settings, info, knob_at(i)), unit_text(info.unit),
               knob_text(knob_at(i), info.standard), info.sentence});
  }
  std::cout << table.to_string() << std::flush;
  return kDone;
}

int fail_usage(Command& command, const Status& status) {
  command.fail(status);
  return kUsage;
}

int change(Command& command, const Words& words) {
  v1::ApplyRequest request;
  v1::FirewallSettings& settings = *request.add_changes()->mutable_firewall_set();
  for (const std::string& word : words) {
    const auto value = parse_knob(word);
    if (!value.ok()) return fail_usage(command, value.status());
    set(settings, *value);
  }
  return command.change(request);
}

int reset(Command& command, const Words& keys) {
  v1::ApplyRequest request;
  v1::FirewallSettings& settings = *request.add_changes()->mutable_firewall_set();
  for (const std::string& key : keys) {
    const auto knob = find_knob(key);
    if (!knob.ok()) return fail_usage(command, knob.status());
    set(settings, {*knob, info_of(*knob).standard});
  }
  for (size_t i = 0; keys.empty() && i < kKnobs.size(); ++i) {
    set(settings, {knob_at(i), kKnobs[i].standard});
  }
  return command.change(request);
}

std::string all_knobs() {
  std::string text = "Settings:";
  for (size_t i = 0; i < kKnobs.size(); ++i) {
    const KnobInfo& info = kKnobs[i];
    text += "\n  " + std::string(info.key) + " (" + wanted_text(info) + ", default " +
            knob_text(knob_at(i), info.standard) + "): " + info.sentence;
  }
  return text;
}

}  // namespace

void add_firewall_commands(CLI::App& root, Command& command) {
  CLI::App& firewall = add_topic(root, "firewall", "Settings of the firewall, for the whole host");
  add_verb(firewall, command, "show", "All settings", [&command] { return show(command); });

  const auto words = std::make_shared<Words>();
  CLI::App& set = add_verb(firewall, command, "set", "Change settings, all or none",
                           [&command, words] { return change(command, *words); });
  set.add_option("KEY=VALUE", *words, "what to change")->required();
  set.footer(all_knobs());

  const auto keys = std::make_shared<Words>();
  add_verb(firewall, command, "reset", "Take the default, for these settings or for all",
           [&command, keys] { return reset(command, *keys); })
      .add_option("KEY", *keys, "settings");
}

}  // namespace butterfly
