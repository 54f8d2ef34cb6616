// SPDX-License-Identifier: Apache-2.0
#include "host/guard_compiler.h"

#include <algorithm>
#include <map>
#include <utility>

namespace butterfly {
namespace {

GuardRule::Action action_of(GuardIntent::Action action) {
  switch (action) {
    case GuardIntent::Action::allow:
      return GuardRule::Action::allow;
    case GuardIntent::Action::deny:
      return GuardRule::Action::deny;
    default:
      return GuardRule::Action::groups;
  }
}

std::optional<Direction> direction_of(RuleDirection direction) {
  if (direction == RuleDirection::both) return std::nullopt;
  return direction == RuleDirection::ingress ? Direction::ingress : Direction::egress;
}

std::shared_ptr<const GuardRule> compile(const GuardIntent& intent, const CompiledGroups& groups,
                                         HitSlots::Place counted) {
  auto rule = std::make_shared<GuardRule>();
  rule->match = compile_match(intent.key, intent.match, groups, counted);
  rule->direction = direction_of(intent.match.direction);
  rule->vni = intent.vni;
  rule->priority = intent.priority;
  rule->action = action_of(intent.action);
  // What is left of a rule to deny whose expression does not compile any more errs on the safe
  // side: it denies all that its other fields fit.
  const auto& expression = rule->match.expression;
  const bool is_dead = expression && !expression->fault().empty();
  if (is_dead && rule->action == GuardRule::Action::deny) rule->match.expression = nullptr;
  return rule;
}

bool differs_in_words_only(const GuardIntent& before, const GuardIntent& after) {
  GuardIntent same_words = before;
  same_words.description = after.description;
  return same_words == after;
}

}  // namespace

std::shared_ptr<const GuardList> compile_guard(const GuardList& before, const Difference& change,
                                               CompiledGroups& groups) {
  const auto is_touched = [&](const auto& rule) {
    return std::ranges::binary_search(change.guard, rule->match.id, {},
                                      [](const auto& changed) { return changed.key(); });
  };
  std::vector<std::shared_ptr<const GuardRule>> rules;
  std::map<std::string, HitSlots::Place> counted;
  for (const auto& rule : before.rules()) {
    if (is_touched(rule)) {
      counted[rule->match.id] = {rule->match.hits_slot, rule->match.hits_base};
    } else {
      rules.push_back(rule);
    }
  }
  for (const auto& changed : change.guard) {
    if (!changed.before) counted[changed.key()] = groups.hits.take();
    const HitSlots::Place place = counted.at(changed.key());
    if (changed.after) {
      rules.push_back(compile(changed.after->second, groups, place));
    } else {
      groups.hits.retire(place.slot);
    }
  }
  return std::make_shared<const GuardList>(std::move(rules));
}

std::set<Vni> segments_rejudged(const Difference& change) {
  std::set<Vni> segments;
  for (const auto& [before, after] : change.guard) {
    if (before && after && differs_in_words_only(before->second, after->second)) continue;
    if (before) segments.insert(before->second.vni);
    if (after) segments.insert(after->second.vni);
  }
  return segments;
}

}  // namespace butterfly
