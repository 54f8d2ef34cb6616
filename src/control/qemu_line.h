// SPDX-License-Identifier: Apache-2.0
// The QEMU arguments that connect a guest to a vhost-user nic (QEMU's docs/interop/vhost-user.rst).
#pragma once

#include <cstdint>
#include <string>

#include "base/mac.h"

namespace butterfly {

struct QemuNic {
  std::string id;
  Mac mac;
  std::string socket;
  bool connects = false;  // QEMU does, to the switch, which listens; else the other way round
  uint16_t mtu = 1500;    // what the guest's driver is told
  uint16_t queues = 1;    // pairs
  bool is_packed = false;
};

// One line. MEMORY stands for the guest's memory, the value of -m: the switch reads packets out of
// the guest's memory, which therefore must be shared. The memory part is given once a guest,
// however many nics it has.
std::string qemu_arguments(const QemuNic& nic);

// What guests should be told: the standard Ethernet MTU, or less where the underlay is smaller.
// `inner_mtu` 0: there is no underlay.
uint16_t guest_mtu(uint16_t inner_mtu);

}  // namespace butterfly
