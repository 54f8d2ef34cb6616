// SPDX-License-Identifier: Apache-2.0
// Protocol headers as they lie on the wire: plain structs of bytes, alignment 1, no padding.
// Sources: IEEE 802.3, RFC 826 (ARP), 791 (IPv4), 8200 (IPv6), 9293 (TCP), 768 (UDP), 792 (ICMP),
// 4443 (ICMPv6), 4861 (ND), 7348 (VXLAN).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/byte_order.h"
#include "base/ip.h"
#include "base/mac.h"

namespace butterfly::wire {

inline constexpr uint16_t kTypeIpv4 = 0x0800;
inline constexpr uint16_t kTypeArp = 0x0806;
inline constexpr uint16_t kTypeRarp = 0x8035;
inline constexpr uint16_t kTypeIpv6 = 0x86dd;
inline constexpr uint16_t kTypeVlan = 0x8100;
inline constexpr uint16_t kTypeQinq = 0x88a8;
inline constexpr uint16_t kTypeQinqOld = 0x9100;
// Behind such a type comes a tag (IEEE 802.1Q §9), then the next type.
constexpr bool is_vlan_tag(uint16_t type) {
  return type == kTypeVlan || type == kTypeQinq || type == kTypeQinqOld;
}

inline constexpr uint8_t kProtoHopByHop = 0;
inline constexpr uint8_t kProtoIcmp = 1;
inline constexpr uint8_t kProtoTcp = 6;
inline constexpr uint8_t kProtoUdp = 17;
inline constexpr uint8_t kProtoRouting = 43;
inline constexpr uint8_t kProtoFragment = 44;
inline constexpr uint8_t kProtoAh = 51;
inline constexpr uint8_t kProtoIcmpv6 = 58;
inline constexpr uint8_t kProtoNone = 59;
inline constexpr uint8_t kProtoDestOptions = 60;
inline constexpr uint8_t kProtoSctp = 132;

struct EthernetHeader {
  Mac destination;
  Mac source;
  be16 type;
};
static_assert(sizeof(EthernetHeader) == 14);
inline constexpr size_t kEthernetHeaderLen = sizeof(EthernetHeader);

// ARP for IPv4 over Ethernet.
struct ArpHeader {
  be16 hardware_type;       // 1
  be16 protocol_type;       // 0x0800
  uint8_t hardware_length;  // 6
  uint8_t protocol_length;  // 4
  be16 operation;
  Mac sender_mac;
  Ipv4 sender_ip;
  Mac target_mac;
  Ipv4 target_ip;

  bool is_ipv4_over_ethernet() const {
    return hardware_type == 1 && protocol_type == kTypeIpv4 && hardware_length == 6 &&
           protocol_length == 4;
  }
};
static_assert(sizeof(ArpHeader) == 28);
inline constexpr uint16_t kArpRequest = 1;
inline constexpr uint16_t kArpReply = 2;
inline constexpr uint16_t kRarpRequest = 3;  // RFC 903, in a frame like ARP's

struct Ipv4Header {
  uint8_t version_ihl;
  uint8_t tos;
  be16 total_length;
  be16 id;
  be16 fragment;  // flags in the three high bits, offset in units of 8 bytes below
  uint8_t ttl;
  uint8_t protocol;
  be16 checksum;
  Ipv4 source;
  Ipv4 destination;

  unsigned version() const { return version_ihl >> 4; }
  size_t header_length() const { return static_cast<size_t>(version_ihl & 0x0f) * 4; }
  bool dont_fragment() const { return (fragment & 0x4000) != 0; }
  bool is_fragment() const { return (fragment & 0x3fff) != 0; }
  bool more_fragments() const { return (fragment & 0x2000) != 0; }
  uint32_t fragment_offset() const { return (fragment & 0x1fffu) * 8; }  // in bytes
};
static_assert(sizeof(Ipv4Header) == 20);

struct Ipv6Header {
  be32 version_class_flow;
  be16 payload_length;
  uint8_t next_header;
  uint8_t hop_limit;
  Ipv6 source;
  Ipv6 destination;

  unsigned version() const { return version_class_flow >> 28; }
};
static_assert(sizeof(Ipv6Header) == 40);

// The part that hop-by-hop, routing and destination-option headers share (RFC 8200 §4).
struct Ipv6Extension {
  uint8_t next_header;
  uint8_t length;  // units of 8 bytes beyond the first 8
  uint8_t type;    // routing headers only
  uint8_t rest[5];
};
static_assert(sizeof(Ipv6Extension) == 8);

struct Ipv6Fragment {
  uint8_t next_header;
  uint8_t reserved;
  be16 offset_more;  // offset in units of 8 bytes << 3, bit 0 = more fragments
  be32 id;

  // RFC 6946: a datagram in one "atomic" fragment is treated as if it had no fragment header.
  bool is_atomic() const { return (offset_more & 0xfff9) == 0; }
  bool more_fragments() const { return (offset_more & 1) != 0; }
  uint32_t offset() const { return offset_more & 0xfff8u; }  // in bytes
};
static_assert(sizeof(Ipv6Fragment) == 8);

struct TcpHeader {
  be16 source_port;
  be16 destination_port;
  be32 sequence;
  be32 acknowledgement;
  uint8_t data_offset;  // high nibble, units of 4 bytes
  uint8_t flags;
  be16 window;
  be16 checksum;
  be16 urgent;

