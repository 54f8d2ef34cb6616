// SPDX-License-Identifier: Apache-2.0
#include "host/buffer_uses.h"

#include "graph/counters.h"
#include "graph/handoff.h"
#include "graph/packet.h"
#include "host/lcore_runner.h"
#include "tables/fragment_table.h"

namespace butterfly {
namespace {

// What an lcore has in a round, the uplink's and nics' stages apart: gathered, in the queues before
// its bricks, dropped and not freed yet.
constexpr uint64_t kInRound =
    LcoreRunner::kMaxGathered + kBurst + kMaxNodes * uint64_t{2 * kBurst} + 64;

std::string number(uint64_t value) { return std::to_string(value); }

}  // namespace

std::vector<BufferUse> buffer_uses(const BufferShape& shape) {
  const uint64_t lcores = shape.lcores;
  // DPDK lets a cache grow by half before it gives any back (rte_mempool.h).
  const uint64_t cache = uint64_t{shape.cache} * 3 / 2;
  const uint64_t held = FragmentLimits{}.held;
  const uint64_t rings = 2 * lcores * (lcores - 1);
  const std::vector<BufferUse> all{
      {"uplink", uint64_t{shape.receive_slots} + shape.transmit_slots,
       number(shape.receive_slots) + " in receive rings, " + number(shape.transmit_slots) +
           " in transmit rings"},
      {"lcores", lcores * (kInRound + cache),
       number(lcores) + " with " + number(kInRound) + " in a round and " + number(cache) +
           " in a cache"},
      {"nics", lcores * shape.nics * kBurst,
       number(shape.nics) + ", for each " + number(kBurst) + " to be sent by each lcore"},
      {"hand-over", rings * HandoffRing::kSlots,
       number(rings) + " rings of " + number(HandoffRing::kSlots) + " between lcores"},
      {"fragments", lcores * held, number(held) + " held by each lcore"}};
  std::vector<BufferUse> uses;
  for (const BufferUse& use : all) {
    if (use.buffers != 0) uses.push_back(use);
  }
  return uses;
}

uint64_t sum_of(std::span<const BufferUse> uses) {
  uint64_t sum = 0;
  for (const BufferUse& use : uses) sum += use.buffers;
  return sum;
}

}  // namespace butterfly
