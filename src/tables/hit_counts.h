// SPDX-License-Identifier: Apache-2.0
// How often each rule has let a connection start, as far as one lcore saw it.
//
// Key, value: Rule::hits_slot → a count that only grows. Slot 0 takes what nobody reads.
// Capacity: kHitSlots; which rule has which slot is the control side's (host/hit_slots.h). Rules
// for
//           which no slot is left have slot 0.
// Writers:  the lcore. Readers: the control side, which sees a recent value.
// Memory:   8 bytes a slot in pages of its own, real only where a rule has been hit.
#pragma once

#include <atomic>
#include <cstdint>

#include "tables/lazy_array.h"

namespace butterfly {

inline constexpr uint32_t kHitSlots = 1u << 20;
inline constexpr uint32_t kNoHitSlot = 0;

class HitCounts {
 public:
  // REQUIRES: slot < kHitSlots.
  void add(uint32_t slot) {
    const std::atomic_ref count(counts_[slot]);
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  uint64_t read(uint32_t slot) const {
    return std::atomic_ref(counts_[slot]).load(std::memory_order_relaxed);
  }

 private:
  LazyArray<uint64_t> counts_{kHitSlots};
};

}  // namespace butterfly
