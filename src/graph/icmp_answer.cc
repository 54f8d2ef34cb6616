// SPDX-License-Identifier: Apache-2.0
#include "graph/icmp_answer.h"

#include <algorithm>

#include "graph/packet_checksum.h"
#include "graph/packet_pool.h"

namespace butterfly {
namespace {

constexpr uint8_t kHopLimit = 64;
constexpr uint8_t kInternetControl = 0xc0;  // RFC 1812 §4.3.2.5
constexpr uint16_t kDontFragment = 0x4000;
// RFC 1812 §4.3.2.3: an answer of at most 576 bytes.
constexpr uint32_t kMaxQuoteV4 = 576 - sizeof(wire::Ipv4Header) - sizeof(wire::IcmpHeader);
// RFC 4443 §2.4c: as much as fits the minimum MTU.
constexpr uint32_t kMaxQuoteV6 = 1280 - sizeof(wire::Ipv6Header) - sizeof(wire::IcmpHeader);

template <typename Ip>
struct Error {
  wire::EthernetHeader ethernet;
  Ip ip;
  wire::IcmpHeader icmp;
};

// Leaves the first `quoted` bytes of the IP packet, with room for the answer's headers before them.
// Null, with the packet cut, when its headroom is too small.
template <typename Ip>
Error<Ip>* make_room(Packet& packet, uint32_t quoted) {
  packet.strip(wire::kEthernetHeaderLen);
  truncate_packet(packet, quoted);
  return packet.prepend(sizeof(Error<Ip>)) ? packet.at<Error<Ip>>(0) : nullptr;
}

bool write_v4(Packet& packet, const IcmpError& error) {
  const wire::EthernetHeader ethernet = *packet.at<wire::EthernetHeader>(0);
  const wire::Ipv4Header ip = *packet.at<wire::Ipv4Header>(packet.parsed.l3);
  const uint32_t quoted = std::min<uint32_t>(ip.total_length, kMaxQuoteV4);
  auto* answer = make_room<wire::Ipv4Header>(packet, quoted);
  if (!answer) return false;
  const auto total = static_cast<uint16_t>(sizeof answer->ip + sizeof answer->icmp + quoted);
  answer->ethernet = {ethernet.source, ethernet.destination, wire::kTypeIpv4};
  answer->ip = {0x45, kInternetControl, total,    0, kDontFragment, kHopLimit, wire::kProtoIcmp,
                0,    ip.destination,   ip.source};
  answer->icmp = {error.type, error.code, 0, 0, error.mtu};
  constexpr uint32_t kIcmp = wire::kEthernetHeaderLen + sizeof(wire::Ipv4Header);
  answer->ip.checksum =
      wire::checksum_finish(packet_sum(packet, wire::kEthernetHeaderLen, sizeof(wire::Ipv4Header)));
  answer->icmp.checksum = wire::checksum_finish(packet_sum(packet, kIcmp, packet.length() - kIcmp));
  return true;
}

bool write_v6(Packet& packet, const IcmpError& error) {
  const wire::EthernetHeader ethernet = *packet.at<wire::EthernetHeader>(0);
  const wire::Ipv6Header ip = *packet.at<wire::Ipv6Header>(packet.parsed.l3);
  const uint32_t quoted = std::min<uint32_t>(sizeof ip + uint32_t{ip.payload_length}, kMaxQuoteV6);
  auto* answer = make_room<wire::Ipv6Header>(packet, quoted);
  if (!answer) return false;
  const auto payload = static_cast<uint16_t>(sizeof answer->icmp + quoted);
  answer->ethernet = {ethernet.source, ethernet.destination, wire::kTypeIpv6};
  answer->ip = {6U << 28, payload, wire::kProtoIcmpv6, kHopLimit, ip.destination, ip.source};
  answer->icmp = {error.type, error.code, 0, 0, error.mtu};
  answer->icmp.checksum =
      transport_checksum(packet, ip.destination, ip.source, wire::kProtoIcmpv6,
                         wire::kEthernetHeaderLen + sizeof(wire::Ipv6Header), payload);
  return true;
}

template <typename Ip>
bool names_hosts(const Packet& packet) {
  const auto* ip = packet.at<Ip>(packet.parsed.l3);
  return ip && ip->source.names_a_host() && ip->destination.names_a_host();
}

}  // namespace

bool may_be_answered(const Packet& packet) noexcept {
  const auto* ethernet = packet.at<wire::EthernetHeader>(0);
  // A flooded copy shares its bytes, or begins with an empty segment.
  if (!ethernet || packet.is_shared()) return false;
  if (ethernet->destination.is_group() || ethernet->source.is_group()) return false;
  if (packet.parsed.kind != wire::FrameKind::flow &&
      packet.parsed.kind != wire::FrameKind::first_fragment) {  // RFC 1122 §3.2.2: no later one
    return false;
  }
  return packet.parsed.family == wire::Family::v4 ? names_hosts<wire::Ipv4Header>(packet)
                                                  : names_hosts<wire::Ipv6Header>(packet);
}

bool answer_with_icmp(Packet& packet, const IcmpError& error) noexcept {
  const bool is_v4 = packet.parsed.family == wire::Family::v4;
  if (!(is_v4 ? write_v4(packet, error) : write_v6(packet, error))) return false;
  packet.ol_flags &= RTE_MBUF_F_EXTERNAL;
  return true;
}

}  // namespace butterfly
