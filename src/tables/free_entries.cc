// SPDX-License-Identifier: Apache-2.0
#include "tables/free_entries.h"

#include <utility>

namespace butterfly {

FreeEntries::FreeEntries(uint32_t count) {
  for (uint32_t bits = count;;) {
    const uint32_t words = (bits + kBits - 1) / kBits;
    auto& level = levels_.emplace_back(words, ~uint64_t{0});
    if (bits % kBits != 0) level.back() = (uint64_t{1} << bits % kBits) - 1;
    if (words <= 1) break;
    bits = words;
  }
  for (uint32_t& place : ahead_) place = take_next();
}

// The lowest word that has a free entry; false when there is none.
bool FreeEntries::take_word() noexcept {
  uint32_t bit = 0;
  for (size_t level = levels_.size(); level-- > 1;) {
    const uint64_t word = levels_[level][bit];
    if (word == 0) return false;  // the last level only: any other has what the one above says
    bit = bit * kBits + static_cast<uint32_t>(std::countr_zero(word));
  }
  word_ = std::exchange(levels_[0][bit], 0);
  first_of_word_ = bit * kBits;
  for (size_t level = 1; level < levels_.size(); ++level) {
    uint64_t& word = levels_[level][bit / kBits];
    word &= ~(uint64_t{1} << bit % kBits);
    if (word != 0) break;
    bit /= kBits;
  }
  return word_ != 0;
}

// Nothing lies ahead in this place: what was put back since, or what lies ahead in another.
[[gnu::cold]] uint32_t FreeEntries::take_late() noexcept {
  if (const uint32_t entry = take_next(); entry != kNone) return entry;
  for (uint32_t& place : ahead_) {
    if (place != kNone) return std::exchange(place, kNone);
  }
  return kNone;
}

void FreeEntries::put_back(uint32_t entry) noexcept {
  uint32_t bit = entry;
  for (auto& level : levels_) {
    uint64_t& word = level[bit / kBits];
    const bool had_some = word != 0;
    word |= uint64_t{1} << bit % kBits;
    if (had_some) break;
    bit /= kBits;
  }
}

}  // namespace butterfly
