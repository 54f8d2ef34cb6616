// SPDX-License-Identifier: Apache-2.0
// How long an lcore with nothing to do looks on before it sleeps.
//
// Waking costs a guest's packet the kernel's wake-up; looking costs the CPU. Which is dearer
// depends on when the next packet comes, so this goes by the last ones, as the kernel's halt
// polling does (Documentation/virt/kvm/halt-polling.rst): after a sleep that looking on would have
// spared it looks twice as long, after a longer one half as long. Traffic with gaps below kLongest
// soon finds the lcore awake, and one that is idle sleeps at once.
// Where guests share the CPU, looking on takes it from them: hence no longer than that.
#pragma once

#include <algorithm>
#include <cstdint>

namespace butterfly {

class IdleWindow {
 public:
  static constexpr uint64_t kShortestNs = 10'000;
  static constexpr uint64_t kLongestNs = 50'000;

  uint64_t ns() const { return ns_; }

  // It slept for so long.
  void note_sleep(uint64_t ns) {
    ns_ = ns < kLongestNs ? std::min(ns_ * 2, kLongestNs) : std::max(ns_ / 2, kShortestNs);
  }

 private:
  uint64_t ns_ = kShortestNs;
};

}  // namespace butterfly
