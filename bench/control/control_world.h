// SPDX-License-Identifier: Apache-2.0
// A running host under full load, for benches of its control side: one nic's guest sends data of
// many connections to the wire without end, any number of others are idle.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "bench/stopwatch.h"
#include "bench/traffic.h"
#include "host/host.h"

namespace butterfly::bench {

// What the busy guest and the wire have done. Written by the lcore, read by anybody.
struct alignas(128) Load {
  explicit Load(uint32_t connections) : flows(connections) {}
  const uint32_t flows;
  std::atomic<bool> is_on{false};
  std::atomic<uint32_t> begun{0};     // connections whose first packet the guest has sent
  std::atomic<uint32_t> asked{0};     // those whose first packet reached the wire
  std::atomic<uint32_t> answered{0};  // those whose answer reached the guest
  std::atomic<uint32_t> open{0};      // those that the guest has finished opening
  std::atomic<uint64_t> sent{0};      // by the guest
  std::atomic<uint64_t> arrived{0};   // at the wire
};

// Ports without anybody behind, but for the nic "guest".
class LoadPorts : public PortFactory {
 public:
  explicit LoadPorts(Load& load) : load_(load) {}
  StatusOr<std::unique_ptr<Port>> make(const NicIntent& nic, PortId id,
                                       const std::vector<uint16_t>& lcores) override;
  std::string socket_path(const NicIntent&) const override { return ""; }

 private:
  Load& load_;
};

// A host with one lcore, polling, on that CPU, or asleep when idle with IdleMode::adaptive.
class ControlWorld {
 public:
  ControlWorld(uint32_t flows, unsigned cpu, IdleMode mode);
  ~ControlWorld();

  Host& host() { return *host_; }
  const Load& load() const { return load_; }
  // REQUIRES: the intent has the nic "guest" of busy_intent(). Ends the program when the
  // connections do not open. From then on the guest sends.
  void open_connections();
  // Stops the guest; returns how many of its packets did not reach the wire.
  uint64_t stop();

 private:
  Load load_;
  LoadPorts ports_;
  std::unique_ptr<Host> host_;
};

// The tenant of the load: the nic "guest", its group, the peers and stations of the far side.
Intent busy_intent();
// The same and so many idle nics more, ten to a tenant, in groups of ten, each also in the group
// "everybody".
Intent crowded_intent(size_t nics);
std::string idle_nic(size_t number);
std::string idle_group(size_t number);
Vni idle_vni(size_t number);

}  // namespace butterfly::bench
