// SPDX-License-Identifier: Apache-2.0
// Security groups of the intent → rule groups and address sets of the datapath.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "host/intent/intent.h"
#include "tables/ruleset.h"

namespace butterfly {

// Everything compiled, by group name. Only groups that exist are in it: a rule or nic that names
// another gets nothing from it until it comes.
struct CompiledGroups {
  std::map<std::string, std::shared_ptr<const AddressSet>> members;
  std::map<std::string, std::shared_ptr<const RuleGroup>> rules;
};

struct CompileResult {
  CompiledGroups groups;
  // Groups whose verdicts may differ from before: made, removed, rules or a named set changed.
  std::set<std::string> changed;
};

// Compiles `next`, sharing with `before` (made from `old_intent`) what the change does not touch.
CompileResult compile_groups(const CompiledGroups& before, const Intent& old_intent,
                             const Intent& next, Generation generation);

// A nic's policy. REQUIRES: groups compiled from the same intent.
Policy compile_policy(const NicIntent& nic, const CompiledGroups& groups, Generation generation);

}  // namespace butterfly
