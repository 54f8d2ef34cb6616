// SPDX-License-Identifier: Apache-2.0
// Security groups of the intent → rule groups and address sets of the datapath.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "base/shared_map.h"
#include "host/expression/expressions.h"
#include "host/group_users.h"
#include "host/hit_slots.h"
#include "host/intent/difference.h"
#include "tables/ruleset.h"

namespace butterfly {

// Everything compiled, by group name. Only groups that exist are in it: a rule or nic that names
// another gets nothing from it until it comes. A value whose copies share what they have in common.
struct CompiledGroups {
  SharedMap<std::string, std::shared_ptr<const AddressSet>> members;
  SharedMap<std::string, std::shared_ptr<const RuleGroup>> rules;
  GroupUsers users;
  // Where rules are counted. One that stays in its group stays where it is, also with other fields.
  HitSlots hits;
  // Of the procedures that rules name, by name.
  SharedMap<std::string, uint16_t> procedure_slots;
  // Of the rules that come with the change; empty between changes.
  Expressions expressions;
};

struct CompileResult {
  CompiledGroups groups;
  // Groups whose verdicts may differ from before: made, removed, rules or a named set changed.
  std::set<std::string> changed;
};

// Compiles `next`, sharing with `before` (made from the intent that `change` began with) what the
// change does not touch. A rule costs the rules of its peer in its group (tables/ruleset.h), a
// member itself and a copy of the lists of peers of those groups whose rules name its group.
CompileResult compile_groups(const CompiledGroups& before, const Difference& change,
                             const Intent& next, Generation generation);

// A rule of no group. REQUIRES: its expression is among those of `groups`.
Rule compile_match(const std::string& id, const RuleIntent& intent, const CompiledGroups& groups,
                   HitSlots::Place counted);

// A nic's policy. REQUIRES: groups compiled from the same intent.
// Whether the nic's policy lets everything pass in the direction, whatever it is and whoever sends
// it.
bool passes_all(const Policy& policy, Direction direction);
Policy compile_policy(const NicIntent& nic, const CompiledGroups& groups, Generation generation);

}  // namespace butterfly
