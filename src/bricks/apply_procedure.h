// SPDX-License-Identifier: Apache-2.0
// Does to a packet what the rules that let its connection start want done to its packets: less
// MSS, more TTL, no DF, a random identification, and not more of them than a rate allows.
#pragma once

#include "graph/brick.h"
#include "graph/lcore.h"
#include "tables/procedure.h"
#include "wire/flow_id.h"

namespace butterfly {

// In:   a packet of a flow that `record` has taken into account, packet.procedure_… set, out_port.
// Out:  a packet changed in place, checksums kept right (RFC 1624). A checksum that was left to the
//       device stays left to it.
// Cost: a few words of its headers; of a SYN its options. Its flow takes no shortcut.
//
// What is shared with other copies, of a flooded packet, is not changed. The identification of
// fragments stays: they would not be put together again. A packet that the rate does not allow has
// been counted for its flow, as one that is lost behind the switch.
class ApplyProcedure {
 public:
  enum class Out : uint8_t { to_guest, to_wire, over_rate };
  static constexpr std::array kOuts{
      OutInfo{"to-guest", Edge::forward, "done; to a guest of this host"},
      OutInfo{"to-wire", Edge::forward, "done; through a tunnel to another host"},
      OutInfo{"over-rate", Edge::drop, "more than the rate that its rule's procedure allows"},
  };
  static constexpr BrickInfo kInfo{"procedure", kOuts};
  // Names, cut to fit; empty where there is none.
  struct Trace {
    char from[24];
    char to[24];
  };
  static std::string format(const Trace& trace);

  // `limits` are the host's; `hasher` and `lcore` the lcore's.
  ApplyProcedure(const ProcedureTable& procedures, RateLimits& limits,
                 const wire::FlowHasher& hasher, Lcore& lcore)
      : procedures_(procedures), limits_(limits), hasher_(hasher), lcore_(lcore) {}

  Out operator()(Packet& packet, Trace* trace) noexcept;

 private:
  bool apply(Packet& packet, PortId nic, ProcedureSlot slot) noexcept;
  uint16_t random_id() const noexcept;

  const ProcedureTable& procedures_;
  RateLimits& limits_;
  const wire::FlowHasher& hasher_;
  Lcore& lcore_;
};
static_assert(DecidingBrick<ApplyProcedure>);

}  // namespace butterfly
