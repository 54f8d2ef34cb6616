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

// The checksum after a 16-bit word under it changed (RFC 1624 §3, equation 3).
constexpr uint16_t checksum_update(uint16_t checksum, uint16_t before, uint16_t after) {
  uint32_t sum =
      static_cast<uint16_t>(~checksum) + uint32_t{static_cast<uint16_t>(~before)} + after;
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

// Whether the checksum of an IPv4 header without options holds. REQUIRES: its version is not 0.
inline bool ipv4_checksum_holds(const Ipv4Header& header) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&header);
  // RFC 1071 §2: in memory's byte order and in wider words, their carries added again, it is the
  // same sum modulo 0xffff. That must be 0; by the header's version the sum itself is not.
  uint64_t sum = load_raw<uint64_t>(bytes);
  const auto add = [&sum](uint64_t word) {
    sum += word;
    sum += sum < word;
  };
  add(load_raw<uint64_t>(bytes + 8));
  add(load_raw<uint32_t>(bytes + 16));
  // A multiple of d times the inverse of d modulo 2^64 is the quotient, anything else is more than
  // any quotient (Granlund, Montgomery 1994, §9). The inverse of 2^16 - 1 is minus this:
  constexpr uint64_t kLargest = UINT64_MAX / 0xffff;
  return -(sum * kLargest) <= kLargest;
}

// The sum of the pseudo header of TCP, UDP or ICMPv6 (RFC 9293 §3.1, RFC 8200 §8.1).
// `length` counts the upper-layer header and payload, in bytes. Both addresses of one family.
uint64_t pseudo_header_sum(const IpAddress& source, const IpAddress& destination, uint8_t protocol,
                           uint32_t length);

}  // namespace butterfly::wire
