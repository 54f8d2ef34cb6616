// SPDX-License-Identifier: Apache-2.0
#include "tables/station_table.h"

#include <utility>

namespace butterfly {

void StationTable::set(const Mac& mac, const Place& place) {
  if (2 * (size_ + 1) > slots_.size()) grow();
  Slot& slot = slots_[slot_of(mac.to_u64())];
  size_ += slot.key == kFree;
  slot = {mac.to_u64(), place};
}

// What lies behind a gap moves into it, unless its own home lies behind the gap as well (Knuth,
// TAOCP 6.4, algorithm R): no lookup may meet a free slot before its key.
void StationTable::erase(const Mac& mac) {
  const size_t mask = slots_.size() - 1;
  size_t gap = slot_of(mac.to_u64());
  if (slots_[gap].key == kFree) return;
  for (size_t at = (gap + 1) & mask; slots_[at].key != kFree; at = (at + 1) & mask) {
    const size_t from_home = (at - home_of(slots_[at].key)) & mask;
    const size_t from_gap = (at - gap) & mask;
    if (from_home < from_gap) continue;
    slots_[gap] = slots_[at];
    gap = at;
  }
  slots_[gap] = Slot{};
  --size_;
}

void StationTable::grow() {
  const std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(2 * slots_.size()));
  --shift_;
  for (const Slot& slot : old) {
    if (slot.key != kFree) slots_[slot_of(slot.key)] = slot;
  }
}

}  // namespace butterfly
