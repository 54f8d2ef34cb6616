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

// Names of groups whose address set may differ from before.
std::set<std::string> touched_sets(const Difference& change) {
  std::set<std::string> touched;
  for (const auto& [before, after] : change.nics) {
    if (before && after && same_membership(before->second, after->second)) continue;
    if (before) note_groups(before->second, touched);
    if (after) note_groups(after->second, touched);
  }
  for (const auto& group : change.groups) {
    const bool is_there = group.before && group.after;
    if (!is_there || !(group.before->second.members == group.after->second.members)) {
      touched.insert(group.key());
    }
  }
  return touched;
}

// Listed members and the addresses of the group's nics; null when there is no such group.
std::shared_ptr<const AddressSet> build_set(const std::string& name, const GroupUsers& users,
                                            const Intent& next) {
  const auto group = next.groups.find(name);
  if (group == next.groups.end()) return nullptr;
  std::vector<AddressSet::Member> members;
  for (const IpAddress& address : group->second.members) members.push_back({Vni{0}, address});
  for (const std::string& id : users.nics_in(name)) {
    const NicIntent& nic = next.nics.at(id);
    for (const IpAddress& address : nic.addresses) members.push_back({nic.vni, address});
  }
  return std::make_shared<const AddressSet>(std::move(members));
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
  if (!intent.procedure.empty()) {
    rule.procedure = static_cast<ProcedureSlot>(groups.procedure_slots.at(intent.procedure));
  }
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
  group->reject = intent.reject;
  for (const auto& [id, rule] : intent.rules) {
    auto& rules = rule.direction == RuleDirection::ingress ? group->ingress : group->egress;
    rules.push_back(compile_rule(id, rule, groups));
  }
  return group;
}

// Those to compile again: their rules changed, or a set that they name.
std::set<std::string> touched_groups(const Difference& change, const std::set<std::string>& moved,
                                     const GroupUsers& users) {
  std::set<std::string> touched;
  for (const auto& group : change.groups) {
    const bool is_there = group.before && group.after;
    if (!is_there || !(group.before->second.rules == group.after->second.rules) ||
        group.before->second.reject != group.after->second.reject) {
      touched.insert(group.key());
    }
  }
  for (const std::string& set : moved) {
    for (const auto& [name, rules] : users.groups_naming(set)) touched.insert(name);
  }
  return touched;
}

}  // namespace

CompileResult compile_groups(const CompiledGroups& before, const Difference& change,
                             const Intent& next, Generation generation) {
  CompileResult result{before, {}};
  CompiledGroups& groups = result.groups;
  groups.users.follow(change);
  std::set<std::string> moved;  // sets that really differ
  for (const std::string& name : touched_sets(change)) {
    auto set = build_set(name, groups.users, next);
    if (same_set(set, find_or_null(before.members, name))) continue;
    moved.insert(name);
    if (set) {
      groups.members.set(name, std::move(set));
    } else {
      groups.members.erase(name);
    }
  }
  result.changed = touched_groups(change, moved, groups.users);
  for (const std::string& name : result.changed) {
    const auto group = next.groups.find(name);
    if (group == next.groups.end()) {
      groups.rules.erase(name);
    } else {
      groups.rules.set(name, compile_group(group->second, groups, generation));
    }
  }
  return result;
}

Policy compile_policy(const NicIntent& nic, const CompiledGroups& groups, Generation generation) {
  Policy policy;
  policy.generation = generation;
  policy.allow_all_egress = nic.groups.empty();
  for (const std::string& name : nic.groups) {
    auto group = find_or_null(groups.rules, name);
    if (!group) continue;
    policy.rejects = policy.rejects || group->reject;
    policy.groups.push_back(std::move(group));
  }
  return policy;
}

}  // namespace butterfly
