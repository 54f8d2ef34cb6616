// SPDX-License-Identifier: Apache-2.0
#include "daemon/memory_plan.h"

#include <algorithm>

#include "graph/packet_pool.h"
#include "host/buffer_uses.h"
#include "ports/uplink.h"

namespace butterfly {
namespace {

// Bytes that one packet buffer takes: mbuf and facts, headroom and data, the pool's own header.
constexpr uint64_t kBufferBytes = sizeof(Packet) + RTE_PKTMBUF_HEADROOM + kBufferData + 128;
constexpr uint64_t kLargeBufferBytes =
    sizeof(Packet) + RTE_PKTMBUF_HEADROOM + kLargeBufferData + 128;
// Of the memory, the parts for packets and for super-frames; devices' rings and tables take the
// rest.
constexpr uint64_t kPoolPercent = 52;
constexpr uint64_t kLargePoolPercent = 8;

constexpr uint32_t kNics = 128;
constexpr uint32_t kMostMb = 4096;
constexpr uint32_t kStepMb = 64;

}  // namespace

uint32_t ordinary_buffers(uint32_t memory_mb) {
  return static_cast<uint32_t>((uint64_t{memory_mb} << 20) * kPoolPercent / 100 / kBufferBytes);
}

uint32_t large_buffers(uint32_t memory_mb) {
  return static_cast<uint32_t>((uint64_t{memory_mb} << 20) * kLargePoolPercent / 100 /
                               kLargeBufferBytes);
}

uint32_t memory_mb_for(uint64_t ordinary) {
  const uint64_t bytes = ordinary * kBufferBytes * 100 / kPoolPercent;
  const uint64_t steps = bytes / (uint64_t{kStepMb} << 20) + 1;
  return static_cast<uint32_t>(std::min<uint64_t>(steps * kStepMb, UINT32_MAX));
}

uint32_t computed_memory_mb(uint16_t lcores, uint16_t uplinks) {
  const uint32_t slots = uint32_t{uplinks} * lcores * kUplinkSlots;
  const auto uses = buffer_uses({lcores, kNics, kPoolCache, slots, slots});
  return std::clamp(memory_mb_for(sum_of(uses)), kLeastMemoryMb, kMostMb);
}

}  // namespace butterfly
