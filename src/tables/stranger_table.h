// SPDX-License-Identifier: Apache-2.0
// Tunnel endpoints that have spoken for a segment without being its peers: what the lcores tell the
// control side, which may make peers of them.
//
// Key:      VTEP address and VNI.
// Capacity: kSlots that nobody has taken yet. Full, or while another thread writes: the stranger is
//           noted when it speaks again.
// Writers:  any lcore; it never waits. The control side takes what is there.
// Memory:   2 KiB.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"

namespace butterfly {

class StrangerTable {
 public:
  static constexpr size_t kSlots = 64;
  struct Stranger {
    IpAddress address;
    Vni vni;
    friend bool operator==(const Stranger&, const Stranger&) = default;
  };

  // Any lcore.
  void note(const Stranger& stranger) noexcept {
    if (locked_.exchange(true, std::memory_order_acquire)) return;
    const size_t count = count_.load(std::memory_order_relaxed);
    size_t at = 0;
    while (at < count && !(strangers_[at] == stranger)) ++at;
    if (at == count && count < kSlots) {
      strangers_[count] = stranger;
      count_.store(count + 1, std::memory_order_relaxed);
    }
    locked_.store(false, std::memory_order_release);
  }

  // Control side, as take().
  bool has_any() const { return count_.load(std::memory_order_relaxed) != 0; }
  std::vector<Stranger> take() {
    while (locked_.exchange(true, std::memory_order_acquire)) std::this_thread::yield();
    const size_t count = count_.load(std::memory_order_relaxed);
    std::vector<Stranger> taken(strangers_.begin(),
                                strangers_.begin() + static_cast<std::ptrdiff_t>(count));
    count_.store(0, std::memory_order_relaxed);
    locked_.store(false, std::memory_order_release);
    return taken;
  }

 private:
  std::atomic<bool> locked_{false};
  std::atomic<size_t> count_{0};
  std::array<Stranger, kSlots> strangers_{};  // with the lock held
};

}  // namespace butterfly
