// SPDX-License-Identifier: Apache-2.0
// Which slots of the lcores' hit counts (tables/hit_counts.h) are free.
#pragma once

#include <cstdint>
#include <vector>

#include "base/shared_map.h"
#include "tables/hit_counts.h"

namespace butterfly {

// A value type, as SlotMap: an attempt works on a copy, which costs next to nothing. Counts never
// go back, so a slot that was used before comes with what it stood at.
class HitSlots {
 public:
  struct Place {
    uint32_t slot = kNoHitSlot;
    uint64_t base = 0;  // what the slot's count was when the rule got it
  };

  // A place for a new rule; kNoHitSlot when all are taken.
  Place take() {
    if (const auto it = free_.begin(); it != free_.end()) {
      const Place place{it->first, it->second};
      free_.erase(place.slot);
      return place;
    }
    return next_ < kHitSlots ? Place{next_++, 0} : Place{};
  }
  // Its rule goes; used again only after free_retired().
  void retire(uint32_t slot) {
    if (slot != kNoHitSlot) retired_.push_back(slot);
  }
  // REQUIRES: no lcore looks at the rules that had the retired slots any more; `count_of(slot)` is
  // what all lcores have counted there.
  template <typename CountOf>
  void free_retired(const CountOf& count_of) {
    for (const uint32_t slot : retired_) free_.set(slot, count_of(slot));
    retired_.clear();
  }

 private:
  uint32_t next_ = kNoHitSlot + 1;      // from here on no slot was ever used
  SharedMap<uint32_t, uint64_t> free_;  // used before, by what their counts stand at
  std::vector<uint32_t> retired_;       // empty between changes
};

}  // namespace butterfly
