// SPDX-License-Identifier: Apache-2.0
// A guest's virtio-net device over vhost-user, on librte_vhost (virtio 1.2 §5.1; vhost-user.rst of
// QEMU). Client mode: QEMU listens on the socket, so our restart leaves it standing.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/fd.h"
#include "base/status.h"
#include "graph/packet_pool.h"
#include "graph/port.h"
#include "graph/quiescence.h"

namespace butterfly {

// The longest path a unix socket may have (sockaddr_un, without the final NUL).
inline constexpr size_t kMaxSocketPath = 107;

// One queue pair. Offers neither offloads nor packed rings: only what works is offered.
//
// Threads, besides those of Port: librte_vhost's own thread reports the guest's coming and going;
// it waits for the lcores to be elsewhere before a device disappears. The guest is hostile: its
// ring is read by librte_vhost, its packets are checked by the bricks.
class VhostUserPort : public Port {
 public:
  // Registers `path` and begins to connect, again every second until QEMU listens there. Errors:
  // invalid_argument for a path over kMaxSocketPath bytes, already_exists when this process serves
  // it already.
  static StatusOr<std::unique_ptr<VhostUserPort>> create(const std::string& path, PacketPool& pool,
                                                         Quiescence& quiescence);
  // Unregisters; returns when no callback can come any more. REQUIRES: no lcore can reach the port.
  ~VhostUserPort() override;

  uint16_t receive(uint16_t lcore, std::span<Packet*> packets) noexcept override;
  Sent transmit(uint16_t lcore, std::span<Packet*> packets) noexcept override;
  int wake_fd() const noexcept override { return wake_.get(); }
  bool arm() noexcept override;
  void disarm() noexcept override;
  bool is_connected() const noexcept override {
    return device_.load(std::memory_order_acquire) >= 0;
  }

  // librte_vhost's thread: the guest's driver is ready, or going away.
  void attach(int device);
  void detach();

 private:
  VhostUserPort(std::string path, Fd wake, PacketPool& pool, Quiescence& quiescence)
      : path_(std::move(path)), wake_(std::move(wake)), pool_(pool), quiescence_(quiescence) {}

  std::string path_;
  Fd wake_;  // an epoll that holds the guest's kick descriptor while there is one
  Fd kick_;  // our copy of it; changed only while no lcore can see the device
  PacketPool& pool_;
  Quiescence& quiescence_;
  bool registered_ = false;
  std::atomic<int> device_{-1};  // librte_vhost's number; -1 while the guest is away
};

}  // namespace butterfly
