// SPDX-License-Identifier: Apache-2.0
// Procedures: what is done to the packets of connections that a rule which names one let start.
// After NPF's procedures (npf.conf(5)); RFC 9293 §3.7.1 (MSS), 791 (TTL, DF, identification).
#pragma once

#include <cstdint>
#include <string>

#include "tables/rate_limits.h"
#include "tables/shared_slots.h"

namespace butterfly {

// Immutable once published.
struct Procedure {
  std::string name;
  uint16_t max_mss = 0;    // largest MSS that a SYN may name, in bytes; 0: any
  uint8_t min_ttl = 0;     // TTL and hop limits below are raised to it; 0: none
  bool no_df = false;      // IPv4 packets lose their DF bit
  bool random_id = false;  // IPv4 packets that are no fragments get a random identification
  RateLimit rate{};
  bool log = false;  // the first packet is told to whoever watches

  // Whether it does anything to a packet, or to how many pass.
  bool changes_packets() const {
    return max_mss != 0 || min_ttl != 0 || no_df || random_id || rate.is_set();
  }
};

// Which procedure: a slot of the snapshot's table. 0: none.
using ProcedureSlot = uint8_t;
inline constexpr size_t kProcedureSlots = 256;

// By ProcedureSlot; null where there is none.
using ProcedureTable = SharedSlots<Procedure, kProcedureSlots>;

}  // namespace butterfly
