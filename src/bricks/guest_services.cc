// SPDX-License-Identifier: Apache-2.0
#include "bricks/guest_services.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "graph/become.h"
#include "graph/packet_checksum.h"
#include "wire/neighbour_frames.h"

namespace butterfly {
namespace {

using wire::DhcpType;
using Out = GuestServices::Out;

constexpr uint8_t kHopLimit = 64;
constexpr uint16_t kDontFragment = 0x4000;
constexpr Ipv4 kEveryone{{255, 255, 255, 255}};
// Intent keeps the options of a subnet below 300 bytes (host/intent/validate_subnet.cc).
constexpr size_t kMaxAnswer = 1024;

struct UdpFrame {
  wire::EthernetHeader ethernet;
  wire::Ipv4Header ip;
  wire::UdpHeader udp;
};

// From the server to the client, who may not have its address yet (RFC 2131 §4.1).
bool send_dhcp(Packet& packet, const wire::DhcpRequest& request, const wire::DhcpReply& reply) {
  assert(sizeof(UdpFrame) + wire::longest_dhcp_reply(reply.options.size()) <= kMaxAnswer);
  std::array<uint8_t, kMaxAnswer> room;
  const std::span<uint8_t> bytes(room);
  const size_t length = wire::write_dhcp_reply(request, reply, bytes.subspan(sizeof(UdpFrame)));
  const bool has_address = !request.client.is_zero() && reply.type != DhcpType::nak;
  const bool is_for_all =
      reply.type == DhcpType::nak || (!has_address && (request.flags & wire::kDhcpBroadcast) != 0);
  const Ipv4 to = is_for_all ? kEveryone : has_address ? request.client : reply.yours;
  const auto udp_length = static_cast<uint16_t>(sizeof(wire::UdpHeader) + length);
  auto* frame = wire::view_at<UdpFrame>(bytes, 0);
  frame->ethernet = {is_for_all ? Mac::broadcast() : request.hardware, kServiceMac,
                     wire::kTypeIpv4};
  frame->ip = {0x45,
               0,
               static_cast<uint16_t>(sizeof frame->ip + udp_length),
               0,
               kDontFragment,
               kHopLimit,
               wire::kProtoUdp,
               0,
               reply.server,
               to};
  frame->ip.checksum = wire::checksum_finish(
      wire::checksum_add(bytes.subspan(wire::kEthernetHeaderLen, sizeof frame->ip)));
  frame->udp = {wire::kDhcpServerPort, wire::kDhcpClientPort, udp_length, 0};
  const uint16_t checksum = wire::checksum_finish(
      wire::checksum_add(bytes.subspan(offsetof(UdpFrame, udp), udp_length),
                         wire::pseudo_header_sum(reply.server, to, wire::kProtoUdp, udp_length)));
  frame->udp.checksum = checksum == 0 ? uint16_t{0xffff} : checksum;
  if (!become(packet, bytes.first(sizeof(UdpFrame) + length))) return false;
  send_back(packet);
  return true;
}

// Its sender may have left it to its device, or have none (RFC 768).
bool checksum_holds(const Packet& packet, const wire::Ipv4Header& ip, const wire::UdpHeader& udp) {
  return packet.requests_checksum() || udp.checksum == 0 ||
         transport_checksum(packet, ip.source, ip.destination, wire::kProtoUdp, packet.parsed.l4,
                            packet.parsed.l4_length) == 0;
}

// A client's message to us: shouted, or to the server's address. A relay's is not.
bool is_dhcp(const Packet& packet, const Nic& nic) {
  const wire::Parsed& parsed = packet.parsed;
  if (parsed.kind != wire::FrameKind::flow || parsed.protocol != wire::kProtoUdp ||
      parsed.family != wire::Family::v4) {
    return false;
  }
  const auto* udp = packet.at<wire::UdpHeader>(parsed.l4);
  if (udp->source_port != wire::kDhcpClientPort || udp->destination_port != wire::kDhcpServerPort) {
    return false;
  }
  const Ipv4 destination = packet.at<wire::Ipv4Header>(parsed.l3)->destination;
  return (destination == kEveryone || destination == nic.service->dhcp->server) &&
         packet.at<wire::EthernetHeader>(0)->source == nic.mac;
}

// RFC 2131 §4.3.2: which address the client believes to have or wants.
Out answer_request(Packet& packet, const DhcpService& service, const wire::DhcpRequest& request) {
  const bool has_chosen = !request.server.is_zero();
  if (has_chosen && request.server != service.server) return Out::dhcp_other_server;
  const Ipv4 wanted = request.requested.is_zero() ? request.client : request.requested;
  if (wanted.is_zero()) return Out::dhcp_malformed;
  const bool is_right = wanted == service.address;
  const wire::DhcpReply reply =
      is_right ? wire::DhcpReply{DhcpType::ack, service.address, service.server, service.lease_s,
                                 service.options}
               : wire::DhcpReply{DhcpType::nak, {}, service.server, 0, {}};
  if (!send_dhcp(packet, request, reply)) return Out::dhcp_malformed;
  return is_right ? Out::dhcp_ack : Out::dhcp_nak;
}

Out answer_dhcp(Packet& packet, const DhcpService& service, const wire::DhcpRequest& request) {
  switch (request.type) {
    case DhcpType::discover: {
      const wire::DhcpReply offer{DhcpType::offer, service.address, service.server, service.lease_s,
                                  service.options};
      return send_dhcp(packet, request, offer) ? Out::dhcp_offer : Out::dhcp_malformed;
    }
    case DhcpType::request:
      return answer_request(packet, service, request);
    case DhcpType::inform: {
      if (request.client.is_zero()) return Out::dhcp_malformed;
      const wire::DhcpReply ack{DhcpType::ack, {}, service.server, 0, service.options};
      return send_dhcp(packet, request, ack) ? Out::dhcp_ack : Out::dhcp_malformed;
    }
    case DhcpType::release:
      return Out::dhcp_release;
    case DhcpType::decline:
      return Out::dhcp_decline;
    default:
      return Out::dhcp_malformed;
  }
}

Out take_dhcp(Packet& packet, const Nic& nic, GuestServices::Trace* trace) {
  const wire::Parsed& parsed = packet.parsed;
  const auto bytes = packet.bytes();
  const size_t end = std::min<size_t>(size_t{parsed.l4} + parsed.l4_length, bytes.size());
  const auto message = bytes.first(end).subspan(parsed.l4 + sizeof(wire::UdpHeader));
  wire::DhcpRequest request;
  if (!wire::read_dhcp_request(message, request) ||
      !checksum_holds(packet, *packet.at<wire::Ipv4Header>(parsed.l3),
                      *packet.at<wire::UdpHeader>(parsed.l4))) {
    return Out::dhcp_malformed;
  }
  // Of somebody behind the guest, who is not ours to serve.
  if (request.hardware != nic.mac || !request.relay.is_zero()) return Out::on;
  if (trace) *trace = {request.type, {}, nic.service->dhcp->address};
  return answer_dhcp(packet, *nic.service->dhcp, request);
}

Out take_arp(Packet& packet, const Nic& nic) {
  const DhcpService& service = *nic.service->dhcp;
  const auto* frame = packet.at<wire::ArpFrame>(0);
  if (!frame || service.has_gateway_server || frame->arp.operation != wire::kArpRequest ||
      frame->arp.target_ip != service.server || frame->arp.sender_mac != nic.mac) {
    return Out::on;
  }
  const auto reply = wire::make_arp_reply({kServiceMac, service.server},
                                          {frame->arp.sender_mac, frame->arp.sender_ip});
  if (!become(packet, reply)) return Out::on;
  send_back(packet);
  return Out::arp;
}

}  // namespace

Out GuestServices::serve(Packet& packet, const Nic& nic, Trace* trace) noexcept {
  if (packet.parsed.ethertype == wire::kTypeIpv6) return serve_v6(packet, nic, trace);
  if (!nic.service->dhcp) return Out::on;
  if (packet.parsed.kind == wire::FrameKind::arp) return take_arp(packet, nic);
  return is_dhcp(packet, nic) ? take_dhcp(packet, nic, trace) : Out::on;
}

std::string GuestServices::format(const Trace& trace) {
  constexpr const char* kTypes[] = {"",    "discover", "offer",   "request", "decline",
                                    "ack", "nak",      "release", "inform"};
  constexpr const char* kTypes6[] = {"",        "solicit", "advertise",   "request",
                                     "confirm", "renew",   "rebind",      "reply",
                                     "release", "decline", "reconfigure", "information-request"};
  const auto type = static_cast<size_t>(trace.type);
  const auto type6 = static_cast<size_t>(trace.type6);
  std::string text;
  if (type != 0 && type < std::size(kTypes)) text = std::string("DHCP ") + kTypes[type];
  if (type6 != 0 && type6 < std::size(kTypes6)) text = std::string("DHCPv6 ") + kTypes6[type6];
  if (text.empty() || trace.address == IpAddress()) return text;
  return text + ", the nic has " + trace.address.to_string();
}

}  // namespace butterfly
