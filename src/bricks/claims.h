// SPDX-License-Identifier: Apache-2.0
// Notes which link-local address a guest asks for and whether anybody objects (RFC 4862 §5.4), so
// that `antispoof` knows whose it is.
#pragma once

#include <string>

#include "graph/brick.h"
#include "graph/lcore.h"
#include "tables/claim_table.h"

namespace butterfly {

// In:   a frame that the switch floods, parsed: questions and objections are flooded, and what a
//       storm limit has cut does not count, since nobody heard it. Of a nic with antispoof, behind
//       that.
// Out:  as it came.
// Cost: two compares for what is no neighbour discovery; a question looks at every nic of the
//       segment.
//
// Of private segments only gateways may claim: what other guests ask is heard by gateways only, so
// nobody else could object.
class Claims {
 public:
  enum class Out : uint8_t { on, taken, unheard };
  static constexpr std::array kOuts{
      OutInfo{"on", Edge::forward, "to everyone on the segment"},
      OutInfo{"taken", Edge::drop,
              "a guest asks for a link-local address that another on its segment has"},
      OutInfo{
          "unheard", Edge::drop,
          "a guest of a private segment asks for a link-local address: others would not hear it"},
  };
  static constexpr BrickInfo kInfo{"claims", kOuts};
  struct Trace {
    Ipv6 address;
    bool asks;
  };
  // "asks for fe80::1".
  static std::string format(const Trace& trace);

  // The tables are the snapshot's, the claims the host's; `link_locals` as antispoof has it.
  Claims(const SegmentTable& segments, const NicTable& nics, ClaimTable& claims,
         uint32_t link_locals, const Lcore& lcore)
      : segments_(segments),
        nics_(nics),
        claims_(claims),
        link_locals_(link_locals),
        lcore_(lcore) {}

  Out operator()(Packet& packet, Trace* trace) noexcept {
    if (trace) *trace = {};
    if (packet.parsed.kind != wire::FrameKind::signalling ||
        packet.parsed.ethertype != wire::kTypeIpv6) [[likely]] {
      return Out::on;
    }
    return note(packet, trace);
  }

 private:
  Out note(const Packet& packet, Trace* trace) noexcept;

  const SegmentTable& segments_;
  const NicTable& nics_;
  ClaimTable& claims_;
  uint32_t link_locals_;
  const Lcore& lcore_;
};
static_assert(DecidingBrick<Claims>);

}  // namespace butterfly
