// SPDX-License-Identifier: Apache-2.0
// Short frames between a thread and an lcore, few of them: what only the thread understands.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <span>

#include "base/cache_line.h"

namespace butterfly {

// One thread puts, one takes. kSlots frames of at most kBytes; of a longer one the head, and what
// comes when all are taken is lost: for protocols that say everything again.
class FrameRing {
 public:
  static constexpr uint32_t kSlots = 16;
  static constexpr size_t kBytes = 128;
  struct Frame {
    uint8_t member = 0;     // of the bond: by which it came, or goes
    bool is_plain = false;  // goes without the tag of the underlay's VLAN
    uint8_t length = 0;
    std::array<uint8_t, kBytes> bytes{};

    std::span<uint8_t> span() { return std::span(bytes).first(length); }
  };

  void put(uint8_t member, bool is_plain, std::span<const uint8_t> frame) noexcept {
    const uint32_t head = head_.load(std::memory_order_relaxed);
    if (head - tail_.load(std::memory_order_acquire) == kSlots) return;
    Frame& slot = slots_[head % kSlots];
    slot.member = member;
    slot.is_plain = is_plain;
    slot.length = static_cast<uint8_t>(std::min(frame.size(), kBytes));
    std::copy_n(frame.begin(), slot.length, slot.bytes.begin());
    head_.store(head + 1, std::memory_order_release);
  }
  // Of the thread that takes.
  bool is_empty() const noexcept {
    return tail_.load(std::memory_order_relaxed) == head_.load(std::memory_order_acquire);
  }
  // Whether there was one.
  bool take(Frame& frame) noexcept {
    const uint32_t tail = tail_.load(std::memory_order_relaxed);
    if (tail == head_.load(std::memory_order_acquire)) return false;
    frame = slots_[tail % kSlots];
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

 private:
  alignas(kLinePair) std::atomic<uint32_t> head_{0};
  alignas(kLinePair) std::atomic<uint32_t> tail_{0};
  alignas(kLinePair) std::array<Frame, kSlots> slots_;
};

}  // namespace butterfly
