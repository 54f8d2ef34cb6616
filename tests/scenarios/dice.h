// SPDX-License-Identifier: Apache-2.0
// Chance for tests: the same throws for the same seed, on every machine.
#pragma once

#include <cstdint>
#include <iterator>
#include <random>

namespace butterfly::scenario {

class Dice {
 public:
  explicit Dice(uint64_t seed) : engine_(seed) {}

  // Evenly in 0 .. bound-1. REQUIRES: bound is not 0. (The library's own distributions differ.)
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>((engine_() >> 32) * bound >> 32); }
  bool percent(uint32_t chance) { return below(100) < chance; }
  uint32_t word() { return static_cast<uint32_t>(engine_() >> 32); }
  // One of a container's elements. REQUIRES: there is one.
  template <typename Container>
  auto& pick(Container& from) {
    return from[below(static_cast<uint32_t>(std::size(from)))];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace butterfly::scenario
