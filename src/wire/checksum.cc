// SPDX-License-Identifier: Apache-2.0
#include "wire/checksum.h"

#include <cstring>

namespace butterfly::wire {

uint64_t checksum_add(std::span<const uint8_t> bytes, uint64_t sum) {
  // RFC 1071 §2 (B): the sum may be taken in the host's byte order and swapped at the end, and in
  // wider words folded later. A frame of 64 KiB cannot overflow 64 bits of 32-bit words.
  uint64_t words = 0;
  size_t i = 0;
  for (; i + 4 <= bytes.size(); i += 4) {
    uint32_t word;
    std::memcpy(&word, bytes.data() + i, sizeof word);
    words += word;
  }
  uint32_t last = 0;
  if (i < bytes.size()) std::memcpy(&last, bytes.data() + i, bytes.size() - i);
  words += last;
  while (words >> 16) words = (words & 0xffff) + (words >> 16);
  return sum + __builtin_bswap16(static_cast<uint16_t>(words));
}

uint16_t checksum_finish(uint64_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

uint64_t pseudo_header_sum(const IpAddress& source, const IpAddress& destination, uint8_t protocol,
                           uint32_t length) {
  // IPv4 addresses fill the last four of the 16 bytes.
  const size_t skip = source.is_v4() ? 12 : 0;
  uint64_t sum = checksum_add(std::span(source.bytes()).subspan(skip));
  sum = checksum_add(std::span(destination.bytes()).subspan(skip), sum);
  return sum + protocol + (length >> 16) + (length & 0xffff);
}

}  // namespace butterfly::wire
