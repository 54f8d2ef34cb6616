// SPDX-License-Identifier: Apache-2.0
// The Internet checksum (RFC 1071).
#pragma once

#include <cstdint>
#include <span>

#include "base/ip.h"
#include "wire/headers.h"

namespace butterfly::wire {

// Adds the big-endian 16-bit words of `bytes` (a last odd byte is padded with zero) to `sum`.
uint64_t checksum_add(std::span<const uint8_t> bytes, uint64_t sum = 0);

// Folds a sum to 16 bits and complements it: the value to store with be16.
uint16_t checksum_finish(uint64_t sum);

// Whether the checksum of an IPv4 header without options holds.
inline bool ipv4_checksum_holds(const Ipv4Header& header) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&header);
  const uint64_t first = load_raw<uint64_t>(bytes);
  const uint64_t second = load_raw<uint64_t>(bytes + 8);
  // RFC 1071 §2: in memory's byte order and in wider words it is the same sum. That it is all ones,
  // or 0 modulo 0xffff, is the same: it cannot be 0 itself.
  const uint64_t sum = (first >> 32) + (first & 0xffffffff) + (second >> 32) +
                       (second & 0xffffffff) + load_raw<uint32_t>(bytes + 16);
  return sum != 0 && sum % 0xffff == 0;
}

// The sum of the pseudo header of TCP, UDP or ICMPv6 (RFC 9293 §3.1, RFC 8200 §8.1).
// `length` counts the upper-layer header and payload, in bytes. Both addresses of one family.
uint64_t pseudo_header_sum(const IpAddress& source, const IpAddress& destination, uint8_t protocol,
                           uint32_t length);

}  // namespace butterfly::wire
