// SPDX-License-Identifier: Apache-2.0
#include "bricks/vtep.h"

#include "graph/packet_checksum.h"
#include "wire/neighbour_frames.h"

namespace butterfly {
namespace {

bool is_neighbour_discovery(const Packet& packet) {
  return packet.parsed.kind == wire::FrameKind::signalling &&
         packet.parsed.protocol == wire::kProtoIcmpv6 &&
         (packet.parsed.icmp_type == wire::kIcmpv6NeighbourSolicitation ||
          packet.parsed.icmp_type == wire::kIcmpv6NeighbourAdvertisement);
}

// A sum that the port has verified already, or vouches for because the packet never crossed a wire
// (a kernel interface whose peer left the checksum to hardware that is not there).
bool is_udp_checksum_vouched_for(const Packet& packet) {
  return (packet.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE ||
         (packet.ol_flags & RTE_MBUF_F_RX_OUTER_L4_CKSUM_MASK) == RTE_MBUF_F_RX_OUTER_L4_CKSUM_GOOD;
}

}  // namespace

std::string VtepIn::format(const Trace& trace) {
  return trace.source.to_string() + " to " + trace.destination.to_string();
}

VtepIn::Out VtepIn::take_ipv4(Packet& packet, bool to_group, Trace* trace) noexcept {
  const auto* ip = packet.at<wire::Ipv4Header>(packet.parsed.l3);
  if (!ip) return Out::not_our_address;  // impossible behind parse
  const IpAddress source(ip->source);
  if (trace) *trace = {source, ip->destination};
  // RFC 1122 §3.3.6: a link-layer broadcast must not carry a packet for a single host.
  if (to_group) return Out::other_group;
  if (IpAddress(ip->destination) != address_) return Out::not_our_address;
  if (!ipv4_checksum_holds(packet.bytes().subspan(packet.parsed.l3, ip->header_length()))) {
    return Out::bad_ip_checksum;
  }
  return take_addressed(packet, source);
}

VtepIn::Out VtepIn::take_ipv6(Packet& packet, bool to_group, Trace* trace) noexcept {
  const auto* ip = packet.at<wire::Ipv6Header>(packet.parsed.l3);
  if (!ip) return Out::not_our_address;  // impossible behind parse
  const IpAddress source(ip->source);
  if (trace) *trace = {source, ip->destination};
  if (to_group) {
    if (address_.is_v4() || !is_neighbour_discovery(packet)) return Out::other_group;
    const bool asks = packet.parsed.icmp_type == wire::kIcmpv6NeighbourSolicitation;
    return ip->destination == (asks ? address_.v6().solicited_node() : wire::kAllNodes)
               ? Out::own
               : Out::other_group;
  }
  if (IpAddress(ip->destination) != address_) return Out::not_our_address;
  return take_addressed(packet, source);
}

VtepIn::Out VtepIn::take_arp(const Packet& packet, Trace* trace) const noexcept {
  const auto* arp = packet.at<wire::ArpHeader>(wire::kEthernetHeaderLen);
  if (!arp) return Out::not_our_address;  // impossible behind parse
  if (trace) *trace = {arp->sender_ip, arp->target_ip};
  // RFC 5227 §1.1: an announcement names its sender as target; it tells that a next hop has moved.
  const bool announces = arp->sender_ip == arp->target_ip;
  const bool concerns_us =
      IpAddress(arp->target_ip) == address_ || IpAddress(arp->sender_ip) == address_ || announces;
  return concerns_us ? Out::own : Out::not_our_address;
}

VtepIn::Out VtepIn::take_addressed(Packet& packet, const IpAddress& source) noexcept {
  const wire::Parsed& parsed = packet.parsed;
  if (parsed.kind == wire::FrameKind::icmp_error) return Out::icmp_error;
  if (is_neighbour_discovery(packet)) return Out::own;
  if (parsed.kind != wire::FrameKind::flow) return Out::not_vxlan;
  if (parsed.protocol == wire::kProtoUdp) {
    const auto* udp = packet.at<wire::UdpHeader>(parsed.l4);
    if (!udp || udp->destination_port != udp_port_) return Out::not_vxlan;
    return take_vxlan(packet, *udp, source);
  }
  const bool pings =
      (parsed.protocol == wire::kProtoIcmp && parsed.icmp_type == wire::kIcmpEcho) ||
      (parsed.protocol == wire::kProtoIcmpv6 && parsed.icmp_type == wire::kIcmpv6Echo);
  return pings ? Out::own : Out::not_vxlan;
}

VtepIn::Out VtepIn::take_vxlan(Packet& packet, const wire::UdpHeader& udp,
                               const IpAddress& source) noexcept {
  const PeerId peer = find_peer(source);
  if (peer == kNoPeer) return Out::unknown_peer;
  // 0 is "none": RFC 768, and for tunnels over IPv6 RFC 6935 §5.
  if (udp.checksum != 0 && !is_udp_checksum_vouched_for(packet) &&
      transport_checksum(packet, source, address_, wire::kProtoUdp, packet.parsed.l4, udp.length) !=
          0) {
    return Out::bad_udp_checksum;
  }
  packet.source_peer = peer;
  return Out::vxlan;
}

PeerId VtepIn::find_peer(const IpAddress& source) noexcept {
  // Peers mostly differ in the last bytes of their addresses; Fibonacci hashing spreads those.
  uint32_t tail;
  std::memcpy(&tail, source.bytes().data() + 12, sizeof tail);
  Seen& seen = seen_[(tail * 0x9e3779b1U) >> 26];
  if (seen.address == source) return seen.peer;
  const Peer* peer = peers_.find(source);
  // A stranger is not remembered: it must not push a peer out.
  if (!peer) return kNoPeer;
  seen = {source, peer->id};
  return peer->id;
}

}  // namespace butterfly
