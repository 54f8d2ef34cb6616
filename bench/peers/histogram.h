// SPDX-License-Identifier: Apache-2.0
// Counts durations in classes whose width is a 64th of their value: percentiles to 1.6 %, in a few
// cycles a sample and 16 KiB.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace butterfly::peers {

class Histogram {
 public:
  void add(uint32_t value) {
    ++counts_[class_of(value)];
    ++total_;
  }
  uint64_t total() const { return total_; }

  // The value that a share of `per_mille` / 1000 of the samples does not exceed (the upper end of
  // its class); 0 without samples.
  uint32_t percentile(uint32_t per_mille) const {
    const uint64_t wanted = (total_ * per_mille + 999) / 1000;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen >= wanted && seen != 0) return end_of(i);
    }
    return 0;
  }

 private:
  static constexpr uint32_t kBits = 6;
  static constexpr uint32_t kEach = 1U << kBits;  // classes for each power of two

  static uint32_t class_of(uint32_t value) {
    if (value < kEach) return value;
    const auto power = static_cast<uint32_t>(std::bit_width(value)) - 1 - kBits;
    return (power + 1) * kEach + (value >> power) - kEach;
  }
  static uint32_t end_of(uint32_t index) {
    if (index < kEach) return index;
    const uint32_t power = index / kEach - 1;
    const uint64_t last = ((uint64_t{index % kEach} + kEach + 1) << power) - 1;
    return static_cast<uint32_t>(last);
  }

  std::array<uint64_t, (32 - kBits + 1) * kEach> counts_{};
  uint64_t total_ = 0;
};

}  // namespace butterfly::peers
