// SPDX-License-Identifier: Apache-2.0
// Which slot of a fixed table each named object has.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/shared_map.h"

namespace butterfly {

// A value type: an attempt to change the host works on a copy, which costs next to nothing and
// replaces the original when the attempt succeeds. Slots of removed keys stay taken until
// free_retired().
template <typename Key>
class SlotMap {
 public:
  // Slots first .. count-1.
  SlotMap(uint16_t first, uint16_t count) : first_(first), taken_(count) {}

  std::optional<uint16_t> find(const Key& key) const {
    const auto it = slots_.find(key);
    return it == slots_.end() ? std::nullopt : std::optional(it->second);
  }
  // The key's slot, a free one for a new key; empty when all are taken.
  std::optional<uint16_t> assign(const Key& key) {
    if (const auto slot = find(key)) return slot;
    for (uint16_t slot = first_; slot < taken_.size(); ++slot) {
      if (taken_[slot]) continue;
      taken_[slot] = true;
      slots_.set(key, slot);
      return slot;
    }
    return std::nullopt;
  }
  // Forgets the key. Its slot may be reused only after free_retired().
  void retire(const Key& key) {
    const auto it = slots_.find(key);
    if (it == slots_.end()) return;
    retired_.push_back(it->second);
    slots_.erase(key);
  }
  const std::vector<uint16_t>& retired() const { return retired_; }
  // REQUIRES: no lcore can hold a retired slot any more.
  void free_retired() {
    for (const uint16_t slot : retired_) taken_[slot] = false;
    retired_.clear();
  }
  const SharedMap<Key, uint16_t>& all() const { return slots_; }

 private:
  uint16_t first_;
  std::vector<bool> taken_;
  SharedMap<Key, uint16_t> slots_;
  std::vector<uint16_t> retired_;
};

}  // namespace butterfly
