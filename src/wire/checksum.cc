// SPDX-License-Identifier: Apache-2.0
#include "wire/checksum.h"

namespace butterfly::wire {

uint64_t checksum_add(std::span<const uint8_t> bytes, uint64_t sum) {
  size_t i = 0;
  for (; i + 1 < bytes.size(); i += 2) sum += static_cast<uint32_t>(bytes[i] << 8 | bytes[i + 1]);
  if (i < bytes.size()) sum += static_cast<uint32_t>(bytes[i] << 8);
  return sum;
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
