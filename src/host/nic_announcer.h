// SPDX-License-Identifier: Apache-2.0
// Tells a nic's segment where it is, in its guest's place, when the nic has come or its guest has
// connected: other hosts move the guest's MAC before it speaks itself.
// Sources: RFC 5227 §3 (ARP announcements), 4861 §7.2.6 (unsolicited advertisements).
#pragma once

#include <array>
#include <cstdint>

#include "base/ids.h"
#include "graph/lcore.h"
#include "host/host_graph.h"
#include "host/snapshot.h"

namespace butterfly {

// Of one lcore, which does it for all. The announcements walk from the nic's port on, as if its
// guest had sent them: the switch learns from them, and every limit counts.
class NicAnnouncer {
 public:
  static constexpr uint8_t kTimes = 3;         // one may be lost, or its way not be known yet
  static constexpr size_t kMaxAddresses = 8;   // of a nic, the first ones
  static constexpr uint16_t kPortsATick = 64;  // of all: each has its turn every two seconds

  // At every tick.
  void tick(const Snapshot& snapshot, HostGraph& graph, Lcore& lcore);

 private:
  struct Told {
    NicSerial life;
    uint8_t times = 0;
  };
  static void announce(const Nic& nic, HostGraph& graph, Lcore& lcore);

  std::array<Told, kMaxPorts> told_{};
  uint16_t next_ = 0;
};

}  // namespace butterfly
