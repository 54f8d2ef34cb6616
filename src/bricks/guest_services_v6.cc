// SPDX-License-Identifier: Apache-2.0
// The IPv6 half of guest-services: routers and DHCPv6.
#include <algorithm>
#include <cassert>

#include "bricks/guest_services.h"
#include "graph/become.h"
#include "graph/packet_checksum.h"
#include "graph/run_brick.h"
#include "wire/neighbour_frames.h"

namespace butterfly {
namespace {

using wire::Dhcp6Association;
using wire::Dhcp6Request;
using wire::Dhcp6Status;
using wire::Dhcp6Type;
using wire::Dhcp6Writer;
using Out = GuestServices::Out;

// Intent keeps what a subnet tells below 512 bytes (host/intent/validate_subnet.cc).
constexpr size_t kMaxTold = 512;
constexpr size_t kMaxAnswer = 1400;

// Ethernet and IPv6 in front of `payload` bytes that lie behind them already; where these are.
struct Answer {
  std::array<uint8_t, kMaxAnswer> room;
  static constexpr size_t kPayload = wire::kEthernetHeaderLen + sizeof(wire::Ipv6Header);

  std::span<uint8_t> payload() { return std::span(room).subspan(kPayload); }
  // With the checksum, whose field at `checksum` of the payload is 0.
  bool write(Packet& packet, const Mac& mac, const Ipv6& from, const Ipv6& to, uint8_t protocol,
             size_t length, size_t checksum) {
    const auto payload_length = static_cast<uint16_t>(length);
    auto* ethernet = wire::view_at<wire::EthernetHeader>(std::span<uint8_t>(room), 0);
    auto* ip = wire::view_at<wire::Ipv6Header>(std::span<uint8_t>(room), sizeof *ethernet);
    *ethernet = {mac, kServiceMac, wire::kTypeIpv6};
    *ip = {6U << 28, payload_length, protocol, wire::kNdHopLimit, from, to};
    const uint16_t sum = wire::checksum_finish(wire::checksum_add(
        payload().first(length), wire::pseudo_header_sum(from, to, protocol, payload_length)));
    *wire::view_at<be16>(payload(), checksum) = sum == 0 ? uint16_t{0xffff} : sum;
    return become(packet, std::span<const uint8_t>(room).first(kPayload + length));
  }
};

bool write_advertisement(Packet& packet, const RouterService& service, const Mac& mac,
                         const Ipv6& to) {
  assert(service.message.size() <= kMaxTold + 100);
  Answer answer;
  std::ranges::copy(service.message, answer.payload().begin());
  return answer.write(packet, mac, service.source, to, wire::kProtoIcmpv6, service.message.size(),
                      offsetof(wire::IcmpHeader, checksum));
}

// RFC 4861 §6.1.1. Parse has seen to the hop limit's reason, a way with no router on it.
bool is_sound(const Packet& packet, const Ipv6& source) {
  const wire::Parsed& parsed = packet.parsed;
  const size_t end = size_t{parsed.l4} + parsed.l4_length;
  const auto& ip = *packet.at<wire::Ipv6Header>(parsed.l3);
  const auto* icmp = packet.at<wire::IcmpHeader>(parsed.l4);
  if (!icmp || icmp->code != 0 || ip.hop_limit != wire::kNdHopLimit ||
      end > packet.bytes().size()) {
    return false;
  }
  const auto options = packet.bytes().first(end).subspan(parsed.l4 + sizeof *icmp);
  Mac mac;
  if (!wire::read_link_layer_option(options, wire::kNdSourceLinkLayer, mac)) return false;
  if (source.is_zero() && !mac.is_zero()) return false;
  return packet.requests_checksum() ||
         transport_checksum(packet, source, ip.destination, wire::kProtoIcmpv6, parsed.l4,
                            parsed.l4_length) == 0;
}

Out take_solicitation(Packet& packet, const RouterService& service) {
  const Ipv6 source = packet.at<wire::Ipv6Header>(packet.parsed.l3)->source;
  if (!is_sound(packet, source)) return Out::solicitation_malformed;
  // Who has no address yet is told as one of all nodes; it is the only one that hears it.
  const Mac guest = packet.at<wire::EthernetHeader>(0)->source;
  const bool has_address = !source.is_zero();
  const Ipv6 to = has_address ? source : wire::kAllNodes;
  const Mac mac = has_address ? guest : wire::mac_of_group(wire::kAllNodes);
  if (!write_advertisement(packet, service, mac, to)) return Out::solicitation_malformed;
  send_back(packet);
  return Out::router;
}

// A client's message to all servers. One to a single server is not ours: we have no address.
bool is_dhcp6(const Packet& packet) {
  const wire::Parsed& parsed = packet.parsed;
  if (parsed.kind != wire::FrameKind::flow || parsed.protocol != wire::kProtoUdp) return false;
  const auto* udp = packet.at<wire::UdpHeader>(parsed.l4);
  return udp->destination_port == wire::kDhcp6ServerPort &&
         packet.at<wire::Ipv6Header>(parsed.l3)->destination == wire::kDhcp6Servers;
}

// RFC 8415 §16: what each kind of message must have, and must not.
bool has_what_it_must(const Dhcp6Request& request) {
  const bool has_client = request.client.length != 0;
  const bool has_server = request.server.length != 0;
  switch (request.type) {
    case Dhcp6Type::solicit:
    case Dhcp6Type::rebind:
      return has_client && !has_server;
    case Dhcp6Type::confirm: {
      const auto named = std::span(request.associations).first(request.association_count);
      return has_client && !has_server &&
             std::ranges::any_of(named, [](const auto& one) { return one.address_count != 0; });
    }
    case Dhcp6Type::request:
    case Dhcp6Type::renew:
    case Dhcp6Type::release:
    case Dhcp6Type::decline:
      return has_client && has_server;
    case Dhcp6Type::information_request:
      return request.association_count == 0;
    default:
      return false;
  }
}

// The answer to one client, piece by piece.
class Dhcp6Answer {
 public:
  Dhcp6Answer(const Dhcp6Request& request, const Dhcp6Service& service, Dhcp6Type type,
              std::span<const uint8_t> server, std::span<uint8_t> out)
      : request_(request), service_(service), writer_(type, request, server, out) {}