  size_t header_length() const { return static_cast<size_t>(data_offset >> 4) * 4; }
};
static_assert(sizeof(TcpHeader) == 20);
inline constexpr uint8_t kTcpFin = 0x01;
inline constexpr uint8_t kTcpSyn = 0x02;
inline constexpr uint8_t kTcpRst = 0x04;
inline constexpr uint8_t kTcpPsh = 0x08;
inline constexpr uint8_t kTcpAck = 0x10;
inline constexpr uint8_t kTcpUrg = 0x20;
inline constexpr uint8_t kTcpEce = 0x40;  // RFC 3168 §6.1
inline constexpr uint8_t kTcpCwr = 0x80;  // §6.1.2

struct UdpHeader {
  be16 source_port;
  be16 destination_port;
  be16 length;
  be16 checksum;
};
static_assert(sizeof(UdpHeader) == 8);

// ICMP and ICMPv6 share this shape; echo carries id and sequence in the last four bytes, "packet
// too big" (v6) and "fragmentation needed" (v4, low 16 bits) an MTU.
struct IcmpHeader {
  uint8_t type;
  uint8_t code;
  be16 checksum;
  be16 id;
  be16 sequence;
};
static_assert(sizeof(IcmpHeader) == 8);
inline constexpr uint8_t kIcmpEchoReply = 0;
inline constexpr uint8_t kIcmpUnreachable = 3;
inline constexpr uint8_t kIcmpSourceQuench = 4;
inline constexpr uint8_t kIcmpRedirect = 5;
inline constexpr uint8_t kIcmpEcho = 8;
inline constexpr uint8_t kIcmpTimeExceeded = 11;
inline constexpr uint8_t kIcmpParameterProblem = 12;
inline constexpr uint8_t kIcmpFragmentationNeeded = 4;  // code of kIcmpUnreachable
inline constexpr uint8_t kIcmpAdminProhibited = 13;     // the same
inline constexpr uint8_t kIcmpv6Unreachable = 1;
inline constexpr uint8_t kIcmpv6AdminProhibited = 1;  // code of kIcmpv6Unreachable
inline constexpr uint8_t kIcmpv6PacketTooBig = 2;
inline constexpr uint8_t kIcmpv6TimeExceeded = 3;
inline constexpr uint8_t kIcmpv6ParameterProblem = 4;
inline constexpr uint8_t kIcmpv6Echo = 128;
inline constexpr uint8_t kIcmpv6EchoReply = 129;
inline constexpr uint8_t kIcmpv6MldQuery = 130;
inline constexpr uint8_t kIcmpv6MldReport = 131;
inline constexpr uint8_t kIcmpv6MldDone = 132;
inline constexpr uint8_t kIcmpv6RouterSolicitation = 133;
inline constexpr uint8_t kIcmpv6RouterAdvertisement = 134;
inline constexpr uint8_t kIcmpv6NeighbourSolicitation = 135;
inline constexpr uint8_t kIcmpv6NeighbourAdvertisement = 136;
inline constexpr uint8_t kIcmpv6Redirect = 137;
inline constexpr uint8_t kIcmpv6Mldv2Report = 143;

// Neighbour solicitation and advertisement (RFC 4861 §4.3, §4.4), options follow.
struct NdHeader {
  IcmpHeader icmp;  // NA: the R, S, O flags are the top bits of `id`
  Ipv6 target;
};
static_assert(sizeof(NdHeader) == 24);
struct NdLinkLayerOption {
  uint8_t type;    // 1 source, 2 target
  uint8_t length;  // units of 8 bytes: 1
  Mac mac;
};
static_assert(sizeof(NdLinkLayerOption) == 8);

struct VxlanHeader {
  uint8_t flags;
  uint8_t reserved1[3];
  be32 vni_reserved;

  bool has_vni() const { return (flags & 0x08) != 0; }
  uint32_t vni() const { return vni_reserved >> 8; }
};
static_assert(sizeof(VxlanHeader) == 8);
inline constexpr uint16_t kVxlanPort = 4789;

// The header of type H at `offset`, or null when it does not lie wholly inside `bytes`.
template <typename H>
const H* view_at(std::span<const uint8_t> bytes, size_t offset) {
  static_assert(alignof(H) == 1);
  if (offset > bytes.size() || bytes.size() - offset < sizeof(H)) return nullptr;
  return reinterpret_cast<const H*>(bytes.data() + offset);
}

template <typename H>
H* view_at(std::span<uint8_t> bytes, size_t offset) {
  static_assert(alignof(H) == 1);
  if (offset > bytes.size() || bytes.size() - offset < sizeof(H)) return nullptr;
  return reinterpret_cast<H*>(bytes.data() + offset);
}

}  // namespace butterfly::wire
