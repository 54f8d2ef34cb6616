// SPDX-License-Identifier: Apache-2.0
#include "bricks/neighbour.h"

#include <algorithm>

#include "graph/become.h"
#include "graph/packet_checksum.h"
#include "graph/run_brick.h"
#include "wire/neighbour_frames.h"

namespace butterfly {
namespace {

constexpr uint8_t kHopLimit = 64;

bool is_station(const Mac& mac) { return !mac.is_group() && !mac.is_zero(); }

// Turns an echo request into the reply; its checksum is known to be right (RFC 1624 §3).
void turn_echo(wire::IcmpHeader& icmp, uint8_t reply) {
  const auto before = static_cast<uint16_t>(icmp.type << 8);
  const auto after = static_cast<uint16_t>(reply << 8);
  icmp.type = reply;
  icmp.checksum = wire::checksum_finish(uint64_t{static_cast<uint16_t>(~icmp.checksum)} +
                                        static_cast<uint16_t>(~before) + after);
}

// The options of an ND message, or nothing (false) when it is not one that RFC 4861 §7.1 accepts.
bool read_nd(const Packet& packet, uint8_t option_type, Mac& link_layer) {
  const wire::Parsed& parsed = packet.parsed;
  const auto* ip = packet.at<wire::Ipv6Header>(parsed.l3);
  const auto* nd = packet.at<wire::NdHeader>(parsed.l4);
  if (!ip || !nd || parsed.l4_length < sizeof(wire::NdHeader) ||
      parsed.l4 + size_t{parsed.l4_length} > packet.bytes().size()) {
    return false;
  }
  if (ip->hop_limit != wire::kNdHopLimit || nd->icmp.code != 0 || nd->target.is_multicast()) {
    return false;
  }
  const auto options = packet.bytes().subspan(parsed.l4 + sizeof(wire::NdHeader),
                                              parsed.l4_length - sizeof(wire::NdHeader));
  return wire::read_link_layer_option(options, option_type, link_layer) && !link_layer.is_group();
}

// The last address of an IPv4 prefix, if that is a broadcast (not by RFC 3021).
void add_broadcast_of(const Cidr& prefix, std::vector<IpAddress>& all) {
  if (!prefix.is_v4() || prefix.length() > 30) return;
  all.emplace_back(Ipv4::from_u32(prefix.address().v4().to_u32() | 0xffffffffU >> prefix.length()));
}

}  // namespace

std::string Neighbour::format(const Trace& trace) {
  return trace.asker.to_string() + " about " + trace.target.to_string();
}

Neighbour::Neighbour(const Vtep& vtep, const PeerTable& peers, NeighbourTable& neighbours)
    : mac_(vtep.mac),
      address_(vtep.address),
      neighbours_(neighbours),
      next_hops_(peers.next_hops()) {
  add_broadcast_of(vtep.on_link, broadcasts_);
  for (const Cidr& prefix : vtep.also_on_link) add_broadcast_of(prefix, broadcasts_);
}

Neighbour::Out Neighbour::operator()(Packet& packet, Trace* trace, Emit<Neighbour>& emit) noexcept {
  const auto* ethernet = packet.at<wire::EthernetHeader>(0);
  if (!ethernet || !is_station(ethernet->source)) return Out::malformed;
  const wire::Parsed& parsed = packet.parsed;
  switch (parsed.kind) {
    case wire::FrameKind::arp:
      return take_arp(packet, trace, emit.now());
    case wire::FrameKind::flow:
    case wire::FrameKind::signalling:
      if (parsed.protocol == wire::kProtoIcmpv6) return take_icmpv6(packet, trace, emit.now());
      if (parsed.protocol == wire::kProtoIcmp && parsed.icmp_type == wire::kIcmpEcho) {
        return take_echo_v4(packet, trace);
      }
      return Out::not_for_us;
    default:
      return Out::not_for_us;
  }
}

Neighbour::Out Neighbour::take_arp(Packet& packet, Trace* trace, TimeMs now) noexcept {
  const auto* frame = packet.at<wire::ArpFrame>(0);
  if (!frame) return Out::malformed;
  const wire::ArpHeader arp = frame->arp;
  const Mac asker = frame->ethernet.source;
  if (trace) *trace = {arp.sender_ip, arp.target_ip};
  const bool asks = arp.operation == wire::kArpRequest;
  if ((!asks && arp.operation != wire::kArpReply) || !is_station(arp.sender_mac)) {
    return Out::malformed;
  }
  if (IpAddress(arp.sender_ip) == address_) return Out::address_conflict;
  const bool learnt = learn(arp.sender_ip, arp.sender_mac, now);
  if (!asks || IpAddress(arp.target_ip) != address_) {
    return learnt ? Out::learnt : Out::not_for_us;
  }
  wire::ArpFrame reply =
      wire::make_arp_reply({mac_, arp.target_ip}, {arp.sender_mac, arp.sender_ip});
  reply.ethernet.destination = asker;
  if (!become(packet, reply)) return Out::malformed;
  packet.out_port = kUplinkPort;
  return Out::reply;
}

Neighbour::Out Neighbour::take_echo_v4(Packet& packet, Trace* trace) const noexcept {
  const wire::Parsed& parsed = packet.parsed;
  auto* ip = packet.at<wire::Ipv4Header>(parsed.l3);
  auto* icmp = packet.at<wire::IcmpHeader>(parsed.l4);
  if (!ip || !icmp) return Out::malformed;
  if (trace) *trace = {ip->source, ip->destination};
  if (IpAddress(ip->destination) != address_) return Out::not_for_us;
  const IpAddress source(ip->source);
  if (source == address_) return Out::address_conflict;
  // Options could steer our answer (source routes), so they get none.
  if (!ip->source.names_a_host() || std::ranges::find(broadcasts_, source) != broadcasts_.end() ||
      ip->header_length() != sizeof(wire::Ipv4Header)) {
    return Out::malformed;
  }
  if (wire::checksum_finish(packet_sum(packet, parsed.l4, parsed.l4_length)) != 0) {
    return Out::bad_checksum;
  }
  turn_echo(*icmp, wire::kIcmpEchoReply);
  std::swap(ip->source, ip->destination);
  ip->ttl = kHopLimit;
  ip->checksum = 0;
  ip->checksum = wire::checksum_finish(
      wire::checksum_add(packet.bytes().subspan(parsed.l3, sizeof(wire::Ipv4Header))));
  return send_back(packet);
}

Neighbour::Out Neighbour::take_icmpv6(Packet& packet, Trace* trace, TimeMs now) noexcept {
  const wire::Parsed& parsed = packet.parsed;
  const auto* ip = packet.at<wire::Ipv6Header>(parsed.l3);
  if (!ip || parsed.ethertype != wire::kTypeIpv6) return Out::malformed;
  if (trace) *trace = {ip->source, ip->destination};
  if (address_.is_v4()) return Out::not_for_us;
  if (transport_checksum(packet, ip->source, ip->destination, wire::kProtoIcmpv6, parsed.l4,
                         parsed.l4_length) != 0) {
    return Out::bad_checksum;
  }
  switch (parsed.icmp_type) {
    case wire::kIcmpv6Echo:
      return take_echo_v6(packet);
    case wire::kIcmpv6NeighbourSolicitation:
      return take_solicitation(packet, now);
    case wire::kIcmpv6NeighbourAdvertisement:
      return take_advertisement(packet, now);
    default:
      return Out::not_for_us;
  }
}

Neighbour::Out Neighbour::take_echo_v6(Packet& packet) const noexcept {
  auto* ip = packet.at<wire::Ipv6Header>(packet.parsed.l3);
  auto* icmp = packet.at<wire::IcmpHeader>(packet.parsed.l4);
  if (!ip || !icmp) return Out::malformed;
  if (IpAddress(ip->destination) != address_) return Out::not_for_us;
  if (IpAddress(ip->source) == address_) return Out::address_conflict;
  // Extension headers could steer our answer, so they get none.
  if (!ip->source.names_a_host() || ip->next_header != wire::kProtoIcmpv6) return Out::malformed;
  turn_echo(*icmp, wire::kIcmpv6EchoReply);
  std::swap(ip->source, ip->destination);
  ip->hop_limit = kHopLimit;
  return send_back(packet);
}

Neighbour::Out Neighbour::take_solicitation(Packet& packet, TimeMs now) noexcept {
  Mac link_layer;
  if (!read_nd(packet, wire::kNdSourceLinkLayer, link_layer)) return Out::malformed;
  const Ipv6 target = packet.at<wire::NdHeader>(packet.parsed.l4)->target;
  const wire::Ipv6Header ip = *packet.at<wire::Ipv6Header>(packet.parsed.l3);
  const Mac asker = packet.at<wire::EthernetHeader>(0)->source;
  // RFC 4861 §7.1.1, §7.2.4: an asker without an address checks whether ours is taken; everyone
  // hears the answer.
  const bool probes = ip.source.is_zero();
  if (probes && (ip.destination != target.solicited_node() || !link_layer.is_zero())) {
    return Out::malformed;
  }
  if (IpAddress(target) != address_) return Out::not_for_us;
  if (IpAddress(ip.source) == address_) return Out::address_conflict;
  if (!probes && !ip.source.names_a_host()) return Out::malformed;
  if (!link_layer.is_zero()) learn(ip.source, link_layer, now);
  const wire::Station<Ipv6> us{mac_, target};
  const wire::NdFrame answer =
      probes ? wire::make_advertisement(us, {wire::mac_of_group(wire::kAllNodes), wire::kAllNodes},
                                        wire::kNdOverride)
             : wire::make_advertisement(us, {asker, ip.source},
                                        wire::kNdSolicited | wire::kNdOverride);
  if (!become(packet, answer)) return Out::malformed;
  packet.out_port = kUplinkPort;
  return Out::reply;
}

Neighbour::Out Neighbour::take_advertisement(const Packet& packet, TimeMs now) noexcept {
  Mac link_layer;
  if (!read_nd(packet, wire::kNdTargetLinkLayer, link_layer)) return Out::malformed;
  const auto* nd = packet.at<wire::NdHeader>(packet.parsed.l4);
  const uint16_t flags = nd->icmp.id;
  const bool to_group = packet.at<wire::Ipv6Header>(packet.parsed.l3)->destination.is_multicast();
  if (to_group && (flags & wire::kNdSolicited) != 0) return Out::malformed;
  if (IpAddress(nd->target) == address_) return Out::address_conflict;
  const NextHop* hop = find_next_hop(nd->target);
  if (!hop) return Out::not_for_us;
  const Mac known = neighbours_.find(hop->slot, now);
  // RFC 4861 §7.2.5: without the option or the override flag only the known MAC is confirmed.
  if (link_layer.is_zero()) link_layer = known;
  if (link_layer.is_zero()) return Out::malformed;
  const bool overrides = (flags & wire::kNdOverride) != 0;
  if (overrides || known.is_zero() || known == link_layer) {
    neighbours_.learn(hop->slot, link_layer, now);
  }
  return Out::learnt;
}

Neighbour::Out Neighbour::send_back(Packet& packet) const noexcept {
  auto* ethernet = packet.at<wire::EthernetHeader>(0);
  ethernet->destination = ethernet->source;
  ethernet->source = mac_;
  packet.out_port = kUplinkPort;
  return Out::reply;
}

const NextHop* Neighbour::find_next_hop(const IpAddress& address) const {
  const auto it = std::ranges::lower_bound(next_hops_, address, {}, &NextHop::address);
  return it != next_hops_.end() && it->address == address ? &*it : nullptr;
}

bool Neighbour::learn(const IpAddress& address, const Mac& mac, TimeMs now) noexcept {
  const NextHop* hop = find_next_hop(address);
  if (hop) neighbours_.learn(hop->slot, mac, now);
  return hop != nullptr;
}

void Neighbour::tick(TimeMs now, Emit<Neighbour>& emit) noexcept {
  for (size_t looks = std::min(kLooks, next_hops_.size()); looks > 0; --looks) {
    const NextHop& hop = next_hops_[neighbours_.next_look() % next_hops_.size()];
    if (neighbours_.should_ask(hop.slot, now)) ask(hop, now, emit);
  }
}

void Neighbour::ask(const NextHop& hop, TimeMs now, Emit<Neighbour>& emit) noexcept {
  const Mac known = neighbours_.find_for_refresh(hop.slot, now);
  neighbours_.note_asked(hop.slot, now);
  Packet* packet = emit.make();
  if (!packet) return;  // counted by the engine; asked again in a second
  if (address_.is_v4()) {
    become(*packet, wire::make_arp_request({mac_, address_.v4()}, hop.address.v4(),
                                           known.is_zero() ? Mac::broadcast() : known));
  } else {
    become(*packet, wire::make_solicitation({mac_, address_.v6()}, hop.address.v6(), known));
  }
  packet->out_port = kUplinkPort;
  emit.send(Out::ask, *packet);
}

}  // namespace butterfly
