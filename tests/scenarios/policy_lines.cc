// SPDX-License-Identifier: Apache-2.0
#include "scenarios/policy_lines.h"

#include <map>

namespace butterfly::scenario {
namespace {

// True when `word` says which protocol.
bool read_protocol(const std::string& word, LineReader& reader, RuleIntent& rule) {
  static const std::map<std::string, uint8_t> protocols{
      {"tcp", 6}, {"udp", 17}, {"sctp", 132}, {"icmp", 1}, {"icmp6", 58}};
  if (word == "proto") {
    rule.protocol = reader.number<uint8_t>(255);
    return true;
  }
  const auto it = protocols.find(word);
  if (it == protocols.end()) return false;
  rule.protocol = it->second;
  return true;
}

void read_ports(LineReader& reader, RuleIntent& rule) {
  const std::string& text = reader.next();
  const size_t dash = text.find('-');
  const StatusOr<uint64_t> first = parse_number(text.substr(0, dash), 65535);
  const StatusOr<uint64_t> last =
      dash == std::string::npos ? first : parse_number(text.substr(dash + 1), 65535);
  if (!first.ok() || !last.ok()) return reader.wanted("PORT or PORT-PORT");
  rule.first_port = static_cast<uint16_t>(*first);
  rule.last_port = static_cast<uint16_t>(*last);
}

StatusOr<RuleIntent> read_rule(LineReader& reader) {
  RuleIntent rule;
  const std::string direction = reader.next();
  if (direction != "in" && direction != "out" && direction != "both") {
    reader.wanted("in, out or, of a guard rule, both");
  }
  rule.direction = direction == "in"    ? RuleDirection::ingress
                   : direction == "out" ? RuleDirection::egress
                                        : RuleDirection::both;
  while (!reader.is_done()) {
    const std::string word = reader.next();
    if (word == "any" || word == "v4" || word == "v6") {
      rule.family = word == "any"  ? RuleFamily::any
                    : word == "v4" ? RuleFamily::v4
                                   : RuleFamily::v6;
    } else if (word == "port") {
      read_ports(reader, rule);
    } else if (word == "type") {
      rule.icmp_type = reader.number<uint8_t>(255);
    } else if (word == "code") {
      rule.icmp_code = reader.number<uint8_t>(255);
    } else if (word == "cidr") {
      rule.peer_cidr = reader.cidr();
    } else if (word == "group") {
      rule.peer_group = reader.next();
    } else if (word == "expression") {
      while (!reader.is_done()) {
        rule.expression += (rule.expression.empty() ? "" : " ") + reader.next();
      }
    } else if (word == "procedure") {
      rule.procedure = reader.next();
    } else if (!read_protocol(word, reader, rule)) {
      reader.wanted(
          "any, v4, v6, a protocol, port, type, code, cidr, group, procedure or expression");
    }
  }
  if (!reader.status().ok()) return reader.status();
  return rule;
}

Status delete_rule(LineReader reader, Intent& intent) {
  const std::string& name = reader.next();
  if (!intent.groups.contains(name)) return invalid("group '" + name + "' is not there");
  const StatusOr<RuleIntent> rule = read_rule(reader);
  if (!rule.ok()) return rule.status();
  if (intent.groups[name].rules.erase(rule_id(*rule)) == 0) {
    return invalid("group '" + name + "' has no such rule");
  }
  return ok_status();
}

Status change_member(LineReader reader, Intent& intent) {
  const bool is_add = reader.next() == "add";
  GroupIntent& group = group_of(intent, reader.next(), true);
  const Cidr member = reader.cidr();
  is_add ? void(group.members.insert(member)) : void(group.members.erase(member));
  return reader.status();
}

}  // namespace

GroupIntent& group_of(Intent& intent, const std::string& name, bool with_defaults) {
  const bool is_new = !intent.groups.contains(name);
  GroupIntent& group = intent.groups[name];
  group.name = name;
  if (is_new && with_defaults) {
    for (const RuleIntent& rule : default_group_rules()) group.rules[rule_id(rule)] = rule;
  }
  return group;
}

Status read_group(LineReader reader, Intent& intent) {
  if (reader.accept("rule")) {
    if (!reader.accept("del")) return invalid("sg rule (wanted sg rule del, or sg GROUP rule …)");
    return delete_rule(reader, intent);
  }
  if (reader.accept("member")) return change_member(reader, intent);
  if (reader.accept("del")) {
    if (intent.groups.erase(reader.next()) == 0) reader.wanted("a group that is there");
    return reader.status();
  }
  const std::string& name = reader.next();
  const bool is_empty = reader.accept("empty");
  GroupIntent& group = group_of(intent, name, !is_empty);
  if (reader.is_done()) return reader.status();
  if (reader.accept("reject")) {
    group.reject = !reader.accept("no");
    return reader.status();
  }
  if (!reader.accept("rule")) {
    return invalid("sg " + name + " (wanted rule, reject, empty, or nothing)");
  }
  const StatusOr<RuleIntent> rule = read_rule(reader);
  if (!rule.ok()) return rule.status();
  group.rules[rule_id(*rule)] = *rule;
  return ok_status();
}

Status read_guard(LineReader reader, Intent& intent) {
  static const std::map<std::string, GuardIntent::Action> actions{
      {"allow", GuardIntent::Action::allow},
      {"deny", GuardIntent::Action::deny},
      {"groups", GuardIntent::Action::groups}};
  if (reader.accept("del")) {
    if (intent.guard.erase(reader.next()) == 0) reader.wanted("a guard rule that is there");
    return reader.status();
  }
  GuardIntent rule;
  rule.key = reader.next();
  rule.priority = reader.number<uint16_t>(65535);
  const auto action = actions.find(reader.next());
  if (action == actions.end()) {
    reader.wanted("allow, deny or groups");
    return reader.status();
  }
  rule.action = action->second;
  if (reader.accept("vni")) rule.vni = Vni{reader.number<uint32_t>(kVniMax)};
  const StatusOr<RuleIntent> match = read_rule(reader);
  if (!match.ok()) return match.status();
  rule.match = *match;
  intent.guard.set(rule.key, rule);
  return ok_status();
}

Status read_procedure(LineReader reader, Intent& intent) {
  if (reader.accept("del")) {
    if (intent.procedures.erase(reader.next()) == 0) reader.wanted("a procedure that is there");
    return reader.status();
  }
  ProcedureIntent procedure;
  procedure.name = reader.next();
  while (!reader.is_done()) {
    const std::string field = reader.next();
    if (field == "max-mss") {
      procedure.max_mss = reader.number<uint16_t>(65535);
    } else if (field == "min-ttl") {
      procedure.min_ttl = reader.number<uint8_t>(255);
    } else if (field == "no-df") {
      procedure.no_df = true;
    } else if (field == "random-id") {
      procedure.random_id = true;
    } else if (field == "log") {
      procedure.log = true;
    } else if (field == "packets") {
      procedure.packets_per_s = reader.number<uint64_t>(1'000'000'000);
    } else if (field == "bits") {
      procedure.bits_per_s = reader.number<uint64_t>(1'000'000'000'000);
    } else if (field == "burst") {
      procedure.burst_ms = reader.duration();
    } else {
      reader.wanted("max-mss, min-ttl, no-df, random-id, log, packets, bits or burst");
    }
  }
  intent.procedures.set(procedure.name, procedure);
  return reader.status();
}

}  // namespace butterfly::scenario
