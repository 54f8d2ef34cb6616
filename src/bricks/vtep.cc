// SPDX-License-Identifier: Apache-2.0
#include "bricks/vtep.h"

#include <algorithm>

#include "wire/checksum.h"
#include "wire/neighbour_frames.h"

namespace butterfly {
namespace {

bool is_neighbour_discovery(const wire::Parsed& parsed) {
  return parsed.kind == wire::FrameKind::signalling && parsed.protocol == wire::kProtoIcmpv6 &&
         (parsed.icmp_type == wire::kIcmpv6NeighbourSolicitation ||
          parsed.icmp_type == wire::kIcmpv6NeighbourAdvertisement);
}

// A sum that the port has verified already, or vouches for because the packet never crossed a wire
// (a kernel interface whose peer left the checksum to hardware that is not there).
bool is_udp_checksum_vouched_for(const Packet& packet) {
  return (packet.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE ||
         (packet.ol_flags & RTE_MBUF_F_RX_OUTER_L4_CKSUM_MASK) == RTE_MBUF_F_RX_OUTER_L4_CKSUM_GOOD;
}

// Of IGMP or MLD, as far as it lies in the first segment.
std::span<const uint8_t> message_of(const Packet& packet) {
  const auto bytes = packet.bytes();
  const size_t end = size_t{packet.parsed.l4} + packet.parsed.l4_length;
  return bytes.first(std::min(end, bytes.size())).subspan(packet.parsed.l4);
}

}  // namespace

std::string VtepIn::format(const Trace& trace) {
  return trace.source.to_string() + " to " + trace.destination.to_string();
}

// RFC 1122 §3.3.6: a link-layer broadcast must not carry a packet for a single host, and of groups
// we are in those of our segments, of neighbour discovery and of those who ask for members.
VtepIn::Out VtepIn::take_other_mac(Packet& packet, const wire::EthernetHeader& ethernet,
                                   Trace* trace) noexcept {
  if (!ethernet.destination.is_group()) return Out::not_our_mac;
  const wire::Parsed& parsed = packet.parsed;
  if (parsed.ethertype == wire::kTypeArp) return take_arp(packet, trace);
  if (parsed.ethertype == wire::kTypeIpv4 && address_.is_v4()) return take_group_v4(packet, trace);
  return parsed.ethertype == wire::kTypeIpv6 && address_.is_v6() ? take_group_v6(packet, trace)
                                                                 : Out::other_group;
}

VtepIn::Out VtepIn::take_group_v4(Packet& packet, Trace* trace) noexcept {
  const wire::Parsed& parsed = packet.parsed;
  const auto* ip = packet.at<wire::Ipv4Header>(parsed.l3);
  if (!ip) return Out::other_group;  // impossible behind parse
  if (trace) *trace = {ip->source, ip->destination};
  if (!ip->destination.is_multicast()) return Out::other_group;
  if (!ipv4_checksum_holds(packet.bytes().subspan(parsed.l3, ip->header_length()))) {
    return Out::bad_ip_checksum;
  }
  if (parsed.protocol != wire::kProtoIgmp) return take_group(packet, ip->source, ip->destination);
  const auto message = message_of(packet);
  const auto query = wire::read_igmp_query(message);
  if (!queries_ || !query || wire::checksum_finish(wire::checksum_add(message)) != 0) {
    return Out::other_group;
  }
  queries_->note(*query);
  return Out::membership_query;
}

// RFC 3810 §6.2: from a link-local address, and from no further than the link.
VtepIn::Out VtepIn::take_group_v6(Packet& packet, Trace* trace) noexcept {
  const wire::Parsed& parsed = packet.parsed;
  const auto* ip = packet.at<wire::Ipv6Header>(parsed.l3);
  if (!ip) return Out::other_group;  // impossible behind parse
  if (trace) *trace = {ip->source, ip->destination};
  if (parsed.kind != wire::FrameKind::signalling) {
    return take_group(packet, ip->source, ip->destination);
  }
  if (parsed.icmp_type == wire::kIcmpv6MldQuery) {
    const auto query = wire::read_mld_query(message_of(packet));
    const bool is_near = ip->source.is_link_local() && ip->hop_limit == 1;
    if (!queries_ || !query || !is_near ||
        transport_checksum(packet, ip->source, ip->destination, wire::kProtoIcmpv6, parsed.l4,
                           parsed.l4_length) != 0) {
      return Out::other_group;
    }
    queries_->note(*query);
    return Out::membership_query;
  }
  if (!is_neighbour_discovery(parsed)) return Out::other_group;
  const bool asks = parsed.icmp_type == wire::kIcmpv6NeighbourSolicitation;
  const Ipv6 group = asks ? address_.v6().solicited_node() : wire::kAllNodes;
  return ip->destination == group ? Out::own : Out::other_group;
}

VtepIn::Out VtepIn::take_group(Packet& packet, const IpAddress& source,
                               const IpAddress& group) noexcept {
  if (!is_vxlan(packet)) return Out::other_group;
  const Peer* known = group.is_multicast() ? peers_.find(group) : nullptr;
  const Mac& mac = packet.at<wire::EthernetHeader>(0)->destination;
  const bool is_ours = known && known->group_mac == mac.to_u64();
  return is_ours ? take_addressed(packet, source, group) : Out::other_group;
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

VtepIn::Out VtepIn::take_other(const Packet& packet) noexcept {
  const wire::Parsed& parsed = packet.parsed;
  if (parsed.kind == wire::FrameKind::icmp_error) return Out::icmp_error;
  if (is_neighbour_discovery(parsed)) return Out::own;
  const bool pings =
      parsed.kind == wire::FrameKind::flow &&
      ((parsed.protocol == wire::kProtoIcmp && parsed.icmp_type == wire::kIcmpEcho) ||
       (parsed.protocol == wire::kProtoIcmpv6 && parsed.icmp_type == wire::kIcmpv6Echo));
  return pings ? Out::own : Out::not_vxlan;
}

bool VtepIn::udp_checksum_holds(const Packet& packet, const IpAddress& source,
                                const IpAddress& destination) const noexcept {
  const auto* udp = packet.at<wire::UdpHeader>(packet.parsed.l4);
  return is_udp_checksum_vouched_for(packet) ||
         transport_checksum(packet, source, destination, wire::kProtoUdp, packet.parsed.l4,
                            udp->length) == 0;
}

VtepIn::Out VtepIn::take_stranger(const Packet& packet, const IpAddress& source,
                                  const IpAddress& destination) const noexcept {
  const uint16_t l4 = packet.parsed.l4;
  const auto* vxlan = packet.at<wire::VxlanHeader>(l4 + sizeof(wire::UdpHeader));
  if (!learning_ || !vxlan || !vxlan->has_vni()) return Out::unknown_peer;
  const Vni vni{vxlan->vni()};
  const Segment* segment = learning_->segments.find(vni);
  if (!segment || !segment->learns_peers) return Out::unknown_peer;
  const auto* udp = packet.at<wire::UdpHeader>(l4);
  if (udp->checksum != 0 && !udp_checksum_holds(packet, source, destination)) {
    return Out::bad_udp_checksum;
  }
  learning_->strangers.note({source, vni});
  return Out::new_peer;
}

PeerId VtepIn::look_up(const IpAddress& source, Seen& seen) const noexcept {
  const Peer* peer = peers_.find(source);
  // A stranger is not remembered: it must not push a peer out.
  if (!peer) return kNoPeer;
  seen = {source, peer->id};
  return peer->id;
}

}  // namespace butterfly
