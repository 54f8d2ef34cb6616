// SPDX-License-Identifier: Apache-2.0
// A kernel tap interface as a nic: for containers, routers and tests (Linux tuntap.txt).
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/status.h"
#include "graph/packet_pool.h"
#include "graph/port.h"

namespace butterfly {

// One read() or write() a frame, so a tap is for reach, not for speed. The interface exists as
// long as the port does.
class TapPort : public Port {
 public:
  // Makes the interface in the current network namespace and sets it up, with that MTU unless it is
  // 0. Received are packets of `pool` and, over kBufferData bytes, of `large`. Errors:
  // already_exists when another process holds it, permission_denied without CAP_NET_ADMIN.
  static StatusOr<std::unique_ptr<TapPort>> create(const std::string& name, uint16_t mtu,
                                                   PacketPool& pool, PacketPool& large);

  // Takes interfaces away together. The kernel lets each wait for everybody who may still look at
  // it, some 16 ms, and many at the same time wait no longer than one.
  static void remove(std::vector<std::unique_ptr<TapPort>> ports);

  uint16_t receive(uint16_t lcore, std::span<Packet*> packets) noexcept override;
  Sent transmit(uint16_t lcore, std::span<Packet*> packets) noexcept override;
  // Writes a frame; the packet stays the caller's.
  Refusal write_frame(const Packet& packet) noexcept;
  int wake_fd() const noexcept override { return fd_.get(); }
  bool is_connected() const noexcept override { return true; }
  uint64_t refused_frames() const noexcept override {
    return refused_frames_.load(std::memory_order_relaxed);
  }

 private:
  TapPort(Fd fd, PacketPool& pool, PacketPool& large)
      : fd_(std::move(fd)), pool_(pool), large_(large) {}
  Fd fd_;
  PacketPool& pool_;
  PacketPool& large_;
  std::atomic<uint64_t> refused_frames_{0};
};

}  // namespace butterfly
