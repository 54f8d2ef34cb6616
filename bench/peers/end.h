// SPDX-License-Identifier: Apache-2.0
// One end of the switch under test: a DPDK port that plays the guest's NIC, or the physical wire.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <span>
#include <string>

namespace butterfly::peers {

inline constexpr uint16_t kBurst = 32;

class End {
 public:
  // Configures and starts the device that EAL knows as `device`. Ends the program with a line on
  // stderr when that fails: a bench without ports has nothing to do.
  explicit End(const std::string& device);
  End(const End&) = delete;
  End& operator=(const End&) = delete;

  // True once the switch has connected. Also lets a virtio-user server accept a connection.
  bool is_linked() const;

  // Empty buffers whose bytes beyond what this program writes are zero. False: none left.
  bool allocate(std::span<rte_mbuf*> packets);
  // How many of the packets are now the port's, from the front.
  uint16_t send(std::span<rte_mbuf*> packets);
  uint16_t receive(std::span<rte_mbuf*> packets);

 private:
  uint16_t port_ = 0;
  rte_mempool* to_send_ = nullptr;   // as long as the process
  rte_mempool* received_ = nullptr;  // apart, so that payloads to send stay zero
};

}  // namespace butterfly::peers
