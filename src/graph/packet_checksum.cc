// SPDX-License-Identifier: Apache-2.0
#include "graph/packet_checksum.h"

#include <algorithm>

namespace butterfly {

// Not rte_raw_cksum_mbuf: in DPDK 22.11 it cuts the sum of a segment to 16 bits before folding it
// when the segments before it end on an odd byte.
uint64_t packet_sum(const Packet& packet, uint32_t offset, uint32_t length) {
  uint64_t sum = 0;
  bool is_odd = false;
  for (const rte_mbuf* segment = &packet; segment && length != 0; segment = segment->next) {
    if (offset >= segment->data_len) {
      offset -= segment->data_len;
      continue;
    }
    const uint32_t here = std::min(length, segment->data_len - offset);
    const std::span bytes(rte_pktmbuf_mtod_offset(segment, const uint8_t*, offset), here);
    const auto part = static_cast<uint16_t>(~wire::checksum_finish(wire::checksum_add(bytes)));
    sum += is_odd ? __builtin_bswap16(part) : part;
    is_odd ^= (here & 1) != 0;
    length -= here;
    offset = 0;
  }
  return sum;
}

}  // namespace butterfly
