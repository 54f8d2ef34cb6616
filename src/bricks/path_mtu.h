// SPDX-License-Identifier: Apache-2.0
// What does not fit the underlay is answered, never lost in silence: ICMP "fragmentation needed"
// (RFC 792, 1191 §4) and ICMPv6 "packet too big" (RFC 4443 §3.2, 8201).
#pragma once

#include "graph/brick.h"
#include "graph/lcore.h"
#include "tables/peer_table.h"
#include "tables/token_bucket.h"

namespace butterfly {

// In:   a frame for a tunnel, parsed.
// Out:  fits: untouched; answered: the packet turned into the answer to its sender, in place,
//       out_port = in_port.
// Cost: one compare for what fits; a sum over at most 1,280 bytes for an answer.
//
// Of a super-frame its segments must fit: they are what crosses the underlay.
// IPv4 packets without DF are answered like those with: a switch does not fragment. What is never
// answered: icmp_answer.h. TCP's MSS is left alone.
class PathMtu {
 public:
  enum class Out : uint8_t { fits, answered, too_big, too_big_limited };
  static constexpr std::array kOuts{
      OutInfo{"fits", Edge::forward, "fits the underlay with its outer headers"},
      OutInfo{"answered", Edge::forward, "too big: told its sender which size fits"},
      OutInfo{"too-big", Edge::drop, "too big for the underlay, and nothing that may be answered"},
      OutInfo{"too-big-limited", Edge::drop, "too big; not answered, as many others just were"},
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

  Out operator()(Packet& packet, Trace* trace) noexcept {
    if (trace) *trace = {packet.length(), mtu_};
    if (packet.length() <= mtu_ + wire::kEthernetHeaderLen) [[likely]]
      return Out::fits;
    if (packet.is_super_frame() && segments_fit(packet)) return Out::fits;
    return answer(packet);
  }

 private:
  bool segments_fit(const Packet& packet) const noexcept;
  Out answer(Packet& packet) noexcept;
  bool is_too_big_v4(const Packet& packet) const noexcept;
  bool is_too_big_v6(const Packet& packet) const noexcept;

  uint16_t mtu_;  // of inner IP packets
  TokenBucket& answers_;
  const Lcore& lcore_;
};
static_assert(DecidingBrick<PathMtu>);

}  // namespace butterfly
