// SPDX-License-Identifier: Apache-2.0
// butterfly sg show, butterfly sg rule …
#include <algorithm>

#include "cli/commands.h"
#include "cli/rule_options.h"

namespace butterfly {
namespace {

struct RuleOptions {
  std::string group, direction = "in", members, key, procedure, description;
  MatchOptions match;
};

v1::Rule rule_of(const RuleOptions& options, const CLI::App& verb) {
  v1::Rule rule;
  rule.set_direction(options.direction == "out" ? v1::DIRECTION_EGRESS : v1::DIRECTION_INGRESS);
  fill(rule, options.match, verb);
  rule.set_peer_group(options.members);
  rule.set_key(options.key);
  rule.set_procedure(options.procedure);
  rule.set_description(options.description);
  return rule;
}

int add_rule(Command& command, const RuleOptions& options, const CLI::App& verb) {
  v1::ApplyRequest request;
  v1::RuleAdd& change = *request.add_changes()->mutable_rule_add();
  change.set_group(options.group);
  *change.mutable_rule() = rule_of(options, verb);
  v1::ApplyResponse response;
  if (const Status status = command.client().call(request, response); !status.ok()) {
    return command.fail(status);
  }
  const v1::Rule rule = response.rules_size() > 0 ? response.rules(0) : v1::Rule();
  std::cout << (command.json ? to_json(rule) : rule.id() + "\n") << std::flush;
  return kDone;
}

void add_add(CLI::App& topic, Command& command) {
  const auto options = std::make_shared<RuleOptions>();
  CLI::App* verb = topic.add_subcommand("add", "Allow something; prints the rule's id");
  verb->callback([&command, options, verb] {
    require_protocol(options->match);
    command.action = [&command, options, verb] { return add_rule(command, *options, *verb); };
  });
  verb->add_option("SG", options->group, "security group")->required();
  verb->add_option("--dir", options->direction, "in (default: towards the guest) or out")
      ->check(CLI::IsMember({"in", "out"}));
  add_match_options(*verb, options->match);
  verb->add_option("--sg-members", options->members, "the other side: nics and members of a group")
      ->excludes(verb->get_option("--cidr"));
  verb->add_option("--key", options->key,
                   "your name for it; replaces the group's rule of that name");
  verb->add_option("--procedure", options->procedure,
                   "what is done to packets of its connections (butterfly procedure)");
  verb->add_option("--description", options->description, "for people");
}

void add_delete(CLI::App& topic, Command& command) {
  struct Options {
    std::string group;
    std::vector<std::string> ids, keys;
  };
  const auto options = std::make_shared<Options>();
  const auto act = [&command, options] {
    v1::ApplyRequest request;
    for (const std::string& id : options->ids) {
      v1::RuleDelete& change = *request.add_changes()->mutable_rule_delete();
      change.set_group(options->group);
      change.set_rule_id(id);
    }
    for (const std::string& key : options->keys) {
      v1::RuleDelete& change = *request.add_changes()->mutable_rule_delete();
      change.set_group(options->group);
      change.set_key(key);
    }
    return command.change(request);
  };
  CLI::App& verb = *topic.add_subcommand("del", "Remove rules, all or none");
  verb.callback([&command, options, act] {
    if (options->ids.empty() && options->keys.empty()) throw CLI::RequiredError("RULE_ID");
    command.action = act;
  });
  verb.add_option("SG", options->group, "security group")->required();
  verb.add_option("RULE_ID", options->ids, "ids, as sg rule list prints them");
  add_repeated(verb, "--key", options->keys, "a rule by its key instead; repeatable");
}

// By rule id, "-" where nobody counts.
using HitTexts = std::map<std::string, std::string>;

HitTexts hits_of(const v1::GetGroupResponse& response) {
  HitTexts texts;
  for (const v1::RuleHits& one : response.hits()) {
    if (one.has_hits()) texts[one.rule_id()] = std::to_string(one.hits());
  }
  return texts;
}

// `hits`: null when nobody asks for them.
std::string rules_text(const v1::Group& group, const HitTexts* hits = nullptr) {
  const bool has_keys =
      std::ranges::any_of(group.rules(), [](const v1::Rule& rule) { return !rule.key().empty(); });
  const bool has_procedures = std::ranges::any_of(
      group.rules(), [](const v1::Rule& rule) { return !rule.procedure().empty(); });
  std::vector<std::string> head{"ID", "DIR", "FAMILY", "PROTOCOL", "PORTS", "PEER", "DESCRIPTION"};
  if (has_keys) head.push_back("KEY");
  if (has_procedures) head.push_back("PROCEDURE");
  const bool has_expressions = std::ranges::any_of(
      group.rules(), [](const v1::Rule& rule) { return !rule.expression().empty(); });
  if (has_expressions) head.push_back("EXPRESSION");
  if (hits) head.push_back("HITS");
  Table table(head);
  for (const v1::Rule& rule : group.rules()) {
    std::vector<std::string> row{rule.id(),           direction_text(rule), family_text(rule),
                                 protocol_text(rule), match_text(rule),     peer_text(rule),
                                 rule.description()};
    if (has_keys) row.push_back(rule.key());
    if (has_procedures) row.push_back(rule.procedure());
    if (has_expressions) row.push_back(rule.expression());
    if (hits) row.push_back(hits->contains(rule.id()) ? hits->at(rule.id()) : "");
    table.add(row);
  }
  return table.to_string();
}

std::string show_text(const v1::GetGroupResponse& response) {
  return "group: " + response.group().name() + "\nnics: " + joined(response.nics()) +
         "\nmembers: " + joined(response.group().members()) +
         (response.group().reject() ? "\nreject: on" : "") + "\n" + rules_text(response.group());
}

template <typename Text>
CLI::App& add_question(CLI::App& topic, Command& command, const std::string& name,
                       const std::string& help, Text text) {
  const auto group = std::make_shared<std::string>();
  CLI::App& verb = add_verb(topic, command, name, help, [&command, group, text] {
    v1::GetGroupRequest request;
    request.set_name(*group);
    return command.ask<v1::GetGroupResponse>(request, text);
  });
  verb.add_option("SG", *group, "security group")->required();
  return verb;
}

}  // namespace

void add_rule_commands(CLI::App& group, Command& command) {
  add_question(group, command, "show", "One group: who uses it, members, rules", show_text);
  CLI::App& rule = add_topic(group, "rule", "What a group allows");
  const auto wants_hits = std::make_shared<bool>(false);
  CLI::App& list =
      add_question(rule, command, "list", "The group's rules", [wants_hits](const auto& response) {
        const HitTexts hits = hits_of(response);
        return rules_text(response.group(), *wants_hits ? &hits : nullptr);
      });
  list.add_flag("--hits", *wants_hits, "how many connections each has let start");
  add_add(rule, command);
  add_delete(rule, command);
}

}  // namespace butterfly
