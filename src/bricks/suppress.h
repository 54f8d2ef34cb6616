// SPDX-License-Identifier: Apache-2.0
// Answers what a guest asks everybody when the answer is known from intent, so that nobody else
// hears it: ARP (RFC 826) and neighbour solicitations (RFC 4861). For segments that want it.
#pragma once

#include <string>

#include "graph/brick.h"
#include "tables/segment_table.h"

namespace butterfly {

// In:   a frame that the switch floods, parsed.
// Out:  as it came; or turned into the answer, in place, out_port its sender's.
// Cost: one branch where the segment does not want it; else a binary search.
//
// Left alone: what came through a tunnel, since its sender's host could have answered; questions
// whether an address is free, which only its owner may answer; IPv6 link-local addresses, which
// belong to routers, and an answer would have to say whether it is one.
class Suppress {
 public:
  enum class Out : uint8_t { flood, answered };
  static constexpr std::array kOuts{
      OutInfo{"flood", Edge::forward, "to everyone on the segment"},
      OutInfo{"answered", Edge::forward,
              "asked for a MAC that intent names: the answer, back to its sender"},
  };
  static constexpr BrickInfo kInfo{"suppress", kOuts};
  struct Trace {
    IpAddress target;
    bool asks;
  };
  // "asks for 10.0.0.2".
  static std::string format(const Trace& trace);

  explicit Suppress(const SegmentTable& segments) : segments_(segments) {}

  Out operator()(Packet& packet, Trace* trace) noexcept {
    if (trace) *trace = {};
    const Segment* segment = segments_.at(packet.segment);
    if (!segment || !segment->hosts || packet.in_port == kUplinkPort) [[likely]]
      return Out::flood;
    return answer(*segment, packet, trace);
  }

 private:
  static Out answer(const Segment& segment, Packet& packet, Trace* trace) noexcept;

  const SegmentTable& segments_;  // of the snapshot
};
static_assert(DecidingBrick<Suppress>);

}  // namespace butterfly
