// SPDX-License-Identifier: Apache-2.0
#include "host/intent/difference.h"

namespace butterfly {
namespace {

template <typename Map>
void note(const Map& before, const Map& after, std::vector<Changed<Map>>& changes) {
  Map::for_each_difference(before, after, [&](const auto* old_one, const auto* now) {
    changes.push_back({old_one, now});
  });
}

}  // namespace

Difference difference(const Intent& before, const Intent& after) {
  Difference found;
  note(before.nics, after.nics, found.nics);
  note(before.groups, after.groups, found.groups);
  note(before.peers, after.peers, found.peers);
  note(before.fdb, after.fdb, found.fdb);
  note(before.procedures, after.procedures, found.procedures);
  note(before.guard, after.guard, found.guard);
  note(before.subnets, after.subnets, found.subnets);
  note(before.segments, after.segments, found.segments);
  if (before.firewall != after.firewall) found.firewall = {before.firewall, after.firewall};
  if (before.switching != after.switching) found.switching = {before.switching, after.switching};
  return found;
}

bool needs_new_port(const NicIntent& before, const NicIntent& after) {
  if (before.type != after.type) return true;
  if (after.type == NicType::tap) {
    return before.kernel_name() != after.kernel_name() || before.mtu != after.mtu;
  }
  return before.vhost_server != after.vhost_server || before.queues != after.queues ||
         before.packed != after.packed;
}

}  // namespace butterfly
