// SPDX-License-Identifier: Apache-2.0
// The host's guard list, compiled: the operator's rules, which are judged before any security group
// and may deny.
//
// Key:      the first packet of a flow. Value: the first rule that fits it, in the order of
//           priorities, lowest first, and of keys among the same. Capacity: the caller's
//           (host/intent/limits.h).
// Cost:     the rules are looked at one after the other, 48 bytes each (decision record 0017 has
//           the figures); none at all while the list is empty.
// Memory:   64 bytes a rule besides the rule.
// Written by the control side, then immutable; any lcore asks.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "tables/ruleset.h"

namespace butterfly {

struct GuardRule {
  enum class Action : uint8_t {
    allow,   // it passes, no group is asked
    deny,    // it does not pass
    groups,  // the nic's groups decide, no later rule of the list
  };
  Rule match;                          // its id is the rule's key; its direction does not count
  std::optional<Direction> direction;  // empty: both
  Vni vni;                             // 0: every segment
  uint16_t priority = 0;
  Action action = Action::deny;
};

class GuardList {
 public:
  GuardList() = default;
  // In any order. REQUIRES: each key once.
  explicit GuardList(std::vector<std::shared_ptr<const GuardRule>> rules);

  bool empty() const { return rules_.empty(); }
  // Whether any rule may deny something on the segment.
  bool may_deny_in(Vni vni) const {
    return denies_everywhere_ || std::ranges::binary_search(denied_in_, vni);
  }
  // In the order in which they are judged.
  std::span<const std::shared_ptr<const GuardRule>> rules() const { return rules_; }

  // The first rule that fits `start` and is accepted, or null: then the groups decide. `direction`
  // as the nic sees it that is asked for.
  const GuardRule* find(Direction direction, const FlowStart& start,
                        Accepts accepts) const noexcept;

 private:
  // What a packet is held against.
  struct Line {
    Uint128 first_peer;
    Uint128 last_peer;
    ServiceRange services;
    uint32_t vni;
    uint8_t ways;  // bits by direction and family
  };
  static Line line_of(const GuardRule& rule);

  std::vector<std::shared_ptr<const GuardRule>> rules_;
  std::vector<Line> lines_;     // of each rule
  std::vector<Vni> denied_in_;  // sorted
  bool denies_everywhere_ = false;
};

// Of hosts, and tests, that have none.
extern const GuardList kNoGuardList;

}  // namespace butterfly
