// SPDX-License-Identifier: Apache-2.0
#include "bricks/antispoof.h"

#include <optional>

#include "graph/become.h"
#include "wire/neighbour_frames.h"

namespace butterfly {
namespace {

using wire::FrameKind;
using Out = Antispoof::Out;

constexpr uint16_t kDhcpServerPort = 67;
constexpr uint16_t kDhcpClientPort = 68;
constexpr size_t kNdOptionUnit = 8;

// A nic as it stands now.
struct Speaker {
  const Nic& nic;
  const ClaimTable& claims;
  uint32_t link_locals;  // claims that count
  TimeMs now;

  bool owns(const Ipv6& address) const {
    return nic.has_link_local(address) || nic.may_speak_as(address) ||
           standing(address) == ClaimTable::Standing::held;
  }
  ClaimTable::Standing standing(const Ipv6& address) const {
    return claims.standing(nic, address, link_locals, now);
  }
  bool may_claim(const Ipv6& address) const {
    return link_locals != 0 && is_claimable(address) && !nic.may_speak_as(address);
  }
};

// Whoever is about to take an address gives it up when another asks for it too (RFC 4862 §5.4.3,
// 5227 §2.1.1), so a guest may ask for its own only; one that was given none, for any.
bool may_probe(const Nic& nic, bool owns) { return owns || nic.addresses.empty(); }

// Bytes before the options of an ND message (RFC 4861 §4); nothing for other messages.
std::optional<size_t> nd_fixed_length(uint8_t icmp_type) {
  switch (icmp_type) {
    case wire::kIcmpv6RouterSolicitation:
      return 8;
    case wire::kIcmpv6RouterAdvertisement:
      return 16;
    case wire::kIcmpv6NeighbourSolicitation:
    case wire::kIcmpv6NeighbourAdvertisement:
      return sizeof(wire::NdHeader);
    case wire::kIcmpv6Redirect:
      return 40;
    default:
      return std::nullopt;
  }
}

// Membership reports come from a host's link-local address, or from `::` before it has one
// (RFC 3810 §5.2.13). The identifier in it may be random (RFC 7217), so no address is asked for.
bool is_mld_report(uint8_t icmp_type) {
  return icmp_type == wire::kIcmpv6MldReport || icmp_type == wire::kIcmpv6MldDone ||
         icmp_type == wire::kIcmpv6Mldv2Report;
}

// Whether the options between the offsets are well formed and name no MAC but the nic's.
bool options_name_only(const Nic& nic, const Packet& packet, size_t offset, size_t end) {
  while (offset < end) {
    const auto* option = packet.at<wire::NdLinkLayerOption>(offset);
    if (!option || option->length == 0) return false;
    const size_t length = option->length * kNdOptionUnit;
    if (length > end - offset) return false;
    const bool is_link_layer = option->type == 1 || option->type == 2;
    if (is_link_layer && (option->length != 1 || !nic.has_mac(option->mac))) return false;
    offset += length;
  }
  return true;
}

// Turns the packet into the switch's own question, in the guest's name.
Out ask_for(const Ipv6& address, Packet& packet) {
  const Mac guest = packet.at<wire::EthernetHeader>(0)->source;
  if (!become(packet, wire::make_probe(guest, address))) return Out::wrong_source_ip;
  packet.ol_flags &= RTE_MBUF_F_EXTERNAL;
  packet.flow_hash = 0;
  packet.flow = nullptr;
  // It cannot fail: the frame is our own.
  wire::parse_frame(packet.bytes(), packet.length(), packet.vni, packet.parsed);
  return Out::asked;
}

// What says to come from an address that is not the nic's own.
Out judge_stranger(const Speaker& speaker, const Ipv6& source, Packet& packet, Out refused) {
  if (!speaker.may_claim(source)) return refused;
  // Also when its guest has used it for long, and only we do not know, having been restarted.
  return speaker.standing(source) == ClaimTable::Standing::none ? ask_for(source, packet)
                                                                : Out::link_local_claimed;
}

Out judge_nd(const Speaker& speaker, Packet& packet, const Ipv6& source, size_t fixed_length) {
  const wire::Parsed& parsed = packet.parsed;
  const size_t end = static_cast<size_t>(parsed.l4) + parsed.l4_length;
  const auto* nd = packet.at<wire::NdHeader>(parsed.l4);
  if (parsed.icmp_type == wire::kIcmpv6NeighbourSolicitation) {
    // From `::` it asks whether an address is free, before taking it (RFC 4862 §5.4.2).
    if (source.is_zero() && nd && speaker.may_claim(nd->target)) return ask_for(nd->target, packet);
    const bool asks_for_own =
        source.is_zero() && nd && may_probe(speaker.nic, speaker.owns(nd->target));
    if (!asks_for_own && !speaker.owns(source)) {
      return judge_stranger(speaker, source, packet, Out::nd_target);
    }
  } else if (!speaker.owns(source)) {
    return judge_stranger(speaker, source, packet, Out::wrong_source_ip);
  }
  if (parsed.l4_length < fixed_length) return Out::nd_link_layer;
  if (parsed.icmp_type == wire::kIcmpv6NeighbourAdvertisement) {
    if (!nd) return Out::nd_link_layer;
    if (!speaker.owns(nd->target)) return Out::nd_target;
  }
  return options_name_only(speaker.nic, packet, parsed.l4 + fixed_length, end) ? Out::genuine
                                                                               : Out::nd_link_layer;
}

Out judge_ipv6(const Speaker& speaker, Packet& packet) {
  const wire::Parsed& parsed = packet.parsed;
  const Ipv6 source = packet.at<wire::Ipv6Header>(parsed.l3)->source;
  if (parsed.kind == FrameKind::signalling) {
    if (const auto fixed = nd_fixed_length(parsed.icmp_type)) {
      return judge_nd(speaker, packet, source, *fixed);
    }
    if (is_mld_report(parsed.icmp_type) && (source.is_zero() || source.is_link_local())) {
      return Out::genuine;
    }
  }
  if (speaker.owns(source)) return Out::genuine;
  return judge_stranger(speaker, source, packet, Out::wrong_source_ip);
}

Out judge_arp(const Nic& nic, const wire::ArpHeader& arp) {
  if (!nic.has_mac(arp.sender_mac)) return Out::arp_sender_mac;
  const bool is_probe = arp.sender_ip.is_zero() && arp.operation == wire::kArpRequest &&
                        may_probe(nic, nic.may_speak_as(arp.target_ip));
  return is_probe || nic.may_speak_as(arp.sender_ip) ? Out::genuine : Out::arp_sender_ip;
}

// What vhost-user's backends and QEMU send for a guest that has just moved here: a question about
// its own MAC, with no address in it, which tells everybody where it is now.
bool tells_only_where_it_is(const Nic& nic, const wire::ArpHeader* rarp) {
  return rarp && rarp->is_ipv4_over_ethernet() && rarp->operation == wire::kRarpRequest &&
         nic.has_mac(rarp->sender_mac) && rarp->target_mac == rarp->sender_mac &&
         rarp->sender_ip.is_zero() && rarp->target_ip.is_zero();
}

}  // namespace

// Also in fragments: those behind the first have the ports of the first in their key.
bool Antispoof::is_dhcp_client(const Packet& packet) {
  const wire::Parsed& parsed = packet.parsed;
  const bool has_ports = parsed.kind == FrameKind::flow || wire::is_fragment(parsed.kind);
  if (!has_ports || parsed.protocol != wire::kProtoUdp) return false;
  // RFC 2131 §4.1: without an address it only shouts.
  if (!packet.at<wire::Ipv4Header>(packet.parsed.l3)->destination.is_limited_broadcast()) {
    return false;
  }
  const auto ends = wire::five_tuple_of(parsed.key, parsed.family, parsed.source_is_high);
  return ends.source.port == kDhcpClientPort && ends.destination.port == kDhcpServerPort;
}

Out Antispoof::judge_other(const Nic& nic, Packet& packet) const {
  switch (packet.parsed.ethertype) {
    case wire::kTypeIpv6:
      return judge_ipv6({nic, claims_, link_locals_, lcore_.now()}, packet);
    case wire::kTypeArp:
      return judge_arp(nic, *packet.at<wire::ArpHeader>(packet.parsed.l3));
    case wire::kTypeRarp: {
      const auto* rarp = packet.at<wire::ArpHeader>(packet.parsed.l3);
      return tells_only_where_it_is(nic, rarp) ? Out::genuine : Out::rarp;
    }
    default:
      return Out::genuine;
  }
}

Antispoof::Trace Antispoof::note_of(const Packet& packet) {
  Trace trace{};
  const wire::Parsed& parsed = packet.parsed;
  trace.mac = packet.at<wire::EthernetHeader>(0)->source;
  trace.has_address = parsed.kind != FrameKind::non_ip;
  if (parsed.ethertype == wire::kTypeIpv4) {
    trace.address = packet.at<wire::Ipv4Header>(parsed.l3)->source;
  } else if (parsed.ethertype == wire::kTypeIpv6) {
    trace.address = packet.at<wire::Ipv6Header>(parsed.l3)->source;
  } else if (parsed.kind == FrameKind::arp) {
    trace.address = packet.at<wire::ArpHeader>(parsed.l3)->sender_ip;
  }
  return trace;
}

std::string Antispoof::format(const Trace& trace) {
  return "from " + trace.mac.to_string() +
         (trace.has_address ? ", " + trace.address.to_string() : std::string());
}

}  // namespace butterfly
