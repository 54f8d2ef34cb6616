// SPDX-License-Identifier: Apache-2.0
// Sends a frame to everyone on its segment: over the underlay by a copy to each peer, or one to the
// segment's group (RFC 7348 §4.2).
#pragma once

#include <string>

#include "graph/brick.h"
#include "tables/segment_table.h"

namespace butterfly {

template <typename B>
class Emit;

// In:   a frame for a group or an unknown MAC; packet.segment, in_port.
// Out:  one packet a target, out_port and peer set; all share the bytes of the frame. What came
//       through a tunnel goes to local ports only, since its sender has told the other peers. In a
//       private segment what does not come from a gateway goes to gateways only.
// Cost: one clone a target but the last, which gets the original; bounded by the segment's ports
//       and peers. A target that the pool has no buffer for is skipped (counted as no-buffer).
class Flood {
 public:
  enum class Out : uint8_t { copy_local, copy_tunnel, nobody, no_segment };
  static constexpr std::array kOuts{
      OutInfo{"copy-local", Edge::forward, "one to each nic of the segment on this host"},
      OutInfo{"copy-tunnel", Edge::forward,
              "one to each peer that serves the segment, or one to its group"},
      OutInfo{"nobody", Edge::drop,
              "the sender is alone on its segment, or no gateway of a private one is there"},
      OutInfo{"no-segment", Edge::drop, "its segment is not (or no longer) on this host"},
  };
  static constexpr BrickInfo kInfo{"flood", kOuts};

  struct Trace {
    uint16_t ports;
    uint16_t peers;
  };
  // "to 3 ports, 2 peers".
  static std::string format(const Trace& trace);

  explicit Flood(const SegmentTable& segments) : segments_(segments) {}

  Out operator()(Packet& packet, Trace* trace, Emit<Flood>& emit) noexcept;

 private:
  const SegmentTable& segments_;  // of the snapshot
};

}  // namespace butterfly
