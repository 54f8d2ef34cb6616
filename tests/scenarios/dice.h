// SPDX-License-Identifier: Apache-2.0
// Chance for tests: the same throws for the same seed, on every machine; or throws that a fuzzer
// chooses.
#pragma once

#include <cstdint>
#include <iterator>
#include <optional>
#include <random>
#include <span>

namespace butterfly::scenario {

class Dice {
 public:
  explicit Dice(uint64_t seed) : engine_(seed) {}
  // Throws are read from the bytes, which the caller keeps; behind their end all are 0.
  explicit Dice(std::span<const uint8_t> bytes) : engine_(0), bytes_(bytes) {}

  // Evenly in 0 .. bound-1. REQUIRES: bound is not 0. (The library's own distributions differ.)
  uint32_t below(uint32_t bound) {
    if (bytes_) return (bound <= 256 ? read(1) : read(4)) % bound;
    return static_cast<uint32_t>((engine_() >> 32) * bound >> 32);
  }
  bool percent(uint32_t chance) { return below(100) < chance; }
  uint32_t word() { return bytes_ ? read(4) : static_cast<uint32_t>(engine_() >> 32); }
  // One of a container's elements. REQUIRES: there is one.
  template <typename Container>
  auto& pick(Container& from) {
    return from[below(static_cast<uint32_t>(std::size(from)))];
  }
  // Whether the fuzzer's bytes are at their end.
  bool is_spent() const { return bytes_ && bytes_->empty(); }

 private:
  uint32_t read(size_t count) {
    uint32_t value = 0;
    for (; count > 0 && !bytes_->empty(); --count) {
      value = value << 8 | bytes_->front();
      bytes_ = bytes_->subspan(1);
    }
    return value;
  }

  std::mt19937_64 engine_;
  std::optional<std::span<const uint8_t>> bytes_;
};

}  // namespace butterfly::scenario
