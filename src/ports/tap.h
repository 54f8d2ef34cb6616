// SPDX-License-Identifier: Apache-2.0
// A kernel tap interface as a nic: for containers, routers and tests (Linux tuntap.txt).
#pragma once

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
  // Makes the interface in the current network namespace and sets it up. Errors: already_exists
  // when another process holds it, permission_denied without CAP_NET_ADMIN.
  static StatusOr<std::unique_ptr<TapPort>> create(const std::string& name, PacketPool& pool);

  // Takes interfaces away together. The kernel lets each wait for everybody who may still look at
  // it, some 16 ms, and many at the same time wait no longer than one.
  static void remove(std::vector<std::unique_ptr<TapPort>> ports);

  uint16_t receive(uint16_t lcore, std::span<Packet*> packets) noexcept override;
  Sent transmit(uint16_t lcore, std::span<Packet*> packets) noexcept override;
  int wake_fd() const noexcept override { return fd_.get(); }
  bool is_connected() const noexcept override { return true; }

 private:
  TapPort(Fd fd, PacketPool& pool) : fd_(std::move(fd)), pool_(pool) {}
  Fd fd_;
  PacketPool& pool_;
};

}  // namespace butterfly
