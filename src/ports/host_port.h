// SPDX-License-Identifier: Apache-2.0
// The kernel's part of a shared uplink: a tap with the uplink's MAC, so that a server with one
// network card keeps its own address. To the kernel it is the wire without our VXLAN.
#pragma once

#include <rte_ring.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "base/mac.h"
#include "ports/tap.h"

namespace butterfly {

class HostPort {
 public:
  // Makes the interface. Errors as TapPort::create().
  static StatusOr<std::unique_ptr<HostPort>> create(const std::string& name, const Mac& mac,
                                                    uint16_t mtu, PacketPool& pool,
                                                    PacketPool& large);
  ~HostPort();

  // Any lcore: gives the kernel a copy of a frame. One write(); what it does not take at once is
  // lost, as on a wire, and counted by the kernel at the interface, as all that passes.
  void give(const Packet& packet) noexcept { tap_->write_frame(packet); }
  // One lcore: frames that the kernel wants sent. Whoever takes them is woken by wake_fd(), which
  // is edge-triggered: it becomes readable once for each burst.
  uint16_t take(std::span<Packet*> packets) noexcept;
  bool is_empty() const noexcept { return rte_ring_empty(ring_) != 0; }
  int wake_fd() const noexcept { return wake_.get(); }

 private:
  explicit HostPort(std::unique_ptr<TapPort> tap) : tap_(std::move(tap)) {}
  // The thread's: reading a tap is a call a frame, which lcores are spared.
  void run();
  void put(std::span<Packet*> packets);

  std::unique_ptr<TapPort> tap_;
  rte_ring* ring_ = nullptr;
  Fd wake_;
  Fd stop_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace butterfly
