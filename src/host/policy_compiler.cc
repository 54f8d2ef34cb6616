// SPDX-License-Identifier: Apache-2.0
#include "host/policy_compiler.h"

#include <algorithm>
#include <map>

namespace butterfly {
namespace {

using Members = std::vector<AddressSet::Member>;

// What a change does to the members of one group.
struct MemberEdit {
  Members gone;
  Members came;
};

bool same_membership(const NicIntent& a, const NicIntent& b) {
  return a.vni == b.vni && a.addresses == b.addresses && a.groups == b.groups;
}

void add_addresses(const NicIntent& nic, Members& members) {
  for (const IpAddress& address : nic.addresses) members.push_back({nic.vni, Cidr(address, 128)});
}

// Of groups that are there before and after: what their nics and lists have gained and lost.
std::map<std::string, MemberEdit> member_edits(const Difference& change, const Intent& next) {
  std::map<std::string, MemberEdit> edits;
  for (const auto& [before, after] : change.nics) {
    if (before && after && same_membership(before->second, after->second)) continue;
    if (before) {
      for (const std::string& group : before->second.groups) {
        add_addresses(before->second, edits[group].gone);
      }
    }
    if (after) {
      for (const std::string& group : after->second.groups) {
        add_addresses(after->second, edits[group].came);
      }
    }
  }
  for (const auto& group : change.groups) {
    if (!group.before || !group.after) {
      edits.erase(group.key());
      continue;
    }
    SharedSet<Cidr>::for_each_difference(group.before->second.members, group.after->second.members,
                                         [&](const Cidr* old_member, const Cidr* member) {
                                           MemberEdit& edit = edits[group.key()];
                                           if (old_member)
                                             edit.gone.push_back({Vni{0}, *old_member});
                                           if (member) edit.came.push_back({Vni{0}, *member});
                                         });
  }
  std::erase_if(edits, [&](const auto& edit) {
    const MemberEdit& members = edit.second;
    return !next.groups.contains(edit.first) || (members.gone.empty() && members.came.empty());
  });
  return edits;
}

// Listed members and the addresses of the group's nics.
std::shared_ptr<const AddressSet> build_set(const GroupIntent& group, const GroupUsers& users,
                                            const Intent& next) {
  Members members;
  for (const Cidr& member : group.members) members.push_back({Vni{0}, member});
  for (const std::string& id : users.nics_in(group.name)) add_addresses(next.nics.at(id), members);
  return std::make_shared<const AddressSet>(members);
}

template <typename Map>
typename Map::mapped_type find_or_null(const Map& map, const std::string& name) {
  const auto it = map.find(name);
  return it == map.end() ? nullptr : it->second;
}

// Brings the members up to date; the names of the groups that have others than before.
std::set<std::string> compile_members(const Difference& change, const Intent& next,
                                      CompiledGroups& groups) {
  std::set<std::string> moved;
  for (const auto& [name, edit] : member_edits(change, next)) {
    auto members = std::make_shared<AddressSet>(*groups.members.at(name));
    members->edit(edit.gone, edit.came);
    groups.members.set(name, std::move(members));
    moved.insert(name);
  }
  for (const auto& group : change.groups) {
    if (group.before && group.after) continue;
    moved.insert(group.key());
    if (group.after) {
      groups.members.set(group.key(), build_set(group.after->second, groups.users, next));
    } else {
      groups.members.erase(group.key());
    }
  }
  return moved;
}

// ICMP is of one family even when nobody says so.
std::optional<wire::Family> family_of(const RuleIntent& rule) {
  if (rule.family == RuleFamily::v4 || rule.protocol == uint8_t{1}) return wire::Family::v4;
  if (rule.family == RuleFamily::v6 || rule.protocol == uint8_t{58}) return wire::Family::v6;
  return std::nullopt;
}

std::shared_ptr<const Rule> compile_rule(const std::string& id, const RuleIntent& intent,
                                         const CompiledGroups& groups, HitSlots::Place counted) {
  auto rule = std::make_shared<Rule>();
  rule->id = id;
  rule->hits_slot = counted.slot;
  rule->hits_base = counted.base;
  rule->direction =
      intent.direction == RuleDirection::ingress ? Direction::ingress : Direction::egress;
  rule->family = family_of(intent);
  rule->protocol = intent.protocol;
  if (intent.first_port) rule->first_port = *intent.first_port;
  if (intent.last_port) rule->last_port = *intent.last_port;
  rule->icmp_type = intent.icmp_type;
  rule->icmp_code = intent.icmp_code;
  rule->peer = intent.peer_cidr;
  rule->peer_group = intent.peer_group;
  if (!intent.expression.empty()) {
    rule->expression = groups.expressions.at(intent.expression);
  }
  if (!intent.procedure.empty()) {
    rule->procedure = static_cast<ProcedureSlot>(groups.procedure_slots.at(intent.procedure));
  }
  return rule;
}

// The group as it was, to be changed and put back.
RuleGroup copy_of(const CompiledGroups& groups, const std::string& name, Generation generation) {
  const auto before = find_or_null(groups.rules, name);
  RuleGroup group = before ? *before : RuleGroup();
  group.name = name;
  group.generation = generation;
  return group;
}

void put(CompiledGroups& groups, RuleGroup group) {
  const std::string name = group.name;
  groups.rules.set(name, std::make_shared<const RuleGroup>(std::move(group)));
}

// Brings the rules up to date; the names of the groups that have others than before.
std::set<std::string> compile_rules(const Difference& change, Generation generation,
                                    CompiledGroups& groups) {
  static const GroupIntent nothing;
  std::set<std::string> changed;
  for (const auto& group : change.groups) {
    const std::string& name = group.key();
    RuleGroup compiled = copy_of(groups, name, generation);
    std::vector<RuleGroup::Change> changes;
    decltype(nothing.rules)::for_each_difference(
        (group.before ? group.before->second : nothing).rules,
        (group.after ? group.after->second : nothing).rules,
        [&](const auto* old_rule, const auto* rule) {
          auto before = old_rule ? compiled.rule(old_rule->first) : nullptr;
          std::shared_ptr<const Rule> after;
          if (rule) {
            const HitSlots::Place counted =
                before ? HitSlots::Place{before->hits_slot, before->hits_base} : groups.hits.take();
            after = compile_rule(rule->first, rule->second, groups, counted);
          } else if (before) {
            groups.hits.retire(before->hits_slot);
          }
          changes.push_back({std::move(before), std::move(after)});
        });
    const bool rejects = group.after && group.after->second.reject;
    if (group.before && group.after && changes.empty() && rejects == compiled.reject) continue;
    compiled.reject = rejects;
    changed.insert(name);
    if (!group.after) {
      groups.rules.erase(name);
      continue;
    }
    compiled.edit(changes,
                  [&](const std::string& peer) { return find_or_null(groups.members, peer); });
    put(groups, std::move(compiled));
  }
  return changed;
}

}  // namespace

Rule compile_match(const std::string& id, const RuleIntent& intent, const CompiledGroups& groups,
                   HitSlots::Place counted) {
  return *compile_rule(id, intent, groups, counted);
}

CompileResult compile_groups(const CompiledGroups& before, const Difference& change,
                             const Intent& next, Generation generation) {
  CompileResult result{before, {}};
  CompiledGroups& groups = result.groups;
  groups.users.follow(change);
  const std::set<std::string> moved = compile_members(change, next, groups);
  result.changed = compile_rules(change, generation, groups);
  for (const std::string& name : moved) {
    for (const auto& [namer, rules] : groups.users.groups_naming(name)) {
      RuleGroup group = copy_of(groups, namer, generation);
      group.set_members(name, find_or_null(groups.members, name));
      put(groups, std::move(group));
      result.changed.insert(namer);
    }
  }
  return result;
}

bool passes_all(const Policy& policy, Direction direction) {
  if (direction == Direction::egress && policy.allow_all_egress) return true;
  // One rule for both families, or one for each, as new groups have them.
  bool passes_v4 = false;
  bool passes_v6 = false;
  for (const auto& group : policy.groups) {
    for (const auto& [id, rule] : group->rules()) {
      const bool asks_nothing = rule->direction == direction && !rule->protocol && !rule->peer &&
                                rule->peer_group.empty() && !rule->expression &&
                                rule->procedure == 0;
      passes_v4 = passes_v4 || (asks_nothing && rule->family != wire::Family::v6);
      passes_v6 = passes_v6 || (asks_nothing && rule->family != wire::Family::v4);
    }
  }
  return passes_v4 && passes_v6;
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
  if (nic.carry_vlans) {
    for (const Direction direction : {Direction::ingress, Direction::egress}) {
      policy.passes_all[static_cast<size_t>(direction)] = passes_all(policy, direction);
    }
  }
  return policy;
}

}  // namespace butterfly
