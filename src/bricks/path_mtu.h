// SPDX-License-Identifier: Apache-2.0
// What does not fit the underlay is fragmented where its sender lets it (RFC 791 §3.2), else
// answered, never lost in silence: ICMP "fragmentation needed" (RFC 792, 1191 §4) and ICMPv6
// "packet too big" (RFC 4443 §3.2, 8201).
#pragma once

#include <string>

#include "graph/brick.h"
#include "graph/lcore.h"
#include "tables/peer_table.h"
#include "tables/token_bucket.h"

namespace butterfly {

template <typename B>
class Emit;

// In:   a frame for a tunnel, parsed.
// Out:  fits: untouched; piece: fragments with the facts of the packet that they replace, in its
//       place; answered: the packet turned into the answer to its sender, in place, out_port =
//       in_port.
// Cost: one compare for what fits; a sum over at most 1,280 bytes for an answer; a buffer and a
//       copy for each fragment.
//
// Of a super-frame its segments must fit: they are what crosses the underlay. Fragmented is IPv4
// without DF and without options, groups' and broadcasts too; a checksum that was left to the
// device is written first. What is never answered: icmp_answer.h. TCP's MSS is left alone.
class PathMtu {
 public:
  enum class Out : uint8_t {
    fits,
    answered,
    piece,
    fragmented,
    too_big,
    too_big_limited,
    no_buffer,
  };
  static constexpr std::array kOuts{
      OutInfo{"fits", Edge::forward, "fits the underlay with its outer headers"},
      OutInfo{"answered", Edge::forward, "too big: told its sender which size fits"},
      OutInfo{"piece", Edge::forward, "a fragment of a packet that was too big"},
      OutInfo{"fragmented", Edge::drop, "not lost: too big without DF, it goes on in fragments"},
      OutInfo{"too-big", Edge::drop, "too big for the underlay, and nothing that may be answered"},
      OutInfo{"too-big-limited", Edge::drop, "too big; not answered, as many others just were"},
      OutInfo{"no-buffer", Edge::drop, "the pool ran empty while it was fragmented"},
  };
  static constexpr BrickInfo kInfo{"path-mtu", kOuts};
  struct Trace {
    uint32_t length;
    uint16_t mtu;
  };
  static std::string format(const Trace& trace) {
    return std::to_string(trace.length) + " bytes, IP packets of " + std::to_string(trace.mtu) +
           " fit";
  }

  // How many answers an lcore may give; the bucket is the host's, so snapshots do not refill it.
  static constexpr uint32_t kAnswersPerSecond = 1000;
  static constexpr uint32_t kAnswersAtOnce = 100;

  // `vtep` belongs to the snapshot that built this brick; `answers` and `lcore` to the lcore that
  // runs it.
  PathMtu(const Vtep& vtep, TokenBucket& answers, const Lcore& lcore)
      : mtu_(vtep.inner_mtu()), answers_(answers), lcore_(lcore) {}

  Out operator()(Packet& packet, Trace* trace, Emit<PathMtu>& emit) noexcept {
    if (trace) *trace = {packet.length(), mtu_};
    if (packet.length() <= mtu_ + wire::kEthernetHeaderLen) [[likely]]
      return Out::fits;
    if (packet.is_super_frame() && segments_fit(packet)) return Out::fits;
    return may_be_fragmented(packet) ? fragment(packet, emit) : answer(packet);
  }

 private:
  bool segments_fit(const Packet& packet) const noexcept;
  bool may_be_fragmented(const Packet& packet) const noexcept;
  Out fragment(const Packet& packet, Emit<PathMtu>& emit) const noexcept;
  Out answer(Packet& packet) noexcept;
  bool is_too_big_v4(const Packet& packet) const noexcept;
  bool is_too_big_v6(const Packet& packet) const noexcept;

  uint16_t mtu_;  // of inner IP packets
  TokenBucket& answers_;
  const Lcore& lcore_;
};

}  // namespace butterfly
