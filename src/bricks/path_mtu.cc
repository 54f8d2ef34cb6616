// SPDX-License-Identifier: Apache-2.0
#include "bricks/path_mtu.h"

#include <algorithm>

#include "graph/packet_checksum.h"
#include "graph/packet_pool.h"

namespace butterfly {
namespace {

constexpr uint8_t kHopLimit = 64;
constexpr uint8_t kInternetControl = 0xc0;  // RFC 1812 §4.3.2.5
constexpr uint16_t kDontFragment = 0x4000;
constexpr uint16_t kIpv6MinimumMtu = 1280;
// RFC 1812 §4.3.2.3: an answer of at most 576 bytes.
constexpr uint32_t kMaxQuoteV4 = 576 - sizeof(wire::Ipv4Header) - sizeof(wire::IcmpHeader);
// RFC 4443 §3.2: as much as fits the minimum MTU.
constexpr uint32_t kMaxQuoteV6 =
    kIpv6MinimumMtu - sizeof(wire::Ipv6Header) - sizeof(wire::IcmpHeader);

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

bool write_v4(Packet& packet, uint16_t mtu) {
  const wire::EthernetHeader ethernet = *packet.at<wire::EthernetHeader>(0);
  const wire::Ipv4Header ip = *packet.at<wire::Ipv4Header>(packet.parsed.l3);
  const uint32_t quoted = std::min<uint32_t>(ip.total_length, kMaxQuoteV4);
  auto* error = make_room<wire::Ipv4Header>(packet, quoted);
  if (!error) return false;
  const auto total = static_cast<uint16_t>(sizeof error->ip + sizeof error->icmp + quoted);
  error->ethernet = {ethernet.source, ethernet.destination, wire::kTypeIpv4};
  error->ip = {0x45, kInternetControl, total,    0, kDontFragment, kHopLimit, wire::kProtoIcmp,
               0,    ip.destination,   ip.source};
  error->icmp = {wire::kIcmpUnreachable, wire::kIcmpFragmentationNeeded, 0, 0, mtu};
  constexpr uint32_t kIcmp = wire::kEthernetHeaderLen + sizeof(wire::Ipv4Header);
  error->ip.checksum =
      wire::checksum_finish(packet_sum(packet, wire::kEthernetHeaderLen, sizeof(wire::Ipv4Header)));
  error->icmp.checksum = wire::checksum_finish(packet_sum(packet, kIcmp, packet.length() - kIcmp));
  return true;
}

bool write_v6(Packet& packet, uint16_t mtu) {
  const wire::EthernetHeader ethernet = *packet.at<wire::EthernetHeader>(0);
  const wire::Ipv6Header ip = *packet.at<wire::Ipv6Header>(packet.parsed.l3);
  const uint32_t quoted = std::min<uint32_t>(sizeof ip + uint32_t{ip.payload_length}, kMaxQuoteV6);
  auto* error = make_room<wire::Ipv6Header>(packet, quoted);
  if (!error) return false;
  const auto payload = static_cast<uint16_t>(sizeof error->icmp + quoted);
  error->ethernet = {ethernet.source, ethernet.destination, wire::kTypeIpv6};
  error->ip = {6U << 28, payload, wire::kProtoIcmpv6, kHopLimit, ip.destination, ip.source};
  error->icmp = {wire::kIcmpv6PacketTooBig, 0, 0, 0, mtu};
  error->icmp.checksum =
      transport_checksum(packet, ip.destination, ip.source, wire::kProtoIcmpv6,
                         wire::kEthernetHeaderLen + sizeof(wire::Ipv6Header), payload);
  return true;
}

}  // namespace

bool PathMtu::segments_fit(const Packet& packet) const noexcept {
  const wire::Parsed& parsed = packet.parsed;
  if (parsed.kind != wire::FrameKind::flow || parsed.protocol != wire::kProtoTcp) return false;
  // A flooded copy may begin with an empty segment.
  wire::TcpHeader storage;
  const auto* tcp = static_cast<const wire::TcpHeader*>(
      rte_pktmbuf_read(&packet, parsed.l4, sizeof storage, &storage));
  if (!tcp) return false;
  const size_t data = std::min<size_t>(packet.tso_segsz, parsed.l4_length - tcp->header_length());
  return parsed.l4 - parsed.l3 + tcp->header_length() + data <= mtu_;
}

PathMtu::Out PathMtu::answer(Packet& packet) noexcept {
  const auto* ethernet = packet.at<wire::EthernetHeader>(0);
  // A flooded copy shares its bytes, or begins with an empty segment.
  if (!ethernet || packet.is_shared()) return Out::too_big;
  if (ethernet->destination.is_group() || ethernet->source.is_group()) return Out::too_big;
  if (packet.parsed.kind != wire::FrameKind::flow) return Out::too_big;
  const bool is_v4 = packet.parsed.family == wire::Family::v4;
  if (!(is_v4 ? may_answer_v4(packet) : may_answer_v6(packet))) return Out::too_big;
  if (!answers_.take(lcore_.now())) return Out::too_big_limited;
  if (!(is_v4 ? write_v4(packet, mtu_) : write_v6(packet, mtu_))) return Out::too_big;
  // What the guest asked its device to do was about the packet that is gone.
  packet.ol_flags &= RTE_MBUF_F_EXTERNAL;
  packet.out_port = packet.in_port;
  return Out::answered;
}

// A small IP packet in a long frame is somebody's padding: its sender has no size to learn.
bool PathMtu::may_answer_v4(const Packet& packet) const noexcept {
  const auto* ip = packet.at<wire::Ipv4Header>(packet.parsed.l3);
  return ip && ip->total_length > mtu_ && ip->source.names_a_host() &&
         ip->destination.names_a_host();
}

bool PathMtu::may_answer_v6(const Packet& packet) const noexcept {
  const auto* ip = packet.at<wire::Ipv6Header>(packet.parsed.l3);
  // RFC 8201 §4: a sender ignores a size below IPv6's minimum, so telling it would be no answer.
  return ip && mtu_ >= kIpv6MinimumMtu && sizeof *ip + size_t{ip->payload_length} > mtu_ &&
         ip->source.names_a_host() && ip->destination.names_a_host();
}

}  // namespace butterfly
