// SPDX-License-Identifier: Apache-2.0
// Ends a VXLAN tunnel (RFC 7348 §5): strips the outer headers and names the inner segment. What the
// underlay has said about congestion goes over into the inner packet (RFC 6040 §4.2).
#pragma once

#include "graph/brick.h"
#include "graph/packet_pool.h"
#include "tables/peer_table.h"
#include "tables/segment_table.h"
#include "tables/stranger_table.h"
#include "wire/tunnel_class.h"

namespace butterfly {

// In:   VXLAN for our VTEP as `vtep` lets it through: parsed and source_peer set.
// Out:  inner Ethernet frame without anything around it; vni, segment and origin set.
// Cost: two loads of a small table for a tunnel seen before, else one hash lookup and a search of
//       the segment's peers. Sound since the tables of a snapshot never change.
class VxlanDecap {
 public:
  enum class Out : uint8_t {
    inner,
    truncated,
    no_vni_flag,
    unknown_vni,
    peer_not_in_segment,
    congested
  };
  static constexpr std::array kOuts{
      OutInfo{"inner", Edge::forward, "inner frame to its segment"},
      OutInfo{"truncated", Edge::drop, "ends before the inner Ethernet header"},
      OutInfo{"no-vni-flag", Edge::drop, "I flag clear: RFC 7348 §5 says discard"},
      OutInfo{"unknown-vni", Edge::drop, "no segment on this host has this VNI"},
      OutInfo{"peer-not-in-segment", Edge::drop,
              "a peer may only speak for the segments that it was given"},
      OutInfo{"congested", Edge::drop,
              "marked as congested on its way, and its sender understands loss only (RFC 6040)"},
  };
  static constexpr BrickInfo kInfo{"vxlan-decap", kOuts};
  struct Trace {
    Vni vni;
  };
  static std::string format(const Trace& trace) { return "VNI " + std::to_string(trace.vni.value); }

  // Who may come to speak for further segments, and where that is noted.
  struct Learning {
    const PeerTable& peers;
    StrangerTable& strangers;
  };
  // The tables belong to the snapshot that built this brick. `learning`: null where nobody learns.
  explicit VxlanDecap(const SegmentTable& segments, const Learning* learning = nullptr)
      : segments_(segments), learning_(learning) {}

  Out operator()(Packet& packet, Trace* trace) noexcept {
    const uint16_t l4 = packet.parsed.l4;
    const auto* head = packet.at<Tunnel>(l4);
    if (!head || head->udp.length < sizeof(Tunnel)) return Out::truncated;
    if (!head->vxlan.has_vni()) return Out::no_vni_flag;

    const Vni vni{head->vxlan.vni()};
    if (trace) trace->vni = vni;
    const uint64_t tunnel = static_cast<uint64_t>(vni.value) << 16 | packet.source_peer.value;
    // Fibonacci hashing: the top bits of the product depend on all bits of the tunnel.
    Seen& seen = seen_[(tunnel * 0x9e3779b97f4a7c15ULL) >> 58];
    if (seen.tunnel != tunnel) {
      if (const Out out = check(vni, packet.source_peer, seen); out != Out::inner) return out;
      seen.tunnel = tunnel;
    }

    const wire::Ecn ecn = wire::ecn_of(outer_class_of(packet));
    const auto frame = packet.bytes().subspan(l4 + kAround);
    if (wire::may_mark(ecn) && !wire::take_outer_ecn(ecn, frame)) return Out::congested;

    // The datagram may be followed by padding, which is no inner frame.
    unwrap_packet(packet, static_cast<uint16_t>(l4 + kAround), head->udp.length - kAround);
    packet.vni = vni;
    packet.segment = seen.segment->index;
    packet.origin = origin_of(seen.segment->index, packet.source_peer);
    return Out::inner;
  }

 private:
  // What lies between the outer IP header and the inner packet.
  struct Tunnel {
    wire::UdpHeader udp;
    wire::VxlanHeader vxlan;
    wire::EthernetHeader inner;
  };
  static constexpr uint16_t kAround = sizeof(wire::UdpHeader) + sizeof(wire::VxlanHeader);
  // A tunnel that was checked: this peer may speak for this segment.
  struct Seen {
    uint64_t tunnel = ~uint64_t{0};  // VNI << 16 | peer; never all ones
    const Segment* segment = nullptr;
  };
  static constexpr size_t kSeen = 64;

  Out check(Vni vni, PeerId peer, Seen& seen) const noexcept;
  // Parse has seen that the header is all there.
  static uint8_t outer_class_of(const Packet& packet) {
    const uint16_t l3 = packet.parsed.l3;
    return packet.parsed.ethertype == wire::kTypeIpv4
               ? wire::traffic_class_of(*packet.at<wire::Ipv4Header>(l3))
               : wire::traffic_class_of(*packet.at<wire::Ipv6Header>(l3));
  }

  const SegmentTable& segments_;
  const Learning* learning_;
  std::array<Seen, kSeen> seen_{};
};
static_assert(DecidingBrick<VxlanDecap>);

}  // namespace butterfly
