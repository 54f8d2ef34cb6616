// SPDX-License-Identifier: Apache-2.0
// Sorted numbers, and how many of them do not exceed one: a search whose steps look at sixteen
// numbers at once instead of branching on each, so ten thousand take four steps and no guess.
//
// Key:      a number; several may be equal.
// Capacity: 2^32 - 1 numbers, as many as it was made of. Immutable.
// Memory:   17/16 of the numbers, rounded up to whole blocks of sixteen.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace butterfly {

__extension__ using Uint128 = unsigned __int128;

template <typename T>
class RankIndex {
 public:
  RankIndex() = default;
  // REQUIRES: sorted.
  explicit RankIndex(const std::vector<T>& numbers) {
    size_t count = numbers.size();
    if (count == 0) return;
    std::array<size_t, kMaxLevels> counts{};
    // The numbers themselves last; above each level the first number of every block of it.
    for (; levels_ == 0 || counts[levels_ - 1] > kFan; count = (count + kFan - 1) / kFan) {
      counts[levels_++] = count;
    }
    std::reverse(counts.begin(), counts.begin() + levels_);
    size_t stride = 1;
    for (unsigned level = 1; level < levels_; ++level) stride *= kFan;
    for (unsigned level = 0; level < levels_; ++level, stride /= kFan) {
      levels_at_[level] = {static_cast<uint32_t>(slots_.size()),
                           static_cast<uint32_t>(counts[level])};
      for (size_t i = 0; i < counts[level]; ++i) slots_.push_back(numbers[i * stride]);
      slots_.resize((slots_.size() + kFan - 1) / kFan * kFan, kFiller);
    }
  }

  size_t size() const { return levels_ == 0 ? 0 : levels_at_[levels_ - 1].count; }
  // REQUIRES: i < size().
  const T& at(size_t i) const { return slots_[levels_at_[levels_ - 1].first + i]; }

  // How many numbers are at most `x`.
  size_t rank(T x) const {
    size_t block = 0;
    for (unsigned level = 0; level < levels_; ++level) {
      const Level& at = levels_at_[level];
      // A filler may be as small as `x`.
      const size_t below =
          std::min<size_t>(block * kFan + count_to(&slots_[at.first], block, x), at.count);
      if (below == 0) return 0;
      if (level + 1 == levels_) return below;
      block = below - 1;
    }
    return 0;
  }

 private:
  static constexpr size_t kFan = 16;
  static constexpr size_t kMaxLevels = 8;
  static constexpr T kFiller = static_cast<T>(~T{0});

  static size_t count_to(const T* level, size_t block, T x) {
    const T* slots = level + block * kFan;
    unsigned count = 0;
    for (size_t i = 0; i < kFan; ++i) count += slots[i] <= x;
    return count;
  }

  struct Level {
    uint32_t first;  // slot
    uint32_t count;
  };
  std::vector<T> slots_;
  std::array<Level, kMaxLevels> levels_at_{};
  unsigned levels_ = 0;
};

}  // namespace butterfly
