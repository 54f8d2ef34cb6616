// SPDX-License-Identifier: Apache-2.0
// How long an lcore with nothing to do looks on before it sleeps.
//
// Waking costs a guest's packet the kernel's wake-up; looking costs the CPU. Which is dearer
// depends on when the next packet comes, so this goes by the last ones, as the kernel's halt
// polling does (Documentation/virt/kvm/halt-polling.rst): after a sleep that looking on would have
// spared it looks twice as long, after a longer one half as long. Traffic with gaps below kLongest
// soon finds the lcore awake, and one that is idle sleeps at once.
// Where guests share the CPU, looking on takes it from them: hence no longer than that.
//
// Super-frames are another matter: who sends them has more to send, and a wake-up costs it a system
// call, or leaving its virtual CPU. So for a while after the last one the lcore naps instead,
// without having asked to be woken, as network cards hold interrupts back under bulk traffic.
#pragma once

#include <algorithm>
#include <cstdint>

namespace butterfly {

class IdleWindow {
 public:
  static constexpr uint64_t kShortestNs = 10'000;
  static constexpr uint64_t kLongestNs = 50'000;
  static constexpr uint64_t kNapNs = 30'000;
  // After the last super-frame.
  static constexpr uint32_t kNaps = 30;
  // Packets of at least that many bytes on average are bulk: no frame on a wire is so long.
  static constexpr uint32_t kBulkBytes = 10'000;

  uint64_t ns() const { return ns_; }

  // It slept for so long.
  void note_sleep(uint64_t ns) {
    ns_ = ns < kLongestNs ? std::min(ns_ * 2, kLongestNs) : std::max(ns_ / 2, kShortestNs);
  }

  // Packets came.
  void note_received(uint32_t packets, uint64_t bytes) {
    if (bytes >= uint64_t{kBulkBytes} * packets) naps_ = kNaps;
  }
  // Nothing has come, for as long as it looks on: whether to nap instead of to sleep.
  bool take_nap() {
    if (naps_ == 0) return false;
    --naps_;
    return true;
  }

 private:
  uint64_t ns_ = kShortestNs;
  uint32_t naps_ = 0;
};

}  // namespace butterfly
