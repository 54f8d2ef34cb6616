// SPDX-License-Identifier: Apache-2.0
#include "scenarios/frames.h"

#include <algorithm>

#include "wire/checksum.h"

namespace butterfly::scenario {
namespace {

using wire::EthernetHeader;
using wire::IcmpHeader;
using wire::Ipv4Header;
using wire::Ipv6Header;
using wire::TcpHeader;
using wire::UdpHeader;

template <typename Header>
void append(Frame& frame, const Header& header) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&header);
  frame.insert(frame.end(), bytes, bytes + sizeof header);
}

// As payload(len=…) of packet text, so that people need not read it.
void append_payload(Frame& frame, size_t length) {
  for (size_t i = 0; i < length; ++i) frame.push_back(static_cast<uint8_t>('a' + i % 26));
}

// Ethernet and IP headers for `length` bytes of `protocol`.
Frame begin(const Envelope& envelope, uint8_t protocol, size_t length) {
  Frame frame;
  frame.reserve(sizeof(EthernetHeader) + sizeof(Ipv6Header) + length);
  const bool is_v4 = envelope.source.is_v4();
  append(frame,
         EthernetHeader{envelope.to, envelope.from, is_v4 ? wire::kTypeIpv4 : wire::kTypeIpv6});
  if (is_v4) {
    Ipv4Header ip{0x45,
                  0,
                  static_cast<uint16_t>(sizeof ip + length),
                  static_cast<uint16_t>(envelope.number),
                  0,
                  static_cast<uint8_t>(64 + (envelope.number >> 16 & 0x3f)),
                  protocol,
                  0,
                  envelope.source.v4(),
                  envelope.destination.v4()};
    append(frame, ip);
  } else {
    append(frame, Ipv6Header{6U << 28 | (envelope.number & 0xfffff), static_cast<uint16_t>(length),
                             protocol, 64, envelope.source.v6(), envelope.destination.v6()});
  }
  return frame;
}

bool is_v6(const Frame& frame) {
  const auto* ethernet = wire::view_at<EthernetHeader>(std::span(frame), 0);
  return ethernet && ethernet->type == wire::kTypeIpv6;
}

}  // namespace

Frame tcp_frame(const Envelope& envelope, const TcpFields& fields) {
  const size_t options = fields.scale < 0 ? 0 : 4;
  Frame frame =
      begin(envelope, wire::kProtoTcp, sizeof(TcpHeader) + options + size_t{fields.length});
  append(frame, TcpHeader{fields.source_port, fields.destination_port, fields.sequence,
                          fields.acknowledgement,
                          static_cast<uint8_t>((sizeof(TcpHeader) + options) / 4 << 4),
                          fields.flags, fields.window, 0, 0});
  if (options != 0) {
    frame.insert(frame.end(), {1, 3, 3, static_cast<uint8_t>(fields.scale)});  // RFC 7323 §2.2
  }
  append_payload(frame, fields.length);
  return frame;
}

Frame udp_frame(const Envelope& envelope, uint16_t source_port, uint16_t destination_port,
                uint16_t length) {
  const auto whole = static_cast<uint16_t>(sizeof(UdpHeader) + length);
  Frame frame = begin(envelope, wire::kProtoUdp, whole);
  append(frame, UdpHeader{source_port, destination_port, whole, 0});
  append_payload(frame, length);
  return frame;
}

Frame echo_frame(const Envelope& envelope, bool is_request, uint16_t id, uint16_t length) {
  const bool is_v4 = envelope.source.is_v4();
  Frame frame = begin(envelope, is_v4 ? wire::kProtoIcmp : wire::kProtoIcmpv6,
                      sizeof(IcmpHeader) + size_t{length});
  const uint8_t request = is_v4 ? wire::kIcmpEcho : wire::kIcmpv6Echo;
  const uint8_t reply = is_v4 ? wire::kIcmpEchoReply : wire::kIcmpv6EchoReply;
  append(frame, IcmpHeader{is_request ? request : reply, 0, 0, id,
                           static_cast<uint16_t>(envelope.number)});
  append_payload(frame, length);
  return frame;
}

