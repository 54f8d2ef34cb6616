// SPDX-License-Identifier: Apache-2.0
// butterfly firewall …, butterfly switch …: settings of the whole host.
#include "base/firewall_settings.h"
#include "base/switch_settings.h"
#include "cli/commands.h"

namespace butterfly {
namespace {

using google::protobuf::Message;
using Words = std::vector<std::string>;

// A table of settings, where the intent has their values and where a change takes them.
struct Settings {
  KnobTable table;
  const Message& (*in_intent)(const v1::Intent&);
  Message& (*in_change)(v1::Change&);
};

const Settings kOfFirewall{
    kFirewallKnobs, [](const v1::Intent& intent) -> const Message& { return intent.firewall(); },
    [](v1::Change& change) -> Message& { return *change.mutable_firewall_set(); }};
const Settings kOfSwitch{
    kSwitchKnobs, [](const v1::Intent& intent) -> const Message& { return intent.switching(); },
    [](v1::Change& change) -> Message& { return *change.mutable_switch_set(); }};

// A setting as the daemon says it; empty when it does not know it.
std::string value_of(const Message& settings, const KnobInfo& info) {
  const auto* field = settings.GetDescriptor()->FindFieldByName(info.key);
  const auto& reflection = *settings.GetReflection();
  if (!reflection.HasField(settings, field)) return "";
  if (info.unit == KnobUnit::on_off) return knob_text(info, reflection.GetBool(settings, field));
  return knob_text(info, reflection.GetUInt32(settings, field));
}

void set_value(Message& settings, const KnobInfo& info, uint32_t value) {
  const auto* field = settings.GetDescriptor()->FindFieldByName(info.key);
  if (info.unit == KnobUnit::on_off) {
    settings.GetReflection()->SetBool(&settings, field, value != 0);
  } else {
    settings.GetReflection()->SetUInt32(&settings, field, value);
  }
}

int show(Command& command, const Settings& settings) {
  v1::GetIntentResponse response;
  const Status status = command.client().call(v1::GetIntentRequest(), response);
  if (!status.ok()) return command.fail(status);
  const Message& values = settings.in_intent(response.intent());
  if (command.json) {
    std::cout << to_json(values) << std::flush;
    return kDone;
  }
  Table table({"SETTING", "VALUE", "UNIT", "DEFAULT", "MEANING"});
  for (const KnobInfo& info : settings.table.rows) {
    table.add({info.key, value_of(values, info), unit_text(info.unit),
               knob_text(info, info.standard), info.sentence});
  }
  std::cout << table.to_string() << std::flush;
  return kDone;
}

int fail_usage(Command& command, const Status& status) {
  command.fail(status);
  return kUsage;
}

int change(Command& command, const Settings& settings, const Words& words) {
  v1::ApplyRequest request;
  Message& values = settings.in_change(*request.add_changes());
  for (const std::string& word : words) {
    const auto setting = parse_knob(settings.table, word);
    if (!setting.ok()) return fail_usage(command, setting.status());
    set_value(values, settings.table.rows[setting->row], setting->value);
  }
  return command.change(request);
}

int reset(Command& command, const Settings& settings, const Words& keys) {
  v1::ApplyRequest request;
  Message& values = settings.in_change(*request.add_changes());
  for (const std::string& key : keys) {
    const auto row = find_knob(settings.table, key);
    if (!row.ok()) return fail_usage(command, row.status());
    set_value(values, settings.table.rows[*row], settings.table.rows[*row].standard);
  }
  if (keys.empty()) {
    for (const KnobInfo& info : settings.table.rows) set_value(values, info, info.standard);
  }
  return command.change(request);
}

std::string all_knobs(const KnobTable& table) {
  std::string text = "Settings:";
  for (const KnobInfo& info : table.rows) {
    text += "\n  " + std::string(info.key) + " (" + wanted_text(info) + ", default " +
            knob_text(info, info.standard) + "): " + info.sentence;
  }
  return text;
}

void add_verbs(CLI::App& topic, Command& command, const Settings& settings) {
  add_verb(topic, command, "show", "All settings",
           [&command, &settings] { return show(command, settings); });

  const auto words = std::make_shared<Words>();
  CLI::App& set =
      add_verb(topic, command, "set", "Change settings, all or none",
               [&command, &settings, words] { return change(command, settings, *words); });
  set.add_option("KEY=VALUE", *words, "what to change")->required();
  set.footer(all_knobs(settings.table));

  const auto keys = std::make_shared<Words>();
  add_verb(topic, command, "reset", "Take the default, for these settings or for all",
           [&command, &settings, keys] { return reset(command, settings, *keys); })
      .add_option("KEY", *keys, "settings");
}

}  // namespace

void add_firewall_commands(CLI::App& root, Command& command) {
  add_verbs(add_topic(root, "firewall", "Settings of the firewall, for the whole host"), command,
            kOfFirewall);
}

void add_switch_commands(CLI::App& root, Command& command) {
  add_verbs(add_topic(root, "switch", "Settings of the switch, for the whole host"), command,
            kOfSwitch);
}

}  // namespace butterfly
