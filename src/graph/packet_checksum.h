// SPDX-License-Identifier: Apache-2.0
// The Internet checksum (RFC 1071) over packets, however many segments they have.
#pragma once

#include <cstring>

#include "graph/packet.h"
#include "wire/checksum.h"

namespace butterfly {

// The sum of `length` bytes from `offset` on, for wire::checksum_finish. Bytes beyond the packet's
// end count as zero.
uint64_t packet_sum(const Packet& packet, uint32_t offset, uint32_t length);

// Checksum of a TCP, UDP or ICMPv6 header and payload at `offset`: the value to store while the
// field itself is zero; 0 when the field holds the right one.
inline uint16_t transport_checksum(const Packet& packet, const IpAddress& source,
                                   const IpAddress& destination, uint8_t protocol, uint32_t offset,
                                   uint32_t length) {
  return wire::checksum_finish(wire::pseudo_header_sum(source, destination, protocol, length) +
                               packet_sum(packet, offset, length));
}

// Whether the checksum of an IPv4 header holds; `header` with its options.
inline bool ipv4_checksum_holds(std::span<const uint8_t> header) {
  if (header.size() != sizeof(wire::Ipv4Header)) {
    return wire::checksum_finish(wire::checksum_add(header)) == 0;
  }
  // RFC 1071 §2: in the host's byte order and wider words it is the same sum.
  uint64_t first;
  uint64_t second;
  uint32_t third;
  std::memcpy(&first, header.data(), sizeof first);
  std::memcpy(&second, header.data() + 8, sizeof second);
  std::memcpy(&third, header.data() + 16, sizeof third);
  uint64_t sum =
      (first >> 32) + (first & 0xffffffff) + (second >> 32) + (second & 0xffffffff) + third;
  sum = (sum >> 32) + (sum & 0xffffffff);
  sum = (sum >> 16) + (sum & 0xffff);
  sum = (sum >> 16) + (sum & 0xffff);
  return sum == 0xffff;
}

}  // namespace butterfly
