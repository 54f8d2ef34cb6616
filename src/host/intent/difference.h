// SPDX-License-Identifier: Apache-2.0
// What two intents differ in, object by object.
#pragma once

#include <optional>
#include <vector>

#include "host/intent/intent.h"

namespace butterfly {

// An object that came, goes or is not what it was: its entry in the map before and after, null
// where it is not there.
template <typename Map>
struct Changed {
  const typename Map::value_type* before;
  const typename Map::value_type* after;

  const typename Map::key_type& key() const { return after ? after->first : before->first; }
};

// Points into the intents that it was made of, which outlive it. In the order of the maps.
struct Difference {
  std::vector<Changed<decltype(Intent::nics)>> nics;
  std::vector<Changed<decltype(Intent::groups)>> groups;
  std::vector<Changed<decltype(Intent::peers)>> peers;
  std::vector<Changed<decltype(Intent::fdb)>> fdb;
  std::vector<Changed<decltype(Intent::procedures)>> procedures;
  std::vector<Changed<decltype(Intent::guard)>> guard;
  std::vector<Changed<decltype(Intent::subnets)>> subnets;
  std::vector<Changed<decltype(Intent::segments)>> segments;

  template <typename Settings>
  struct ChangedSettings {
    Settings before;
    Settings after;
  };
  std::optional<ChangedSettings<FirewallSettings>> firewall;
  std::optional<ChangedSettings<SwitchSettings>> switching;

  bool empty() const {
    return nics.empty() && groups.empty() && peers.empty() && fdb.empty() && procedures.empty() &&
           guard.empty() && subnets.empty() && segments.empty() && !firewall && !switching;
  }
};

// In the time of the difference when one intent was made of the other.
Difference difference(const Intent& before, const Intent& after);

// As validate(next), in the time of the difference and a look at the nics when one of them came.
// REQUIRES: `before` is valid, `change` is the difference of the two.
Status validate_change(const Intent& next, const Difference& change);

// Whether the nic's port must be made anew (type, a tap's name and MTU, who listens at
// a socket, queues, kind of rings): the guest sees its link drop.
bool needs_new_port(const NicIntent& before, const NicIntent& after);

}  // namespace butterfly
