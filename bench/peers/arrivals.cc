// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/arrivals.h"

#include "bench/peers/segments.h"
#include "wire/checksum.h"
#include "wire/headers.h"

namespace butterfly::peers {
namespace {

using Bytes = std::span<const uint8_t>;

// What VXLAN carries, or nothing.
std::optional<Bytes> strip_tunnel(Bytes frame, const Network& network) {
  if (frame.size() < kTunnelBytes) return std::nullopt;
  const auto* ethernet = wire::view_at<wire::EthernetHeader>(frame, 0);
  const auto* ip = wire::view_at<wire::Ipv4Header>(frame, sizeof *ethernet);
  const auto* udp = wire::view_at<wire::UdpHeader>(frame, sizeof *ethernet + sizeof *ip);
  const auto* vxlan =
      wire::view_at<wire::VxlanHeader>(frame, kTunnelBytes - sizeof(wire::VxlanHeader));
  const bool is_ours =
      ethernet->destination == network.peer_mac && ethernet->type == wire::kTypeIpv4 &&
      ip->version_ihl == 0x45 && ip->protocol == wire::kProtoUdp && ip->source == network.vtep &&
      ip->destination == network.peer && ip->total_length == frame.size() - sizeof *ethernet &&
      wire::checksum_finish(wire::checksum_add(frame.subspan(sizeof *ethernet, sizeof *ip))) == 0 &&
      udp->destination_port == wire::kVxlanPort &&
      udp->length == frame.size() - sizeof *ethernet - sizeof *ip && vxlan->has_vni() &&
      vxlan->vni() == network.vni;
  if (!is_ours) return std::nullopt;
  return frame.subspan(kTunnelBytes);
}

struct Packet {
  IpAddress source;
  IpAddress destination;
  wire::Family family = wire::Family::v4;
  Bytes segment;
};

std::optional<Packet> read_ip(Bytes frame) {
  const auto* ethernet = wire::view_at<wire::EthernetHeader>(frame, 0);
  if (ethernet == nullptr) return std::nullopt;
  if (ethernet->type == wire::kTypeIpv4) {
    const auto* ip = wire::view_at<wire::Ipv4Header>(frame, sizeof *ethernet);
    if (ip == nullptr || ip->version_ihl != 0x45 || ip->protocol != wire::kProtoTcp ||
        ip->total_length < sizeof *ip || frame.size() < sizeof *ethernet + ip->total_length) {
      return std::nullopt;
    }
    return Packet{
        ip->source, ip->destination, wire::Family::v4,
        frame.subspan(sizeof *ethernet + sizeof *ip, ip->total_length - sizeof(wire::Ipv4Header))};
  }
  const auto* ip = wire::view_at<wire::Ipv6Header>(frame, sizeof *ethernet);
  if (ethernet->type != wire::kTypeIpv6 || ip == nullptr || ip->next_header != wire::kProtoTcp ||
      frame.size() < sizeof *ethernet + sizeof *ip + ip->payload_length) {
    return std::nullopt;
  }
  return Packet{ip->source, ip->destination, wire::Family::v6,
                frame.subspan(sizeof *ethernet + sizeof *ip, ip->payload_length)};
}

}  // namespace

std::optional<Arrival> read_arrival(Bytes frame, const Network& network, Direction direction) {
  if (network.is_tunnelled && direction == Direction::from_guest) {
    const auto inner = strip_tunnel(frame, network);
    if (!inner) return std::nullopt;
    frame = *inner;
  }
  const auto packet = read_ip(frame);
  if (!packet) return std::nullopt;
  const auto* tcp = wire::view_at<wire::TcpHeader>(packet->segment, 0);
  if (tcp == nullptr) return std::nullopt;
  const bool to_wire = direction == Direction::from_guest;
  const IpAddress& guest = to_wire ? packet->source : packet->destination;
  const IpAddress& far = to_wire ? packet->destination : packet->source;
  FlowFields fields{};
  fields.far = static_cast<uint16_t>(far.bytes()[15] - kFirstFarHost);
  fields.guest_port = to_wire ? tcp->source_port : tcp->destination_port;
  fields.far_port = to_wire ? tcp->destination_port : tcp->source_port;
  const bool is_ours = guest == guest_address(packet->family) && fields.far < kFarGuests &&
                       far == far_address(packet->family, fields.far) &&
                       fields.guest_port >= kFirstGuestPort && fields.far_port >= kFirstFarPort;
  if (!is_ours) return std::nullopt;
  return Arrival{flow_of(fields), tcp->flags};
}

bool answer_arp(std::span<uint8_t> frame, const Network& network) {
  auto* ethernet = wire::view_at<wire::EthernetHeader>(frame, 0);
  if (ethernet == nullptr || ethernet->type != wire::kTypeArp) return false;
  auto* arp = wire::view_at<wire::ArpHeader>(frame, sizeof *ethernet);
  if (arp == nullptr || !arp->is_ipv4_over_ethernet() || arp->operation != wire::kArpRequest ||
      !(arp->target_ip == network.peer)) {
    return false;
  }
  ethernet->destination = arp->sender_mac;
  ethernet->source = network.peer_mac;
  arp->operation = wire::kArpReply;
  arp->target_mac = arp->sender_mac;
  arp->target_ip = arp->sender_ip;
  arp->sender_mac = network.peer_mac;
  arp->sender_ip = network.peer;
  return true;
}

}  // namespace butterfly::peers