  size_t finish() {
    switch (request_.type) {
      case Dhcp6Type::solicit:
        if (request_.rapid_commit) writer_.add_rapid_commit();
        add_associations();
        break;
      case Dhcp6Type::request:
      case Dhcp6Type::renew:
      case Dhcp6Type::rebind:
        add_associations();
        break;
      case Dhcp6Type::confirm:
        writer_.add_status(has_only_its_own() ? Dhcp6Status::success : Dhcp6Status::not_on_link);
        break;
      case Dhcp6Type::release:
      case Dhcp6Type::decline:
        writer_.add_status(Dhcp6Status::success);
        break;
      default:
        break;
    }
    writer_.add_options(service_.options);
    return writer_.size();
  }

 private:
  static constexpr Dhcp6Writer::Lifetimes kNoMore{0, 0};

  std::span<const Dhcp6Association> associations() const {
    return std::span(request_.associations).first(request_.association_count);
  }
  static std::span<const Ipv6> addresses(const Dhcp6Association& association) {
    return std::span(association.addresses).first(association.address_count);
  }
  // The first association gets the address; for others there is none.
  void add_associations() {
    bool is_given = !service_.address;
    for (const Dhcp6Association& association : associations()) {
      const bool gets = !is_given && association.kind == Dhcp6Association::Kind::address;
      is_given = is_given || gets;
      gets ? give(association) : refuse(association);
    }
  }
  // RFC 8415 §14.2: renewed after half the time, by whoever answers after four fifths.
  void give(const Dhcp6Association& association) {
    const uint32_t lease = service_.lease_s;
    writer_.open(association, lease / 2, static_cast<uint32_t>(uint64_t{lease} * 4 / 5));
    writer_.add_address(*service_.address, {lease, lease});
    // It may believe to have others: of those it shall let go (§18.3.4).
    if (is_renewal()) {
      for (const Ipv6& other : addresses(association)) {
        if (other != *service_.address) writer_.add_address(other, kNoMore);
      }
    }
    writer_.close();
  }
  void refuse(const Dhcp6Association& association) {
    writer_.open(association, 0, 0);
    writer_.add_status(association.kind == Dhcp6Association::Kind::prefix ? Dhcp6Status::no_prefixes
                       : is_renewal()                                     ? Dhcp6Status::no_binding
                                      : Dhcp6Status::no_addresses);
    writer_.close();
  }
  bool is_renewal() const {
    return request_.type == Dhcp6Type::renew || request_.type == Dhcp6Type::rebind;
  }
  bool has_only_its_own() const {
    return std::ranges::all_of(associations(), [&](const Dhcp6Association& association) {
      return std::ranges::all_of(addresses(association), [&](const Ipv6& address) {
        return service_.address && address == *service_.address;
      });
    });
  }

