// SPDX-License-Identifier: Apache-2.0
// How many packets and bits a second may pass, for each nic and procedure of the host; and how many
// flows may begin.
// Source: the generic cell rate algorithm (ITU-T I.371 Annex A), one word of state a limit: the
// time at which everything let pass so far would have passed at exactly the rate.
//
// Capacity: fixed, a bucket for each pair of owner (a port, or a segment's slot) and procedure;
// only
//           what is used takes memory.
// Writers:  every lcore that carries such packets, with atomic words: a nic's connections may lie
//           on several lcores, and its limit is one. Nothing else writes these lines.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "base/ids.h"
#include "tables/lazy_array.h"

namespace butterfly {

// A limit as it is counted: time in units of 2^-32 ms.
struct RateLimit {
  uint64_t per_packet = 0;  // what a packet takes; 0: packets are not limited
  uint64_t per_byte = 0;    // what a byte takes; 0: bits are not limited
  uint64_t burst = 0;       // how much of it may pass at once

  // `packets` and `bits` a second, 0: no such limit; packets <= 10^9, bits from 8,000 to 10^12.
  // `burst_ms` of the rate may pass at once, and one packet more. REQUIRES: burst_ms <= 10,000.
  static RateLimit of(uint64_t packets, uint64_t bits, uint32_t burst_ms) {
    constexpr uint64_t kSecond = uint64_t{1000} << 32;
    return {packets == 0 ? 0 : kSecond / packets, bits == 0 ? 0 : 8 * kSecond / bits,
            uint64_t{burst_ms} << 32};
  }
  bool is_set() const { return (per_packet | per_byte) != 0; }
};

class RateLimits {
 public:
  explicit RateLimits(size_t procedures, size_t owners = kMaxPorts)
      : procedures_(procedures), buckets_(owners * procedures) {}

  // Whether a packet of `length` bytes may pass now; counted if so. `now` may run a little apart
  // between lcores. Two that ask at once may let one packet each pass where one was left. After
  // 24 days of silence, or a smaller burst, a bucket begins anew. Any lcore.
  // REQUIRES: owner < `owners`, procedure < `procedures`.
  bool take(size_t owner, size_t procedure, const RateLimit& limit, uint32_t length,
            TimeMs now) noexcept;
  bool take(PortId port, size_t procedure, const RateLimit& limit, uint32_t length,
            TimeMs now) noexcept {
    return take(size_t{port.value}, procedure, limit, length, now);
  }

 private:
  struct Bucket {
    uint64_t packets;  // times, as in RateLimit; wrap with the clock
    uint64_t bits;
  };

  size_t procedures_;
  LazyArray<Bucket> buckets_;
};

}  // namespace butterfly
