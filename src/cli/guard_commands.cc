// SPDX-License-Identifier: Apache-2.0
// butterfly guard …
#include <algorithm>
#include <map>

#include "cli/commands.h"
#include "cli/rule_options.h"

namespace butterfly {
namespace {

std::string action_text(v1::GuardAction action) {
  switch (action) {
    case v1::GUARD_ACTION_ALLOW:
      return "allow";
    case v1::GUARD_ACTION_DENY:
      return "deny";
    case v1::GUARD_ACTION_GROUPS:
      return "groups";
    default:
      return std::to_string(action);
  }
}

std::string guard_text(const v1::ListGuardResponse& response) {
  const bool has_expressions = std::ranges::any_of(response.rules(), [](const v1::GuardRule& rule) {
    return !rule.match().expression().empty();
  });
  std::vector<std::string> head{"PRIORITY", "KEY",   "ACTION", "DIR",  "VNI",        "FAMILY",
                                "PROTOCOL", "PORTS", "PEER",   "HITS", "DESCRIPTION"};
  if (has_expressions) head.push_back("EXPRESSION");
  Table table(head);
  std::map<std::string, std::string> hits;
  for (const v1::RuleHits& one : response.hits()) {
    if (one.has_hits()) hits[one.rule_id()] = std::to_string(one.hits());
  }
  for (const v1::GuardRule& rule : response.rules()) {
    const v1::Rule& match = rule.match();
    const bool is_both = match.direction() == v1::DIRECTION_UNSPECIFIED;
    std::vector<std::string> row{std::to_string(rule.priority()),
                                 rule.key(),
                                 action_text(rule.action()),
                                 is_both ? "both" : direction_text(match),
                                 rule.vni() == 0 ? "any" : std::to_string(rule.vni()),
                                 family_text(match),
                                 protocol_text(match),
                                 match_text(match),
                                 peer_text(match),
                                 hits.contains(rule.key()) ? hits.at(rule.key()) : "-",
                                 rule.description()};
    if (has_expressions) row.push_back(match.expression());
    table.add(row);
  }
  return table.to_string();
}

struct Options {
  std::string key, action, direction = "both", description;
  uint32_t priority = 0, vni = 0;
  MatchOptions match;
};

v1::GuardRule rule_of(const Options& options, const CLI::App& verb) {
  static const std::map<std::string, v1::GuardAction> kActions{{"allow", v1::GUARD_ACTION_ALLOW},
                                                               {"deny", v1::GUARD_ACTION_DENY},
                                                               {"groups", v1::GUARD_ACTION_GROUPS}};
  static const std::map<std::string, v1::Direction> kDirections{
      {"in", v1::DIRECTION_INGRESS},
      {"out", v1::DIRECTION_EGRESS},
      {"both", v1::DIRECTION_UNSPECIFIED}};
  v1::GuardRule rule;
  rule.set_key(options.key);
  rule.set_priority(options.priority);
  rule.set_action(kActions.at(options.action));
  rule.set_vni(options.vni);
  rule.mutable_match()->set_direction(kDirections.at(options.direction));
  fill(*rule.mutable_match(), options.match, verb);
  rule.set_description(options.description);
  return rule;
}

void add_add(CLI::App& topic, Command& command) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb = topic.add_subcommand("add", "Make a rule, or make the one of that key so");
  verb->callback([&command, options, verb] {
    require_protocol(options->match);
    command.action = [&command, options, verb] {
      v1::ApplyRequest request;
      *request.add_changes()->mutable_guard_put() = rule_of(*options, *verb);
      return command.change(request);
    };
  });
  verb->add_option("KEY", options->key, "your name for it")->required();
  verb->add_option("ACTION", options->action,
                   "allow, deny, or groups: no later rule counts, the nic's groups decide")
      ->required()
      ->check(CLI::IsMember({"allow", "deny", "groups"}));
  verb->add_option("--priority", options->priority, "0..65535, the lowest is judged first")
      ->required();
  verb->add_option("--dir", options->direction, "in (towards the guest), out, or both (default)")
      ->check(CLI::IsMember({"in", "out", "both"}));
  verb->add_option("--vni", options->vni, "only this segment (default: all)");
  add_match_options(*verb, options->match);
  verb->add_option("--description", options->description, "for people");
}

}  // namespace

void add_guard_commands(CLI::App& root, Command& command) {
  CLI::App& topic = add_topic(root, "guard", "The host's rules, judged before any security group");
  add_verb(topic, command, "list", "All of them, in the order in which they are judged",
           [&command] {
             return command.ask<v1::ListGuardResponse>(v1::ListGuardRequest(), guard_text);
           });
  add_add(topic, command);
  const auto keys = std::make_shared<std::vector<std::string>>();
  CLI::App& del = add_verb(topic, command, "del", "Remove rules, all or none", [&command, keys] {
    v1::ApplyRequest request;
    for (const std::string& key : *keys) request.add_changes()->set_guard_delete(key);
    return command.change(request);
  });
  del.add_option("KEY", *keys, "keys, as guard list prints them")->required();
}

}  // namespace butterfly
