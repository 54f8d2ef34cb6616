// SPDX-License-Identifier: Apache-2.0
// The order in which flows take their turns: pass after pass over all of them, each pass in another
// random order, so that neither caches nor branch predictors profit from an order that no real
// traffic has. A pass is a permutation that is computed (mixing steps, each a bijection of w bits;
// numbers past the last flow are skipped), so sequence numbers follow from the pass alone.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

namespace butterfly::peers {

struct FlowRange {
  uint32_t first = 0;
  uint32_t count = 1;

  bool contains(uint32_t flow) const { return flow - first < count; }
};

class FlowOrder {
 public:
  // REQUIRES: at least one flow, at most 2^31.
  explicit FlowOrder(const FlowRange& flows)
      : flows_(flows),
        mask_(std::bit_ceil(flows.count) - 1),
        shift_(std::max(1, std::popcount(mask_) / 2)) {}

  // The next flow's number; `is_first` becomes true when a pass begins with it.
  uint32_t next(bool& is_first) {
    is_first = false;
    for (;;) {
      if (index_ > mask_) begin_pass();
      is_first = is_first || index_ == 0;
      const uint32_t place = mix(index_++);
      if (place < flows_.count) return flows_.first + place;
    }
  }

 private:
  uint32_t mix(uint32_t x) const {
    x = (x * 0x9e3779b1U + key_) & mask_;
    x ^= x >> shift_;
    x = (x * 0x85ebca6bU + (key_ >> 7)) & mask_;
    return x ^ x >> shift_;
  }
  void begin_pass() {
    index_ = 0;
    key_ = key_ * 0x5851f42dU + 0x14057b7fU;
  }

  FlowRange flows_;
  uint32_t mask_;
  int shift_;
  uint32_t index_ = 0;
  uint32_t key_ = 0x2545f491U;
};

}  // namespace butterfly::peers
