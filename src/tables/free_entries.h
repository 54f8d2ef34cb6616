// SPDX-License-Identifier: Apache-2.0
// Which entries of a table are free. Hands out low ones first, 64 neighbours at a time, so that a
// table's memory stays dense however its entries come and go; and knows a few ahead, so that their
// memory can be fetched before it is written.
//
// Capacity: fixed when made. Memory: a bit an entry and a 63rd of that.
// Cost:     taking: a few instructions, every 64th time a word a level; putting back: one word.
// One thread only. Source: van Emde Boas trees at their most modest: 64-way, bits in words.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace butterfly {

class FreeEntries {
 public:
  static constexpr uint32_t kNone = 0xffffffff;

  // Entries 0 to count - 1, all free.
  explicit FreeEntries(uint32_t count);

  // A free entry, which is not free any more; kNone when there is none. `fetch(entry)` is called
  // for one that a later call will hand out.
  template <typename Fetch>
  [[gnu::always_inline]] uint32_t take(Fetch fetch) noexcept {
    uint32_t& place = ahead_[next_++ % kAhead];
    const uint32_t entry = place;
    if (entry == kNone) [[unlikely]]
      return take_late();
    place = take_next();
    if (place != kNone) fetch(place);
    return entry;
  }
  // REQUIRES: taken, and not put back since.
  void put_back(uint32_t entry) noexcept;

 private:
  // As many insertions as memory takes to come.
  static constexpr uint32_t kAhead = 8;
  static constexpr uint32_t kBits = 64;

  [[gnu::always_inline]] uint32_t take_next() noexcept {
    if (word_ == 0 && !take_word()) [[unlikely]]
      return kNone;
    const uint32_t entry = first_of_word_ + static_cast<uint32_t>(std::countr_zero(word_));
    word_ &= word_ - 1;
    return entry;
  }
  bool take_word() noexcept;
  uint32_t take_late() noexcept;

  // A set bit: free; in the levels above: some bit of that word is set. The last has one word.
  std::vector<std::vector<uint64_t>> levels_;
  // Taken out of the first level; to be handed out after what is ahead.
  uint64_t word_ = 0;
  uint32_t first_of_word_ = 0;
  // Handed out next, in turn.
  std::array<uint32_t, kAhead> ahead_;
  uint32_t next_ = 0;
};

}  // namespace butterfly
