// SPDX-License-Identifier: Apache-2.0
#include "tables/rate_limits.h"

#include <atomic>

namespace butterfly {
namespace {

// How far `paid_until` lies ahead of `now`; 0 when it lies behind, or so far ahead that the clock
// must have wrapped since.
uint64_t ahead(uint64_t paid_until, uint64_t now, uint64_t most) {
  const auto difference = static_cast<int64_t>(paid_until - now);
  return difference > 0 && static_cast<uint64_t>(difference) <= most
             ? static_cast<uint64_t>(difference)
             : 0;
}

void pay(std::atomic_ref<uint64_t> paid_until, uint64_t now, uint64_t most, uint64_t cost) {
  uint64_t before = paid_until.load(std::memory_order_relaxed);
  while (!paid_until.compare_exchange_weak(before, now + ahead(before, now, most) + cost,
                                           std::memory_order_relaxed)) {
  }
}

}  // namespace

bool RateLimits::take(size_t owner, size_t procedure, const RateLimit& limit, uint32_t length,
                      TimeMs now) noexcept {
  Bucket& bucket = buckets_[owner * procedures_ + procedure];
  const uint64_t time = uint64_t{now} << 32;
  const uint64_t bytes_cost = limit.per_byte * length;
  const std::atomic_ref packets(bucket.packets);
  const std::atomic_ref bits(bucket.bits);
  // The last packet let pass leaves no more than this to pay; twice, for clocks that are apart.
  const uint64_t most_packets = 2 * (limit.burst + limit.per_packet) + (uint64_t{1} << 36);
  const uint64_t most_bits = 2 * (limit.burst + (limit.per_byte << 16)) + (uint64_t{1} << 36);
  if (limit.per_packet != 0 &&
      ahead(packets.load(std::memory_order_relaxed), time, most_packets) > limit.burst) {
    return false;
  }
  if (limit.per_byte != 0 &&
      ahead(bits.load(std::memory_order_relaxed), time, most_bits) > limit.burst) {
    return false;
  }
  if (limit.per_packet != 0) pay(packets, time, most_packets, limit.per_packet);
  if (limit.per_byte != 0) pay(bits, time, most_bits, bytes_cost);
  return true;
}

}  // namespace butterfly
