// SPDX-License-Identifier: Apache-2.0
// Which slots of the lcores' hit counts (tables/hit_counts.h) are free.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

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
    if (left_ != 0) return (*free_)[--left_];
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
    if (retired_.empty()) return;
    own();
    for (const uint32_t slot : retired_) free_->push_back({slot, count_of(slot)});
    left_ = free_->size();
    retired_.clear();
  }

 private:
  // Makes the free places this object's alone, without those that it has taken.
  void own() {
    if (free_.use_count() == 1) return free_->resize(left_);
    const auto shared = std::move(free_);
    free_ = std::make_shared<std::vector<Place>>();
    if (shared) free_->assign(shared->begin(), shared->begin() + static_cast<ptrdiff_t>(left_));
  }

  uint32_t next_ = kNoHitSlot + 1;  // from here on no slot was ever used
  // Used before and free: the first left_ of these. Copies share it and take from its end.
  std::shared_ptr<std::vector<Place>> free_;
  size_t left_ = 0;
  std::vector<uint32_t> retired_;  // empty between changes
};

}  // namespace butterfly
