// SPDX-License-Identifier: Apache-2.0
// The QEMU arguments that connect a guest to a vhost-user nic.
#include "control/qemu_line.h"

#include <algorithm>

namespace butterfly {
namespace {

// In QEMU's option lists a comma inside a value is doubled.
std::string quoted(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == ',' ? std::string(",,") : std::string(1, c);
  return out;
}

}  // namespace

std::string qemu_arguments(const QemuNic& nic) {
  const std::string chardev = "char-" + nic.id;  // QEMU wants ids to begin with a letter
  const std::string netdev = "net-" + nic.id;
  return "-object memory-backend-memfd,id=mem0,size=MEMORY,share=on -numa node,memdev=mem0"
         " -chardev socket,id=" +
         chardev + ",path=" + quoted(nic.socket) +
         (nic.connects ? ",reconnect=1" : ",server=on,wait=off") +
         " -netdev vhost-user,id=" + netdev + ",chardev=" + chardev +
         (nic.queues > 1 ? ",queues=" + std::to_string(nic.queues) : "") +
         " -device virtio-net-pci,netdev=" + netdev + ",mac=" + nic.mac.to_string() +
         // An interrupt for each queue, one for the control queue and one for the device itself.
         (nic.queues > 1 ? ",mq=on,vectors=" + std::to_string(2 * nic.queues + 2) : "") +
         (nic.is_packed ? ",packed=on" : "") + ",host_mtu=" + std::to_string(nic.mtu) +
         ",rx_queue_size=1024,tx_queue_size=1024";
}

uint16_t guest_mtu(uint16_t inner_mtu) {
  constexpr uint16_t kUsual = 1500;  // RFC 894
  return inner_mtu == 0 ? kUsual : std::min(inner_mtu, kUsual);
}

}  // namespace butterfly
