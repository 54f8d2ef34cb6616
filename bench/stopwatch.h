// SPDX-License-Identifier: Apache-2.0
// Cycles of short stretches of code by the time-stamp counter, after Intel's white paper "How to
// Benchmark Code Execution Times" (2010): fences around the read, its own cost taken off.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace butterfly::bench {

// Everything before has finished, stores included: a burst that was just written is in the cache,
// not in the store buffer, as it would be when a port has filled it.
inline uint64_t begin_stretch() {
  _mm_mfence();
  _mm_lfence();
  const uint64_t now = __rdtsc();
  _mm_lfence();
  return now;
}
// Every instruction before has finished; its stores may be on their way.
inline uint64_t end_stretch() {
  _mm_lfence();
  const uint64_t now = __rdtsc();
  _mm_lfence();
  return now;
}

// What an empty stretch costs: the least of many, so that nothing is taken off twice.
inline uint64_t stretch_overhead() {
  uint64_t least = UINT64_MAX;
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t start = begin_stretch();
    least = std::min(least, end_stretch() - start);
  }
  return least;
}

// How many cycles the core makes in one of the counter, which does not follow the core's clock: a
// chain of additions takes one each. The most of many tries, as the core does when it works.
inline double core_clock(uint64_t overhead) {
  constexpr uint64_t kTurns = 1'000;
  constexpr uint64_t kAdditions = 8 * kTurns;
  uint64_t least = UINT64_MAX;
  for (int i = 0; i < 200; ++i) {
    uint64_t sum = 0;
    const uint64_t start = begin_stretch();
    for (uint64_t turn = 0; turn < kTurns; ++turn) {
      asm volatile(
          "add $1, %0\n add $1, %0\n add $1, %0\n add $1, %0\n"
          "add $1, %0\n add $1, %0\n add $1, %0\n add $1, %0\n"
          : "+r"(sum));
    }
    least = std::min(least, end_stretch() - start);
  }
  return static_cast<double>(kAdditions) / static_cast<double>(least - overhead);
}

// Cycles for each unit of work (a packet, a visit), one sample a burst.
class Samples {
 public:
  void reserve(size_t bursts) { values_.reserve(bursts); }
  void add(uint64_t cycles, uint64_t overhead, uint64_t units) {
    if (units == 0) return;
    const uint64_t net = cycles > overhead ? cycles - overhead : 0;
    values_.push_back(static_cast<float>(net) / static_cast<float>(units));
  }
  bool is_empty() const { return values_.empty(); }
  // REQUIRES: !is_empty(). Reorders the samples.
  double percentile(unsigned percent) {
    const auto at = values_.begin() + static_cast<long>(values_.size() * percent / 100);
    std::nth_element(values_.begin(), at, values_.end());
    return *at;
  }

 private:
  std::vector<float> values_;
};

// A small generator (Marsaglia 2003, xorshift64): traffic must not repeat, or the branch predictor
// learns it by heart.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }
  // Evenly in 0 .. bound-1.
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>((next() >> 32) * bound >> 32); }

 private:
  uint64_t state_;
};

}  // namespace butterfly::bench
