// SPDX-License-Identifier: Apache-2.0
// How long an lcore with nothing to do looks on before it sleeps.
//
// Waking costs a guest's packet the kernel's wake-up; looking costs the CPU. Which is dearer
// depends on when the next packet comes, so this goes by the last ones, as the kernel's halt
// polling does (Documentation/virt/kvm/halt-polling.rst): after a sleep that looking on would have
// spared it looks twice as long, after a longer one half as long. Traffic with gaps below kLongest
// soon finds the lcore awake, and one that is idle sleeps at once.
#pragma once

#include <algorithm>
#include <cstdint>

namespace butterfly {

class IdleWindow {
 public:
  static constexpr uint64_t kShortestNs = 10'000;
  static constexpr uint64_t kLongestNs = 50'000;
  // After somebody else wanted the CPU: whoever shares it gets it when nothing comes.
  static constexpr uint64_t kYieldingNs = 1'000'000'000;

  uint64_t ns() const { return ns_; }
  bool is_widened() const { return ns_ != kShortestNs; }

  // It slept from `begin` to `end`, on a clock of its own.
  void note_sleep(uint64_t begin_ns, uint64_t end_ns) {
    if (end_ns - begin_ns >= kLongestNs) {
      ns_ = std::max(ns_ / 2, kShortestNs);
    } else if (end_ns - shared_at_ >= kYieldingNs) {
      ns_ = std::min(ns_ * 2, kLongestNs);
    }
  }
  // Somebody else wants the CPU.
  void note_shared(uint64_t now_ns) {
    shared_at_ = now_ns;
    ns_ = kShortestNs;
  }

 private:
  uint64_t ns_ = kShortestNs;
  uint64_t shared_at_ = 0;
};

}  // namespace butterfly
