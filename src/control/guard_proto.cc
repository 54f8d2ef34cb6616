// SPDX-License-Identifier: Apache-2.0
// Rules of the guard list to and from API messages.
#include <limits>

#include "control/from_proto.h"
#include "control/to_proto.h"

namespace butterfly {
namespace {

StatusOr<GuardIntent::Action> parse_action(const std::string& what, v1::GuardAction action) {
  switch (action) {
    case v1::GUARD_ACTION_ALLOW:
      return GuardIntent::Action::allow;
    case v1::GUARD_ACTION_DENY:
      return GuardIntent::Action::deny;
    case v1::GUARD_ACTION_GROUPS:
      return GuardIntent::Action::groups;
    case v1::GUARD_ACTION_UNSPECIFIED:
      return invalid(what + ": action is missing (wanted 1 allow, 2 deny or 3 groups)");
    default:
      return invalid(what + ": action " + std::to_string(action) +
                     " is unknown (wanted 1 allow, 2 deny or 3 groups)");
  }
}

v1::GuardAction to_proto(GuardIntent::Action action) {
  switch (action) {
    case GuardIntent::Action::allow:
      return v1::GUARD_ACTION_ALLOW;
    case GuardIntent::Action::deny:
      return v1::GUARD_ACTION_DENY;
    default:
      return v1::GUARD_ACTION_GROUPS;
  }
}

}  // namespace

StatusOr<GuardIntent> from_proto(const v1::GuardRule& rule) {
  const std::string what = "guard rule '" + rule.key() + "'";
  constexpr uint32_t kLast = std::numeric_limits<uint16_t>::max();
  if (rule.priority() > kLast) {
    return invalid(what + ": priority " + std::to_string(rule.priority()) +
                   " is too big (wanted 0.." + std::to_string(kLast) + ")");
  }
  const auto action = parse_action(what, rule.action());
  if (!action.ok()) return action.status();
  auto match = parse_rule(what, rule.match());
  if (!match.ok()) return match.status();
  if (!rule.match().id().empty()) {
    return invalid(what + ": match with id '" + rule.match().id() +
                   "' (wanted none: the rule has a key)");
  }
  if (rule.match().direction() == v1::DIRECTION_UNSPECIFIED) match->direction = RuleDirection::both;
  GuardIntent intent;
  intent.key = rule.key();
  intent.priority = static_cast<uint16_t>(rule.priority());
  intent.action = *action;
  intent.vni = Vni(rule.vni());
  intent.match = *std::move(match);
  intent.description = rule.description();
  return intent;
}

v1::GuardRule to_proto(const GuardIntent& rule) {
  v1::GuardRule message;
  message.set_key(rule.key);
  message.set_priority(rule.priority);
  message.set_action(to_proto(rule.action));
  message.set_vni(rule.vni.value);
  *message.mutable_match() = to_proto(rule.match);
  message.mutable_match()->clear_id();
  message.set_description(rule.description);
  return message;
}

}  // namespace butterfly