Frame error_frame(const Envelope& envelope, const Frame& quoted, uint16_t mtu) {
  constexpr size_t kMostQuoted = 200;
  const bool is_v4 = envelope.source.is_v4();
  const size_t from = std::min(sizeof(EthernetHeader), quoted.size());
  const size_t count = std::min(kMostQuoted, quoted.size() - from);
  Frame frame =
      begin(envelope, is_v4 ? wire::kProtoIcmp : wire::kProtoIcmpv6, sizeof(IcmpHeader) + count);
  IcmpHeader icmp{wire::kIcmpUnreachable, 3, 0, 0, 0};
  if (is_v4 && mtu != 0) icmp = {wire::kIcmpUnreachable, wire::kIcmpFragmentationNeeded, 0, 0, mtu};
  if (!is_v4) icmp = {wire::kIcmpv6Unreachable, 4, 0, 0, 0};
  if (!is_v4 && mtu != 0) icmp = {wire::kIcmpv6PacketTooBig, 0, 0, 0, mtu};
  append(frame, icmp);
  frame.insert(frame.end(), quoted.begin() + static_cast<ptrdiff_t>(from),
               quoted.begin() + static_cast<ptrdiff_t>(from + count));
  return frame;
}

Frame bare_frame(const Envelope& envelope, uint8_t protocol, uint16_t length) {
  Frame frame = begin(envelope, protocol, length);
  append_payload(frame, length);
  return frame;
}

Frame arp_frame(const Envelope& envelope, bool is_request) {
  Frame frame;
  append(frame, EthernetHeader{envelope.to, envelope.from, wire::kTypeArp});
  append(frame,
         wire::ArpHeader{1, wire::kTypeIpv4, 6, 4, is_request ? wire::kArpRequest : wire::kArpReply,
                         envelope.from, envelope.source.v4(), is_request ? Mac{} : envelope.to,
                         envelope.destination.v4()});
  return frame;
}

void add_extension(Frame& frame) {
  constexpr size_t kIp = sizeof(EthernetHeader);
  auto* ip = wire::view_at<Ipv6Header>(std::span(frame), kIp);
  if (!ip || !is_v6(frame)) return;
  const wire::Ipv6Extension options{ip->next_header, 0, 1, {4, 0, 0, 0, 0}};  // PadN
  ip->next_header = wire::kProtoDestOptions;
  ip->payload_length = static_cast<uint16_t>(ip->payload_length + sizeof options);
  const auto* bytes = reinterpret_cast<const uint8_t*>(&options);
  frame.insert(frame.begin() + kIp + sizeof(Ipv6Header), bytes, bytes + sizeof options);
}

void add_vlan_tag(Frame& frame, uint16_t vlan) {
  const uint8_t tag[] = {0x81, 0x00, static_cast<uint8_t>(vlan >> 8), static_cast<uint8_t>(vlan)};
  frame.insert(frame.begin() + 2 * sizeof(Mac), std::begin(tag), std::end(tag));
}

Frame in_tunnel(const Frame& frame, Vni vni, Ipv4 peer, uint16_t source_port) {
  const auto datagram =
      static_cast<uint16_t>(sizeof(UdpHeader) + sizeof(wire::VxlanHeader) + frame.size());
  Frame outer;
  outer.reserve(kOuterLength + frame.size());
  append(outer, EthernetHeader{vtep_mac(), peer_mac(), wire::kTypeIpv4});
  Ipv4Header ip{0x45,
                0,
                static_cast<uint16_t>(sizeof ip + datagram),
                0,
                0,
                64,
                wire::kProtoUdp,
                0,
                peer,
                vtep_address()};
  ip.checksum =
      wire::checksum_finish(wire::checksum_add({reinterpret_cast<const uint8_t*>(&ip), sizeof ip}));
  append(outer, ip);
  append(outer, UdpHeader{source_port, wire::kVxlanPort, datagram, 0});
  append(outer, wire::VxlanHeader{0x08, {}, vni.value << 8});
  outer.insert(outer.end(), frame.begin(), frame.end());
  return outer;
}

Ipv4 vtep_address() { return {{192, 0, 2, 1}}; }
Mac vtep_mac() { return Mac::from_u64(0x020000000001); }
Mac peer_mac() { return Mac::from_u64(0x020000000002); }

}  // namespace butterfly::scenario
