// SPDX-License-Identifier: Apache-2.0
// Does what a guest left to its device and nobody behind here will do: checksums of TCP and UDP
// (RFC 9293 §3.1, 768), TCP segmentation. On one host guests mostly take both as they are.
#pragma once

#include <span>
#include <string>

#include "graph/brick.h"
#include "graph/port.h"

namespace butterfly {

template <typename B>
class Emit;
struct SuperFrame;

// In:   a parsed packet as its sender asked for it (Packet::requests_offload), out_port set.
// Out:  a packet without requests: left to its port in DPDK's transmit flags, or done. Segments and
//       copies bear the facts of the packet that they replace, and keep its place in the order.
// Cost: one compare for a packet without requests; else a pass over its bytes and, for a
//       super-frame, a buffer for each of its at most kMaxSegments segments.
//
// The guest is hostile: whatever it asks for beyond what follows is a named drop. Which part of a
// frame is to be summed is read from its headers, not taken from the guest; what the guest wrote
// into the checksum's field is the pseudo header's sum that virtio 1.2 §5.1.6.2 wants there.
class Offload {
 public:
  enum class Out : uint8_t {
    untouched,
    passed_on,
    finished,
    made,
    replaced,
    no_such_checksum,
    not_segmentable,
    bad_segment_size,
    too_many_segments,
    no_buffer,
  };
  static constexpr std::array kOuts{
      OutInfo{"untouched", Edge::forward, "its sender has left nothing to do"},
      OutInfo{"passed-on", Edge::forward, "as it is: the guest that it goes to takes it so"},
      OutInfo{"finished", Edge::forward, "its checksum, left to the device, is written now"},
      OutInfo{"made", Edge::forward, "a segment, or a copy with its checksum, of what is replaced"},
      OutInfo{"replaced", Edge::drop, "not lost: it goes on as segments, or as a copy"},
      OutInfo{"no-such-checksum", Edge::drop,
              "asks for a checksum in what is neither TCP nor UDP over IP"},
      OutInfo{"not-segmentable", Edge::drop, "asks to segment what is not plain TCP data"},
      OutInfo{"bad-segment-size", Edge::drop, "asks for segments of fewer than 8 bytes"},
      OutInfo{"too-many-segments", Edge::drop, "asks for more than 256 segments"},
      OutInfo{"no-buffer", Edge::drop, "the pool ran empty in the midst of it"},
  };
  static constexpr BrickInfo kInfo{"offload", kOuts};
  struct Trace {
    uint32_t length;
    uint16_t segment_size;  // 0: none are to be made
  };
  static std::string format(const Trace& trace);

  // Data bytes in a segment. Linux never asks for fewer (tcp_min_snd_mss).
  static constexpr uint16_t kMinSegment = 8;
  // 64 KiB in segments of 256 bytes; RFC 9293 §3.7.1 assumes twice that of every receiver.
  static constexpr uint32_t kMaxSegments = 256;
  // Headers that are repeated in each segment, all layers: IPv6 with some extensions fits.
  static constexpr uint16_t kMaxHeaders = 256;

  // Who may be left what: `ports` by PortId, of the snapshot; empty towards a tunnel, where nobody
  // may.
  explicit Offload(std::span<Port* const> ports) : ports_(ports) {}

  Out operator()(Packet& packet, Trace* trace, Emit<Offload>& emit) noexcept {
    if (!packet.requests_offload()) [[likely]]
      return Out::untouched;
    return serve(packet, trace, emit);
  }

 private:
  Out serve(Packet& packet, Trace* trace, Emit<Offload>& emit) const noexcept;
  Out serve_super_frame(Packet& packet, Emit<Offload>& emit) const noexcept;
  Out serve_checksum(Packet& packet, Emit<Offload>& emit) const noexcept;
  Port::Offloads offloads_of(PortId port) const noexcept;

  std::span<Port* const> ports_;
};

}  // namespace butterfly
