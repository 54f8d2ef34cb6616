// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/segments.h"

#include <algorithm>
#include <cassert>
#include <span>

#include "wire/checksum.h"

namespace butterfly::peers {
namespace {

// MSS 1400, selective acknowledgements, window scale 14 (RFC 9293 §3.2, 2018, 7323), aligned.
constexpr std::array<uint8_t, 12> kSynOptions{2, 4, 0x05, 0x78, 1, 1, 4, 2, 1, 3, 3, 14};
constexpr uint16_t kWindow = 65'535;
constexpr uint8_t kHops = 64;

template <typename Header>
Header& header_at(std::span<uint8_t> bytes, size_t offset) {
  Header* header = wire::view_at<Header>(bytes, offset);
  assert(header != nullptr);
  return *header;
}

uint8_t flags_of(SegmentKind kind) {
  switch (kind) {
    case SegmentKind::syn:
      return wire::kTcpSyn;
    case SegmentKind::syn_ack:
      return wire::kTcpSyn | wire::kTcpAck;
    default:
      return wire::kTcpAck;
  }
}

uint16_t options_length(SegmentKind kind) {
  const bool has_options = kind == SegmentKind::syn || kind == SegmentKind::syn_ack;
  return has_options ? static_cast<uint16_t>(kSynOptions.size()) : uint16_t{0};
}

void fill_ipv4(wire::Ipv4Header& header, const Ipv4& source, const Ipv4& destination,
               uint8_t protocol, uint16_t total) {
  header = {};
  header.version_ihl = 0x45;
  header.total_length = total;
  header.fragment = 0x4000;  // never to be cut
  header.ttl = kHops;
  header.protocol = protocol;
  header.source = source;
  header.destination = destination;
}

uint64_t sum_of(const wire::Ipv4Header& header) {
  return wire::checksum_add({reinterpret_cast<const uint8_t*>(&header), sizeof header});
}

}  // namespace

SegmentWriter::SegmentWriter(const Network& network, const SegmentShape& shape) {
  is_v4_ = shape.family == wire::Family::v4;
  const bool from_wire = shape.direction == Direction::from_wire;
  inner_ = network.is_tunnelled && from_wire ? kTunnelBytes : uint16_t{0};
  const uint16_t ip_length = is_v4_ ? sizeof(wire::Ipv4Header) : sizeof(wire::Ipv6Header);
  tcp_ = static_cast<uint16_t>(sizeof(wire::EthernetHeader) + ip_length);
  const auto headers =
      static_cast<uint16_t>(tcp_ + sizeof(wire::TcpHeader) + options_length(shape.kind));
  has_stamp_ = shape.kind == SegmentKind::data;
  assert(!has_stamp_ || shape.length >= least_length(shape.family));
  payload_ = has_stamp_ ? static_cast<uint16_t>(shape.length - headers) : uint16_t{0};
  length_ = static_cast<uint16_t>(inner_ + headers + payload_);
  // Whatever another frame wrote into the buffer lies in its first kWriteRoom bytes.
  blocks_ = (std::min(length_, kWriteRoom) + 31U) / 32;
  static_assert(kTunnelBytes + 14 + 40 + 20 + 12 + 31 < kWriteRoom);

  has_far_mac_ = (from_wire || network.guest_next_hop.is_zero());
  far_mac_ = from_wire ? 11 : 5;
  const uint16_t address = static_cast<uint16_t>(sizeof(wire::EthernetHeader) + (is_v4_ ? 12 : 8));
  const uint16_t size = is_v4_ ? 4 : 16;
  far_host_ = static_cast<uint16_t>(address + (from_wire ? size : 2 * size) - 1);
  guest_port_ = from_wire ? 2 : 0;
  if (inner_ != 0) write_tunnel(network);
  write_inner(network, shape);
}

void SegmentWriter::write_tunnel(const Network& network) {
  const std::span bytes(bytes_);
  auto& ethernet = header_at<wire::EthernetHeader>(bytes, 0);
  ethernet.destination = network.vtep_mac;
  ethernet.source = network.peer_mac;
  ethernet.type = wire::kTypeIpv4;
  auto& ip = header_at<wire::Ipv4Header>(bytes, sizeof ethernet);
  fill_ipv4(ip, network.peer, network.vtep, wire::kProtoUdp,
            static_cast<uint16_t>(length_ - sizeof ethernet));
  ip.checksum = wire::checksum_finish(sum_of(ip));
  auto& udp = header_at<wire::UdpHeader>(bytes, sizeof ethernet + sizeof ip);
  udp.destination_port = wire::kVxlanPort;
  udp.length = static_cast<uint16_t>(length_ - sizeof ethernet - sizeof ip);
  auto& vxlan = header_at<wire::VxlanHeader>(bytes, kTunnelBytes - sizeof(wire::VxlanHeader));
  vxlan.flags = 0x08;
  vxlan.vni_reserved = network.vni << 8;
}

// What differs from flow to flow is left zero and out of the sums.
void SegmentWriter::write_inner(const Network& network, const SegmentShape& shape) {
  const bool from_wire = shape.direction == Direction::from_wire;
  const auto inner = std::span(bytes_).subspan(inner_);
  const Mac far_hop = network.far_next_hop.is_zero() ? network.guest : network.far_next_hop;
  const Mac guest_hop =
      network.guest_next_hop.is_zero() ? network.first_far : network.guest_next_hop;
  auto& ethernet = header_at<wire::EthernetHeader>(inner, 0);
  ethernet.destination = from_wire ? far_hop : guest_hop;
  ethernet.source = from_wire ? network.first_far : network.guest;
  ethernet.type = is_v4_ ? wire::kTypeIpv4 : wire::kTypeIpv6;

  const IpAddress guest = guest_address(shape.family);
  const IpAddress far = far_address(shape.family, 0);
  const IpAddress& source = from_wire ? far : guest;
  const IpAddress& destination = from_wire ? guest : far;
  const auto total = static_cast<uint16_t>(length_ - inner_ - sizeof ethernet);
  const auto segment = static_cast<uint16_t>(length_ - inner_ - tcp_);
  if (is_v4_) {
    auto& ip = header_at<wire::Ipv4Header>(inner, sizeof ethernet);
    fill_ipv4(ip, source.v4(), destination.v4(), wire::kProtoTcp, total);
    ip_sum_ = sum_of(ip);
  } else {
    auto& ip = header_at<wire::Ipv6Header>(inner, sizeof ethernet);
    ip.version_class_flow = uint32_t{6} << 28;
    ip.payload_length = segment;
    ip.next_header = wire::kProtoTcp;
    ip.hop_limit = kHops;
    ip.source = source.v6();
    ip.destination = destination.v6();
  }
  const uint16_t tcp_length = write_tcp(shape, inner.data() + tcp_);
  tcp_sum_ = wire::checksum_add(inner.subspan(tcp_, tcp_length)) +
             wire::pseudo_header_sum(source, destination, wire::kProtoTcp, segment);
}

uint16_t SegmentWriter::write_tcp(const SegmentShape& shape, uint8_t* at) const {
  const uint16_t options = options_length(shape.kind);
  const auto length = static_cast<uint16_t>(sizeof(wire::TcpHeader) + options);
  auto& tcp = header_at<wire::TcpHeader>({at, length}, 0);
  tcp.data_offset = static_cast<uint8_t>(length / 4 << 4);
  tcp.flags = flags_of(shape.kind);
  tcp.window = kWindow;
  if (options != 0) std::copy(kSynOptions.begin(), kSynOptions.end(), at + sizeof tcp);
  return length;
}

}  // namespace butterfly::peers
