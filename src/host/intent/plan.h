// SPDX-License-Identifier: Apache-2.0
// The difference between two intents, as a list of actions in the order in which they are done.
#pragma once

#include <string>
#include <vector>

#include "host/intent/difference.h"
#include "host/intent/intent.h"

namespace butterfly {

struct Action {
  enum class Verb : uint8_t { add, change, remove };
  enum class Object : uint8_t {
    nic,
    group,
    peer,
    fdb,
    procedure,
    guard_rule,
    firewall,
    subnet,
    segment,
    switching
  };
  Verb verb = Verb::add;
  Object object = Object::nic;
  std::string name;  // id, group name, address, "vni/mac", key, or "settings"
  // Whether the nic's port must be made anew (type, a tap's name and MTU, who listens at
  // a socket, queues, kind of rings): the guest sees its link drop.
  bool replaces_port = false;
  std::string detail;  // "mac 52:… → 52:…, groups a → b"; for people
  friend bool operator==(const Action&, const Action&) = default;
};

// Validates `next`, then compares. Pure. An unchanged object yields no action. REQUIRES: the old
// intent is valid.
StatusOr<std::vector<Action>> plan(const Intent& old_intent, const Intent& next);
std::vector<Action> actions_of(const Difference& change);
std::string to_string(const Action& action);

}  // namespace butterfly
