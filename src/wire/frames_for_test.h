// SPDX-License-Identifier: Apache-2.0
// Frames built byte by byte for the tests of this layer, which knows no packets yet: each function
// puts one header in front of a payload. Lengths are right unless a field says otherwise.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "wire/headers.h"

namespace butterfly::wire::test {

using Bytes = std::vector<uint8_t>;

template <typename H>
Bytes in_front(const H& header, const Bytes& payload) {
  Bytes bytes(sizeof header);
  std::memcpy(bytes.data(), &header, sizeof header);
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

inline IpAddress address(std::string_view text) { return IpAddress::parse(text).value(); }
inline const Mac kMacA = Mac::from_u64(0x525400000001);
inline const Mac kMacB = Mac::from_u64(0x525400000002);

inline Bytes ethernet(uint16_t type, const Bytes& payload) {
  return in_front(EthernetHeader{kMacB, kMacA, type}, payload);
}

struct V4 {
  std::string_view source = "10.0.0.1";
  std::string_view destination = "10.0.0.2";
  uint8_t version_ihl = 0x45;
  uint16_t fragment = 0x4000;  // don't fragment
  std::optional<uint16_t> total_length = {};
};
// The header itself, 20 bytes; options count as payload.
inline Bytes ipv4_alone(uint8_t protocol, const Bytes& payload, const V4& f = {}) {
  Ipv4Header ip{};
  ip.version_ihl = f.version_ihl;
  ip.total_length = f.total_length.value_or(static_cast<uint16_t>(20 + payload.size()));
  ip.fragment = f.fragment;
  ip.ttl = 64;
  ip.protocol = protocol;
  ip.source = address(f.source).v4();
  ip.destination = address(f.destination).v4();
  return in_front(ip, payload);
}
inline Bytes ipv4(uint8_t protocol, const Bytes& payload, const V4& f = {}) {
  return ethernet(kTypeIpv4, ipv4_alone(protocol, payload, f));
}

struct V6 {
  Ipv6 source = address("fd00::1").v6();
  Ipv6 destination = address("fd00::2").v6();
  uint8_t version = 6;
  std::optional<uint16_t> payload_length = {};
};
inline Bytes ipv6_alone(uint8_t next, const Bytes& payload, const V6& f = {}) {
  Ipv6Header ip{};
  ip.version_class_flow = static_cast<uint32_t>(f.version) << 28;
  ip.payload_length = f.payload_length.value_or(static_cast<uint16_t>(payload.size()));
  ip.next_header = next;
  ip.hop_limit = 64;
  ip.source = f.source;
  ip.destination = f.destination;
  return in_front(ip, payload);
}
inline Bytes ipv6(uint8_t next, const Bytes& payload, const V6& f = {}) {
  return ethernet(kTypeIpv6, ipv6_alone(next, payload, f));
}
// An extension header of 8 × (1 + `length`) bytes.
inline Bytes extension(uint8_t next, const Bytes& payload, uint8_t length = 0, uint8_t type = 0) {
  Bytes bytes(static_cast<size_t>(length) * 8, 0);
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return in_front(Ipv6Extension{next, length, type, {}}, bytes);
}
inline Bytes fragment(uint8_t next, uint16_t offset_more, const Bytes& payload) {
  return in_front(Ipv6Fragment{next, 0, offset_more, 7}, payload);
}

inline Bytes tcp(uint16_t source, uint16_t destination, uint8_t words = 5,
                 const Bytes& payload = {}) {
  TcpHeader header{};
  header.source_port = source;
  header.destination_port = destination;
  header.data_offset = static_cast<uint8_t>(words << 4);
  return in_front(header, payload);
}
inline Bytes udp(uint16_t source, uint16_t destination, const Bytes& payload = {},
                 std::optional<uint16_t> length = {}) {
  UdpHeader header{source, destination, 0, 0};
  header.length = length.value_or(static_cast<uint16_t>(8 + payload.size()));
  return in_front(header, payload);
}
inline Bytes icmp(uint8_t type, uint16_t id = 0, const Bytes& payload = {}) {
  return in_front(IcmpHeader{type, 0, 0, id, 0}, payload);
}
inline Bytes arp(uint16_t operation = kArpRequest, uint16_t protocol_type = kTypeIpv4) {
  ArpHeader header{1, protocol_type, 6, 4, operation, kMacA, {}, {}, {}};
  return ethernet(kTypeArp, in_front(header, {}));
}

}  // namespace butterfly::wire::test
