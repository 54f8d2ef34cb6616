// SPDX-License-Identifier: Apache-2.0
#include "wire/flow_id.h"

namespace butterfly::wire {

// The point is the seed's hash of two numbers, so that one secret makes both.
FlowHasher::FlowHasher(const HashSeed& seed) : seed_(seed) {
  uint64_t point[2];
  for (uint64_t i = 0; i < 2; ++i) {
    const uint64_t low[2] = {i, 1};
    const uint64_t high[2] = {i, 2};
    point[i] = hash_words(low, seed) | static_cast<uint64_t>(hash_words(high, seed)) << 32;
  }
  point[0] |= 1;  // never 0, which would make all digests equal
  const auto times = [](__m128i a, __m128i b) {
    Product product;
    product.add(a, b);
    return product.reduced();
  };
  powers_[0] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(point));
  powers_[1] = times(powers_[0], powers_[0]);
  powers_[2] = times(powers_[1], powers_[0]);
}

}  // namespace butterfly::wire
