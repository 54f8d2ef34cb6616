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
  return wire::ipv4_checksum_holds(*wire::view_at<wire::Ipv4Header>(header, 0));
}

}  // namespace butterfly
