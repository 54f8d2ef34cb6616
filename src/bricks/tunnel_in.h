// SPDX-License-Identifier: Apache-2.0
// The short way out of a tunnel: a VXLAN datagram as it nearly always looks is recognised, checked
// and stripped in one step (wire/outer_pattern.h).
#pragma once

#include <string>

#include "graph/brick.h"
#include "graph/packet_pool.h"
#include "tables/peer_table.h"
#include "tables/segment_table.h"
#include "wire/outer_pattern.h"
#include "wire/tunnel_class.h"

namespace butterfly {

// In:   a frame from the uplink, not parsed.
// Out:  inner: as parse-outer, vtep and vxlan-decap would let it through: the inner Ethernet frame
//       without anything around it; source_peer, vni, segment and origin set.
//       other: as it came.
// Cost: three compares and a sum over 20 bytes; one load of a small table for a tunnel seen before,
//       else two hash lookups and a search of the segment's peers. Sound since the tables of a
//       snapshot never change.
class TunnelIn {
 public:
  enum class Out : uint8_t { inner, other };
  static constexpr std::array kOuts{
      OutInfo{"inner", Edge::forward, "inner frame of a peer that may speak for its segment"},
      OutInfo{"other", Edge::forward, "anything that is not the usual VXLAN: looked at in steps"},
  };
  static constexpr BrickInfo kInfo{"tunnel-in", kOuts};
  struct Trace {
    IpAddress source;
    Vni vni;
  };
  // Empty for what is looked at in steps.
  static std::string format(const Trace& trace);

  // All belong to the snapshot that built this brick.
  TunnelIn(const Vtep& vtep, const PeerTable& peers, const SegmentTable& segments)
      : pattern_(vtep.mac, vtep.address, vtep.udp_port),
        is_v4_(vtep.address.is_v4()),
        peers_(peers),
        segments_(segments) {}

  Out operator()(Packet& packet, Trace* trace) noexcept {
    if (is_v4_) [[likely]]
      return take<wire::Family::v4>(packet, trace);
    return take<wire::Family::v6>(packet, trace);
  }

 private:
  // A peer that may speak for a segment, as the facts of its packets.
  struct alignas(32) Seen {
    uint64_t key = ~uint64_t{0};  // as key_of(), which never has all bits set
    IpAddress source;
    Origin origin;
    uint16_t segment = 0;
    PeerId peer;
  };
  static constexpr unsigned kSeenBits = 8;

  template <wire::Family kFamily>
  [[gnu::always_inline]] Out take(Packet& packet, Trace* trace) noexcept {
    const auto* outer = pattern_.match<kFamily>(packet.bytes(), packet.length());
    if (!outer) return Out::other;
    const Vni vni{outer->vxlan.vni()};
    const uint64_t key = key_of(outer->ip.source.bytes, vni);
    // Of an IPv4 address all is in the key.
    const Seen* seen = &seen_[slot_of(key)];
    const bool is_same = seen->key == key && (kFamily == wire::Family::v4 ||
                                              seen->source == IpAddress(outer->ip.source));
    if (!is_same) [[unlikely]] {
      seen = look_up(outer->ip.source, vni, key);
      if (!seen) return Out::other;
    }
    const wire::Ecn ecn = wire::ecn_of(wire::traffic_class_of(outer->ip));
    if (wire::may_mark(ecn)) [[unlikely]] {
      const auto frame = packet.bytes().subspan(sizeof *outer);
      if (!wire::take_outer_ecn(ecn, frame)) return Out::other;
    }
    if (trace) *trace = {outer->ip.source, vni};
    packet.origin = seen->origin;
    packet.vni = vni;
    packet.segment = seen->segment;
    packet.source_peer = seen->peer;
    unwrap_packet(packet, sizeof *outer, outer->udp.length - kAround);
    return Out::inner;
  }
  // Peers mostly differ in the last bytes of their addresses.
  template <size_t kSize>
  static uint64_t key_of(const std::array<uint8_t, kSize>& source, Vni vni) {
    return uint64_t{vni.value} << 32 | load_raw<uint32_t>(source.data() + kSize - 4);
  }
  // Fibonacci hashing: the top bits of the product depend on all bits of the key.
  static size_t slot_of(uint64_t key) { return (key * 0x9e3779b97f4a7c15ULL) >> (64 - kSeenBits); }
  // Null for those who may not speak.
  const Seen* look_up(const IpAddress& source, Vni vni, uint64_t key) noexcept;

  // What UDP counts of the outer layers.
  static constexpr uint32_t kAround = sizeof(wire::UdpHeader) + sizeof(wire::VxlanHeader);

  wire::OuterPattern pattern_;
  bool is_v4_;
  const PeerTable& peers_;
  const SegmentTable& segments_;
  std::array<Seen, size_t{1} << kSeenBits> seen_{};
};
static_assert(DecidingBrick<TunnelIn>);

}  // namespace butterfly