  const Dhcp6Request& request_;
  const Dhcp6Service& service_;
  Dhcp6Writer writer_;
};

Out answer_dhcp6(Packet& packet, const Dhcp6Service& service, const Dhcp6Request& request) {
  assert(service.options.size() <= kMaxTold);
  static_assert(Answer::kPayload + sizeof(wire::UdpHeader) + Dhcp6Writer::kMaxBytes + kMaxTold <=
                kMaxAnswer);
  const auto server = wire::dhcp6_identifier_of(kServiceMac);
  if (request.server.length != 0 && !std::ranges::equal(request.server.all(), server)) {
    return Out::dhcp6_other_server;
  }
  const bool advertises = request.type == Dhcp6Type::solicit && !request.rapid_commit;
  const Mac mac = packet.at<wire::EthernetHeader>(0)->source;
  const Ipv6 client = packet.at<wire::Ipv6Header>(packet.parsed.l3)->source;
  Answer answer;
  const size_t length =
      sizeof(wire::UdpHeader) +
      Dhcp6Answer(request, service, advertises ? Dhcp6Type::advertise : Dhcp6Type::reply, server,
                  answer.payload().subspan(sizeof(wire::UdpHeader)))
          .finish();
  *wire::view_at<wire::UdpHeader>(answer.payload(), 0) = {
      wire::kDhcp6ServerPort, wire::kDhcp6ClientPort, static_cast<uint16_t>(length), 0};
  if (!answer.write(packet, mac, link_local_of(kServiceMac), client, wire::kProtoUdp, length,
                    offsetof(wire::UdpHeader, checksum))) {
    return Out::dhcp6_malformed;
  }
  send_back(packet);
  return advertises ? Out::dhcp6_advertise : Out::dhcp6_reply;
}

Out take_dhcp6(Packet& packet, const Dhcp6Service& service, GuestServices::Trace* trace) {
  const wire::Parsed& parsed = packet.parsed;
  const auto bytes = packet.bytes();
  const size_t end = std::min<size_t>(size_t{parsed.l4} + parsed.l4_length, bytes.size());
  const auto message = bytes.first(end).subspan(parsed.l4 + sizeof(wire::UdpHeader));
  const auto& ip = *packet.at<wire::Ipv6Header>(parsed.l3);
  Dhcp6Request request;
  if (!wire::read_dhcp6_request(message, request)) return Out::dhcp6_malformed;
  // Of somebody behind the guest, who is not ours to serve.
  if (request.type == Dhcp6Type::relay_forward) return Out::on;
  const bool sum_holds = packet.requests_checksum() ||
                         transport_checksum(packet, ip.source, ip.destination, wire::kProtoUdp,
                                            parsed.l4, parsed.l4_length) == 0;
  if (!sum_holds || !ip.source.is_link_local() || !has_what_it_must(request)) {
    return Out::dhcp6_malformed;
  }
  if (trace) {
    *trace = {{}, request.type, service.address ? IpAddress(*service.address) : IpAddress()};
  }
  return answer_dhcp6(packet, service, request);
}

}  // namespace

Out GuestServices::serve_v6(Packet& packet, const Nic& nic, Trace* trace) noexcept {
  const GuestService& service = *nic.service;
  const wire::Parsed& parsed = packet.parsed;
  if (packet.at<wire::EthernetHeader>(0)->source != nic.mac) return Out::on;
  if (service.router && parsed.kind == wire::FrameKind::signalling &&
      parsed.icmp_type == wire::kIcmpv6RouterSolicitation) {
    return take_solicitation(packet, *service.router);
  }
  return service.dhcp6 && is_dhcp6(packet) ? take_dhcp6(packet, *service.dhcp6, trace) : Out::on;
}

void GuestServices::advertise(PortId port, Emit<GuestServices>& emit) noexcept {
  const Nic* nic = nics_.find(port);
  if (!nic || !nic->service || !nic->service->router) return;
  Packet* packet = emit.make();
  if (!packet) return;  // counted by the engine; the next one comes in some minutes
  const bool is_written = write_advertisement(*packet, *nic->service->router,
                                              wire::mac_of_group(wire::kAllNodes), wire::kAllNodes);
  assert(is_written);
  static_cast<void>(is_written);
  packet->out_port = port;
  emit.send(Out::router, *packet);
}

}  // namespace butterfly
