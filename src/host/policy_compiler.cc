// SPDX-License-Identifier: Apache-2.0
#include "host/policy_compiler.h"

#include <algorithm>

namespace butterfly {
namespace {

bool same_membership(const NicIntent& a, const NicIntent& b) {
  return a.vni == b.vni && a.addresses == b.addresses && a.groups == b.groups;
}

void note_groups(const NicIntent& nic, std::set<std::string>& touched) {
  touched.insert(nic.groups.begin(), nic.groups.end());
}

// Names of groups whose address set may differ between the two intents.
std::set<std::string> touched_sets(const Intent& old_intent, const Intent& next) {
  std::set<std::string> touched;
  for (const auto& [id, nic] : old_intent.nics) {
    const auto it = next.nics.find(id);
    if (it == next.nics.end() || !same_membership(nic, it->second)) note_groups(nic, touched);
  }
  for (const auto& [id, nic] : next.nics) {
    const auto it = old_intent.nics.find(id);
    if (it == old_intent.nics.end() || !same_membership(nic, it->second)) note_groups(nic, touched);
  }
  for (const auto& [name, group] : old_intent.groups) {
    const auto it = next.groups.find(name);
    if (it == next.groups.end() || it->second.members != group.members) touched.insert(name);
  }
  for (const auto& [name, group] : next.groups) {
    if (!old_intent.groups.contains(name)) touched.insert(name);
  }
  return touched;
}

// The sets of the groups in `names` that exist: listed members and the addresses of their nics.
std::map<std::string, std::shared_ptr<const AddressSet>> build_sets(
    const std::set<std::string>& names, const Intent& next) {
  std::map<std::string, std::vector<AddressSet::Member>> gathered;
  for (const std::string& name : names) {
    const auto it = next.groups.find(name);
    if (it == next.groups.end()) continue;
    auto& members = gathered[name];
    for (const IpAddress& address : it->second.members) members.push_back({Vni{0}, address});
  }
  for (const auto& [id, nic] : next.nics) {
    for (const std::string& name : nic.groups) {
      const auto it = gathered.find(name);
      if (it == gathered.end()) continue;
      for (const IpAddress& address : nic.addresses) it->second.push_back({nic.vni, address});
    }
  }
  std::map<std::string, std::shared_ptr<const AddressSet>> sets;
  for (auto& [name, members] : gathered) {
    sets[name] = std::make_shared<const AddressSet>(std::move(members));
  }
  return sets;
}

bool same_set(const std::shared_ptr<const AddressSet>& a,
              const std::shared_ptr<const AddressSet>& b) {
  if (!a || !b) return a == b;
  return a->members() == b->members();
}

template <typename Map>
typename Map::mapped_type find_or_null(const Map& map, const std::string& name) {
  const auto it = map.find(name);
  return it == map.end() ? nullptr : it->second;
}

std::optional<wire::Family> family_of(const RuleIntent& rule) {
  if (rule.family == RuleFamily::v4) return wire::Family::v4;
  if (rule.family == RuleFamily::v6) return wire::Family::v6;
  return std::nullopt;
}

Rule compile_rule(const std::string& id, const RuleIntent& intent, const CompiledGroups& groups) {
  static const auto nobody = std::make_shared<const AddressSet>();
  Rule rule;
  rule.id = id;
  rule.family = family_of(intent);
  rule.protocol = intent.protocol;
  if (intent.first_port) rule.first_port = *intent.first_port;
  if (intent.last_port) rule.last_port = *intent.last_port;
  rule.icmp_type = intent.icmp_type;
  rule.icmp_code = intent.icmp_code;
  rule.peer = intent.peer_cidr;
  if (!intent.peer_group.empty()) {
    rule.members = find_or_null(groups.members, intent.peer_group);
    if (!rule.members) rule.members = nobody;
  }
  return rule;
}

std::shared_ptr<const RuleGroup> compile_group(const GroupIntent& intent,
                                               const CompiledGroups& groups,
                                               Generation generation) {
  auto group = std::make_shared<RuleGroup>();
  group->name = intent.name;
  group->generation = generation;
  for (const auto& [id, rule] : intent.rules) {
    auto& rules = rule.direction == RuleDirection::ingress ? group->ingress : group->egress;
    rules.push_back(compile_rule(id, rule, groups));
  }
  return group;
}

bool names_any(const GroupIntent& group, const std::set<std::string>& names) {
  return std::any_of(group.rules.begin(), group.rules.end(),
                     [&names](const auto& rule) { return names.contains(rule.second.peer_group); });
}

}  // namespace

CompileResult compile_groups(const CompiledGroups& before, const Intent& old_intent,
                             const Intent& next, Generation generation) {
  CompileResult result;
  result.groups.members = before.members;
  std::set<std::string> moved;  // sets that really differ
  const auto touched = touched_sets(old_intent, next);
  const auto fresh = build_sets(touched, next);
  for (const std::string& name : touched) {
    const auto set = find_or_null(fresh, name);
    if (same_set(set, find_or_null(before.members, name))) continue;
    moved.insert(name);
    if (set) {
      result.groups.members[name] = set;
    } else {
      result.groups.members.erase(name);
    }
  }
  for (const auto& [name, group] : next.groups) {
    const auto old_group = old_intent.groups.find(name);
    const auto compiled = find_or_null(before.rules, name);
    if (compiled && old_group != old_intent.groups.end() &&
        old_group->second.rules == group.rules && !names_any(group, moved)) {
      result.groups.rules[name] = compiled;
      continue;
    }
    result.groups.rules[name] = compile_group(group, result.groups, generation);
    result.changed.insert(name);
  }
  for (const auto& [name, group] : old_intent.groups) {
    if (!next.groups.contains(name)) result.changed.insert(name);
  }
  return result;
}

Policy compile_policy(const NicIntent& nic, const CompiledGroups& groups, Generation generation) {
  Policy policy;
  policy.generation = generation;
  policy.allow_all_egress = nic.groups.empty();
  for (const std::string& name : nic.groups) {
    if (auto group = find_or_null(groups.rules, name)) policy.groups.push_back(std::move(group));
  }
  return policy;
}

}  // namespace butterfly
