// SPDX-License-Identifier: Apache-2.0
#include "bricks/vxlan_decap.h"

#include "graph/packet_pool.h"

namespace butterfly {

namespace {

// What the tunnel puts between IP and the inner packet.
struct Tunnel {
  wire::UdpHeader udp;
  wire::VxlanHeader vxlan;
  wire::EthernetHeader inner;
};
constexpr uint16_t kAround = offsetof(Tunnel, inner);

}  // namespace

VxlanDecap::Out VxlanDecap::operator()(Packet& packet, Trace* trace) noexcept {
  const uint16_t l4 = packet.parsed.l4;
  const auto* head = packet.at<Tunnel>(l4);
  // The datagram may end before the frame: what follows it is padding, not inner frame.
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

  const uint32_t inner_length = head->udp.length - kAround;
  packet.strip(static_cast<uint16_t>(l4 + kAround));
  if (packet.length() > inner_length) truncate_packet(packet, inner_length);
  // What the NIC found out was about the outer headers.
  packet.ol_flags &= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
  packet.vni = vni;
  packet.segment = seen.segment->index;
  return Out::inner;
}

VxlanDecap::Out VxlanDecap::check(Vni vni, PeerId peer, Seen& seen) noexcept {
  const Segment* segment = segments_.find(vni);
  if (!segment) return Out::unknown_vni;
  if (std::find(segment->peers.begin(), segment->peers.end(), peer) == segment->peers.end()) {
    return Out::peer_not_in_segment;
  }
  seen.segment = segment;
  return Out::inner;
}

}  // namespace butterfly
