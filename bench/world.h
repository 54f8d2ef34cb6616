// SPDX-License-Identifier: Apache-2.0
// A host for the journeys bench: the real graph of both journeys with one nic, antispoof on, one
// security group, four peers; its ports take packets and do nothing.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "host/host_graph.h"
#include "host/snapshot_builder.h"

namespace butterfly::bench {

// Where packets come from.
enum class Place : uint8_t { guest, wire };

inline constexpr uint32_t kPeers = 4;
inline constexpr uint32_t kRemoteGuests = 16;  // spread over the peers

// Addresses of the cast; `number` below kPeers or kRemoteGuests.
Mac guest_mac();
Mac remote_mac(uint32_t number);
Ipv4 vtep_address();
Ipv4 peer_address(uint32_t number);
inline constexpr Vni kTenant{4242};

// Keeps what it is given until the bench lets it go, outside of the timed stretch.
class StashPort : public Port {
 public:
  uint16_t receive(uint16_t, std::span<Packet*>) noexcept override { return 0; }
  Sent transmit(uint16_t, std::span<Packet*> packets) noexcept override;
  bool is_connected() const noexcept override { return true; }

  std::span<Packet*> stash() { return {stash_.data(), count_}; }
  void let_go();

 private:
  std::array<Packet*, 4 * size_t{kBurst}> stash_{};
  size_t count_ = 0;
};

class World {
 public:
  // Room for `flow_capacity` flows. `family` is that of the guest's address.
  World(wire::Family family, uint32_t flow_capacity);

  // An empty packet as the port of `from` would receive it, facts set as the lcore's loop does.
  Packet& receive(Place from);
  // Where a burst from there enters the graph.
  Node& entry(Place from) {
    return from == Place::guest ? graph_->from_guest() : graph_->from_wire();
  }
  // In packet order, to be flushed one by one; then graph().run() sends what they gathered.
  std::span<Node* const> nodes() const { return nodes_; }
  HostGraph& graph() { return *graph_; }
  Lcore& lcore() { return lcore_; }
  uint64_t flows() const { return flows_.size(); }

  // Frees what left the graph by the other side since the last call; returns how many that were.
  size_t let_go(Place from);
  // Ends the program with every out that a packet took, when `what` is not as it must be.
  [[noreturn]] void fail(const char* what) const;

 private:
  static Intent make_intent(wire::Family family);

  Lcore lcore_;
  HandoffMesh mesh_;
  Fdb fdb_;
  NeighbourTable neighbours_;
  wire::HashSeed seed_;
  FlowTable flows_;
  RouteTable routes_;
  TokenBucket mtu_answers_{PathMtu::kAnswersPerSecond, PathMtu::kAnswersAtOnce};
  StashPort guest_port_;
  StashPort uplink_;
  CompiledState state_;
  std::unique_ptr<HostGraph> graph_;
  std::vector<Node*> nodes_;
  PortId guest_id_;
  uint16_t segment_ = 0;
};

}  // namespace butterfly::bench
