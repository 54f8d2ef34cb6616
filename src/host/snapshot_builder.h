// SPDX-License-Identifier: Apache-2.0
// Intent + slots + the snapshot before → the next snapshot.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "host/intent/difference.h"
#include "host/policy_compiler.h"
#include "host/slots.h"
#include "host/snapshot.h"

namespace butterfly {

// The places of everything the datapath numbers. A value: an attempt works on a copy.
struct Slots {
  SlotMap<std::string> ports{1, kMaxPorts};  // by nic id; 0 is the uplink
  SlotMap<Vni> segments{0, kMaxSegments};
  SlotMap<IpAddress> peers{0, kMaxPeers};
  SlotMap<IpAddress> neighbours{0, kMaxPeers};          // by next hop
  SlotMap<std::string> procedures{1, kProcedureSlots};  // by name; 0 is none
  SharedMap<std::string, NicSerial> serials;            // by nic id
  uint64_t last_serial = 0;
};

// All that one change of intent works on: copied, which costs little, changed, and kept only on
// success.
struct CompiledState {
  Intent intent;
  Slots slots;
  CompiledGroups groups;
  // Nic id → index of the lcore that polls it, or its first queue pair (polling_lcores).
  SharedMap<std::string, uint16_t> placement;
  Snapshot snapshot;
  // Expressions that do not compile any more, by group and rule id: what is said of them.
  std::map<std::string, std::string> dead_expressions;
};

// All of the following take time for what changed, and at most a look at each nic or peer.

// Gives each new or replaced nic to the lcore that polls the fewest; the others stay.
void place_nics(const Difference& change, uint16_t lcores,
                SharedMap<std::string, uint16_t>& placement);

// Assigns slots for `next`: new nics, segments, peers and next hops get one, those that left are
// retired. Nics whose port is made anew get a new slot and serial. resource_exhausted when a table
// is full, failed_precondition for peers on a host without underlay.
Status assign_slots(const Intent& next, const Difference& change, bool has_underlay,
                    const Vtep& vtep, Slots& slots);

// Whether this host can have such a peer.
Status validate_peer_here(const IpAddress& address, bool has_underlay, const Vtep& vtep);

// Builds the next snapshot into `state` (whose intent, groups and snapshot are still those of
// `before`, and whose slots are already assigned for `next`). What did not change is shared. Ports
// are the caller's to fill in.
void build_snapshot(const CompiledState& before, const Difference& change, const Intent& next,
                    CompiledState& state);

// The underlay address that packets for `peer` are sent to.
IpAddress next_hop_of(const IpAddress& peer, const Vtep& vtep);

}  // namespace butterfly
