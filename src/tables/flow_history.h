// SPDX-License-Identifier: Apache-2.0
// The part of a flow that its packets do not touch: verdicts, old counts, whom it counts for.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/ids.h"
#include "tables/procedure.h"
#include "tables/tcp_state.h"

namespace butterfly {

// That the rules of one life of a nic let the flow pass, when they were asked, and what they want
// done to its packets.
struct [[gnu::packed]] NicVerdict {
  uint32_t serial;           // low bits of the NicSerial; 0: no local nic was asked
  uint64_t generation : 40;  // a thousand changes a second for 34 years
  ProcedureSlot procedure;   // of the rule that let it pass

  static NicVerdict of(NicSerial nic, Generation generation, ProcedureSlot procedure = 0) {
    return {static_cast<uint32_t>(nic.value), generation & ((uint64_t{1} << 40) - 1), procedure};
  }
  bool is_of(NicSerial nic) const { return serial == static_cast<uint32_t>(nic.value); }
};
static_assert(sizeof(NicVerdict) == 10);

// What has passed in one direction.
struct Tally {
  uint64_t packets = 0;
  uint64_t bytes = 0;
};

// Who a flow counts for. `port` kUplinkPort and `serial` 0: nobody.
struct AccountKey {
  PortId port = kUplinkPort;
  uint32_t serial = 0;  // as in NicVerdict
  uint16_t segment = 0;
  Vni vni;

  bool is_nobody() const { return port == kUplinkPort; }
};

struct FlowHistory {
  NicVerdict verdicts[2];  // by Role of the nic's guest
  // Counted before, by Role of the sender: Flow counts on from 0 now and then. A petabyte each.
  struct [[gnu::packed]] Before {
    uint64_t packets : 38;
    uint64_t bytes : 50;
  };
  Before before_of_initiator;
  // Whoever has not completed a handshake has sent next to nothing: while a flow is half-open, its
  // place among those of its account stands here instead of a count.
  union {
    Before before_of_responder;
    struct [[gnu::packed]] {
      uint32_t older, newer;  // entries; FlowAccounts::kNone at the ends
    } half_open;
  };
  uint16_t account : 12;  // PortId of the nic that it counts for; 0: nobody's
  uint16_t is_counted : 1;
  uint16_t is_half_open : 1;  // and has a place among those of its account

  NicVerdict& verdict(Role role) { return verdicts[static_cast<size_t>(role)]; }
  const NicVerdict& verdict(Role role) const { return verdicts[static_cast<size_t>(role)]; }
  bool has_procedure() const { return (verdicts[0].procedure | verdicts[1].procedure) != 0; }
  // The nic that the flow counts for, as verdicts have it: of who began it, or when that is on
  // another host, of whom it came to; 0: none of this host's.
  Role owner() const { return verdicts[0].serial != 0 ? Role::initiator : Role::responder; }
  uint32_t owner_serial() const { return verdict(owner()).serial; }
};
static_assert(sizeof(FlowHistory) == 44 && kMaxPorts <= 1 << 12);

}  // namespace butterfly
