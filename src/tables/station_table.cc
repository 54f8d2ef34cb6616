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

void StationTable::grow() {
  const std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(2 * slots_.size()));
  --shift_;
  for (const Slot& slot : old) {
    if (slot.key != kFree) slots_[slot_of(slot.key)] = slot;
  }
}

}  // namespace butterfly
