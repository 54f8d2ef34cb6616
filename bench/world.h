// SPDX-License-Identifier: Apache-2.0
// A host for benches: the real graph of both journeys on one lcore or several, with one nic,
// antispoof on, one security group, four peers; its ports take packets and do nothing.
#pragma once

#include <array>
#include <atomic>
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
  explicit StashPort(uint16_t lcores) : stashes_(lcores), tallies_(lcores) {}

  uint16_t receive(uint16_t, std::span<Packet*>) noexcept override { return 0; }
  Sent transmit(uint16_t lcore, std::span<Packet*> packets) noexcept override;
  bool is_connected() const noexcept override { return true; }

  // From now on each lcore counts its packets one by one, `apart` in a line of its own, else beside
  // the others' counts: what false sharing costs.
  void count(bool apart) { tally_step_ = apart ? sizeof(Tally) / sizeof(uint64_t) : 1; }

  // Frees what that lcore has sent; returns how many that were.
  size_t let_go(uint16_t lcore);

 private:
  struct alignas(128) Stash {
    size_t count = 0;
    std::array<Packet*, 16 * size_t{kBurst}> packets;
  };
  struct alignas(128) Tally {
    std::array<std::atomic<uint64_t>, 16> counts{};
  };
  std::vector<Stash> stashes_;  // by lcore
  std::vector<Tally> tallies_;
  size_t tally_step_ = 0;  // from one lcore's count to the next one's; 0: nothing is counted
};

// Who has the flows of a host with several lcores.
enum class Flows : uint8_t {
  handed_over,  // each lcore its own, as the product does (decision record 0006)
  shared,       // one table for all, which nothing guards
  apart,        // each lcore has them all; nothing is handed over
};

class World {
 public:
  // Room for `flow_capacity` flows in each table. `family` is that of the guest's address.
  // `rules`: how many ingress rules the guest has, and as many members the group that the last of
  // them names; the packets of all journeys fit that one only. 0: one rule, for anyone.
  World(wire::Family family, uint32_t flow_capacity, uint16_t lcores = 1,
        Flows flows = Flows::handed_over, uint32_t rules = 0);

  static Intent make_intent(wire::Family family, uint32_t rules = 0);
  static Vtep make_vtep();

  uint16_t lcores() const { return static_cast<uint16_t>(seats_.size()); }
  // An empty packet as the port of `from` would receive it, facts set as the lcore's loop does.
  Packet& receive(Place from, uint16_t lcore = 0);
  // Where a burst from there enters the graph.
  Node& entry(Place from, uint16_t lcore = 0) {
    return from == Place::guest ? graph(lcore).from_guest() : graph(lcore).from_wire();
  }
  // Adds what other lcores have handed over.
  void take_over(uint16_t lcore) {
    if (who_ != Flows::handed_over) return;
    butterfly::take_over(mesh_, graph(lcore).from_lcore(), seats_[lcore]->lcore);
  }
  // In packet order, to be flushed one by one; then graph().run() sends what they gathered.
  std::span<Node* const> nodes() const { return seats_[0]->nodes; }
  HostGraph& graph(uint16_t lcore = 0) { return *seats_[lcore]->graph; }
  Lcore& lcore(uint16_t index = 0) { return seats_[index]->lcore; }
  FlowTable& flow_table(uint16_t lcore) { return seats_[who_ == Flows::shared ? 0 : lcore]->flows; }
  uint64_t flows(uint16_t lcore = 0) { return flow_table(lcore).size(); }
  // Where flows lie that were opened from the first on: one behind the other.
  const Flow* first_flow(uint16_t lcore);
  // As StashPort::count(), at both ports.
  void count_sent(bool apart) {
    guest_port_.count(apart);
    uplink_.count(apart);
  }
  // Packets of an lcore that had to walk through the bricks so far.
  uint64_t walked(uint16_t lcore);
  // Packets of all lcores that were handed over so far.
  uint64_t handed_over() const;

  // Frees what left the graph since the last call; returns how many left by the other side.
  size_t let_go(Place from);
  // Frees all that left the graph of `lcore`; returns how many that were.
  size_t let_go(uint16_t lcore);
  // Ends the program with every out that a packet took, when `what` is not as it must be.
  [[noreturn]] void fail(const char* what) const;

 private:
  // What an lcore has for itself.
  struct Seat {
    Seat(uint16_t index, uint32_t flow_capacity, const wire::HashSeed& seed,
         const std::vector<const FlowAccounts*>& all_accounts, FlowRates& rates);
    Lcore lcore;
    FlowTable flows;
    FlowAdmission admission;
    RouteTable routes;
    StormLimits storms;
    FragmentTable fragments;
    TokenBucket mtu_answers{PathMtu::kAnswersPerSecond, PathMtu::kAnswersAtOnce};
    TokenBucket rejects{Reject::kAnswersPerSecond, Reject::kAnswersAtOnce};
    SendStages stages;
    std::unique_ptr<HostGraph> graph;
    std::vector<Node*> nodes;
  };

  void build_graph(uint16_t lcore);

  const Flows who_;
  HandoffMesh mesh_;
  HandoffMesh fragment_mesh_{1};
  Fdb fdb_;
  ClaimTable claims_;
  StrangerTable strangers_;
  MembershipQueries queries_;
  NeighbourTable neighbours_;
  RateLimits rate_limits_{kProcedureSlots};
  FlowRates flow_rates_;
  std::vector<const FlowAccounts*> flow_accounts_;
  wire::HashSeed seed_;
  StashPort guest_port_;
  StashPort uplink_;
  CompiledState state_;
  std::vector<std::unique_ptr<Seat>> seats_;
  PortId guest_id_;
  uint16_t segment_ = 0;
};

}  // namespace butterfly::bench
