// SPDX-License-Identifier: Apache-2.0
// A token bucket: how often the datapath may do something that others can provoke.
//
// Capacity: `burst` tokens; full at the start, filled at `rate_per_s`, what does not fit is lost.
// Writers and readers: one lcore. Owned by the host, so that a new snapshot does not refill it.
// Memory:   16 bytes.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.h"

namespace butterfly {

class TokenBucket {
 public:
  // REQUIRES: burst <= 4,000,000 (thousandths are counted in 32 bits).
  constexpr TokenBucket(uint32_t rate_per_s, uint32_t burst)
      : rate_per_s_(rate_per_s), limit_(burst * kWhole), level_(limit_) {}

  // Takes a token if there is one. REQUIRES: `now` does not run backwards. When more than 49 days
  // pass between calls the clock has wrapped and fewer tokens are there than have been earned.
  bool take(TimeMs now) {
    // A rate of R a second is R thousandths a millisecond.
    const uint64_t earned = static_cast<uint64_t>(age_ms(now, filled_ms_)) * rate_per_s_;
    level_ = static_cast<uint32_t>(std::min<uint64_t>(limit_, level_ + earned));
    filled_ms_ = now;
    if (level_ < kWhole) return false;
    level_ -= kWhole;
    return true;
  }

 private:
  static constexpr uint32_t kWhole = 1000;  // a token, in thousandths

  uint32_t rate_per_s_;
  uint32_t limit_;
  uint32_t level_;
  TimeMs filled_ms_ = 0;
};

}  // namespace butterfly
