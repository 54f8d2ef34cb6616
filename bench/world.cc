// SPDX-License-Identifier: Apache-2.0
#include "bench/world.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "bench/memory.h"

namespace butterfly::bench {
namespace {

constexpr TimeMs kStart = 1'000;
constexpr uint32_t kFdbEntries = 4096;
constexpr uint32_t kAgeingMs = 300'000;

void require(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "bench: %s\n", std::string(status.message()).c_str());
  std::exit(1);
}

}  // namespace

Mac guest_mac() { return Mac::from_u64(0x525400000001); }
Mac remote_mac(uint32_t number) { return Mac::from_u64(0x525400000100 + number); }
Ipv4 vtep_address() { return {{192, 0, 2, 1}}; }
Ipv4 peer_address(uint32_t number) { return {{192, 0, 2, static_cast<uint8_t>(2 + number)}}; }

Port::Sent StashPort::transmit(uint16_t lcore, std::span<Packet*> packets) noexcept {
  Stash& stash = stashes_[lcore];
  for (Packet* packet : packets) stash.packets[stash.count++] = packet;
  if (tally_step_ != 0) {
    std::atomic<uint64_t>& count = tallies_[0].counts.data()[lcore * tally_step_];
    for (size_t i = 0; i < packets.size(); ++i) count.fetch_add(1, std::memory_order_relaxed);
  }
  return {static_cast<uint16_t>(packets.size()), Refusal::none};
}

size_t StashPort::let_go(uint16_t lcore) {
  Stash& stash = stashes_[lcore];
  free_packets(std::span(stash.packets.data(), stash.count));
  return std::exchange(stash.count, 0);
}

Vtep World::make_vtep() {
  Vtep vtep;
  vtep.address = vtep_address();
  vtep.on_link = *Cidr::parse("192.0.2.0/24");
  vtep.mac = Mac::from_u64(0x020000000001);
  vtep.mtu = 1600;
  return vtep;
}

namespace {

Cidr host(uint32_t address) {
  return *Cidr::parse(IpAddress(Ipv4::from_u32(address)).to_string() + "/32");
}

// As many members as rules, each an address of its own but the prefix of all remote guests.
void add_rules(uint32_t count, Intent& intent) {
  GroupIntent clients;
  clients.name = "clients";
  clients.members.insert(*Cidr::parse("10.1.0.0/16"));
  clients.members.insert(*Cidr::parse("fd00::/64"));
  for (uint32_t i = 2; i < count; ++i) {
    clients.members.insert(host(0x0b000000 + i));
  }
  intent.groups["clients"] = clients;
  GroupIntent many;
  many.name = "many";
  RuleIntent rule;
  rule.protocol = wire::kProtoTcp;
  for (uint32_t i = 1; i < count; ++i) {
    rule.first_port = rule.last_port = static_cast<uint16_t>(i % 2 == 0 ? 80 : 1024 + i);
    rule.peer_cidr = host(0x0c000000 + i);
    many.rules[rule_id(rule)] = rule;
  }
  rule.peer_cidr.reset();
  rule.peer_group = "clients";
  rule.first_port = rule.last_port = 80;
  many.rules[rule_id(rule)] = rule;
  intent.groups["many"] = many;
  NicIntent guest = intent.nics.at("guest");
  guest.groups.push_back("many");
  intent.nics["guest"] = guest;
}

}  // namespace

Intent World::make_intent(wire::Family family, uint32_t rules) {
  Intent intent;
  NicIntent nic;
  nic.id = "guest";
  nic.mac = guest_mac();
  nic.vni = kTenant;
  nic.addresses = {*IpAddress::parse(family == wire::Family::v4 ? "10.0.0.1" : "fd00::1")};
  nic.groups = {"web"};
  intent.nics["guest"] = nic;

  GroupIntent group;
  group.name = "web";
  std::vector<RuleIntent> allowed = default_group_rules();
  RuleIntent open;
  open.protocol = wire::kProtoTcp;
  open.first_port = open.last_port = 80;
  if (rules == 0) allowed.push_back(open);
  for (const RuleIntent& rule : allowed) group.rules[rule_id(rule)] = rule;
  intent.groups["web"] = group;
  if (rules != 0) add_rules(rules, intent);

  for (uint32_t i = 0; i < kPeers; ++i) {
    const IpAddress peer = peer_address(i);
    intent.peers[peer] = {peer, {kTenant}};
  }
  for (uint32_t i = 0; i < kRemoteGuests; ++i) {
    intent.fdb[{kTenant, remote_mac(i)}] = {kTenant, remote_mac(i), peer_address(i % kPeers)};
  }
  return intent;
}

World::Seat::Seat(uint16_t index, uint32_t flow_capacity, const wire::HashSeed& seed,
                  const std::vector<const FlowAccounts*>& all_accounts, FlowRates& rates)
    : lcore(index, packet_pool()),
      flows(flow_capacity, seed),
      admission(flows, all_accounts, rates),
      routes(seed),
      fragments({}, seed) {}

World::World(wire::Family family, uint32_t flow_capacity, uint16_t lcores, Flows flows,
             uint32_t rules)
    : who_(flows),
      mesh_(flows == Flows::handed_over ? lcores : uint16_t{1}),
      fdb_(kFdbEntries, {.ageing_ms = kAgeingMs}),
      seed_{{0x0123456789abcdef, 0xfedcba9876543210}},  // the same work in every run
      guest_port_(lcores),
      uplink_(lcores) {
  const Intent intent = make_intent(family, rules);
  const Vtep vtep = make_vtep();
  require(validate(intent));
  state_.snapshot.ports.resize(kMaxPorts);
  state_.snapshot.vtep = vtep;
  const Intent nothing;
  const Difference change = difference(nothing, intent);
  const CompiledState before = state_;
  require(assign_slots(intent, change, /*has_underlay=*/true, vtep, state_.slots));
  for (const auto& [hop, slot] : state_.slots.neighbours.all()) {
    neighbours_.claim(slot, hop);
    neighbours_.learn(slot, Mac::from_u64(0x020000000100 + slot), kStart);
  }
  build_snapshot(before, change, intent, state_);
  guest_id_ = PortId{*state_.slots.ports.find("guest")};
  segment_ = *state_.slots.segments.find(kTenant);
  state_.snapshot.ports[kUplinkPort.value] = &uplink_;
  state_.snapshot.ports[guest_id_.value] = &guest_port_;
  for (uint16_t index = 0; index < lcores; ++index) {
    seats_.push_back(
        std::make_unique<Seat>(index, flow_capacity, seed_, flow_accounts_, flow_rates_));
    flow_accounts_.push_back(&seats_.back()->flows.accounts());
  }
  for (uint16_t index = 0; index < lcores; ++index) build_graph(index);
}

void World::build_graph(uint16_t index) {
  Seat& seat = *seats_[index];
  Seat& keeper = *seats_[who_ == Flows::shared ? 0 : index];
  seat.lcore.set_now(kStart);
  seat.stages.make_room_for(state_.snapshot.ports);
  seat.graph = std::make_unique<HostGraph>(
      GraphInputs{state_.snapshot, seat.lcore, keeper.flows, keeper.admission, keeper.routes, fdb_,
                  seat.storms, neighbours_, claims_, strangers_, queries_, seat.fragments, mesh_,
                  fragment_mesh_, rate_limits_, seat.mtu_answers, seat.rejects, seat.stages});
  // The graph shows its nodes to readers only; here they are run one by one, in its order.
  for (const Node& node : seat.graph->graph().nodes()) {
    seat.nodes.push_back(const_cast<Node*>(&node));
  }
}

Packet& World::receive(Place from, uint16_t lcore) {
  Packet* packet = seats_[lcore]->lcore.pool().alloc();
  if (!packet) fail("the pool is empty");
  packet->in_port = from == Place::guest ? guest_id_ : kUplinkPort;
  packet->origin = origin_of(packet->in_port);
  packet->vni = from == Place::guest ? kTenant : Vni{0};
  packet->segment = from == Place::guest ? segment_ : uint16_t{0};
  return *packet;
}

uint64_t World::walked(uint16_t lcore) {
  const Node* flow = *std::ranges::find(seats_[lcore]->nodes, "flow", &Node::name);
  const OutCount* outs = seats_[lcore]->lcore.counters().node(flow->index());
  return outs[static_cast<size_t>(FlowLookup::Out::from_guest)].packets.read() +
         outs[static_cast<size_t>(FlowLookup::Out::from_wire)].packets.read();
}

const Flow* World::first_flow(uint16_t lcore) {
  const Flow* first = nullptr;
  flow_table(lcore).for_each([&](const Flow& flow) { first = first ? first : &flow; });
  return first;
}

uint64_t World::handed_over() const {
  uint64_t all = 0;
  for (const auto& seat : seats_) all += seat->lcore.counters().ledger().handed_over.read();
  return all;
}

size_t World::let_go(Place from) {
  const size_t to_wire = uplink_.let_go(0);
  const size_t to_guest = guest_port_.let_go(0);
  return from == Place::guest ? to_wire : to_guest;
}

size_t World::let_go(uint16_t lcore) { return uplink_.let_go(lcore) + guest_port_.let_go(lcore); }

void World::fail(const char* what) const {
  std::fprintf(stderr, "bench: %s; packets went:\n", what);
  for (const auto& seat : seats_) {
    for (const Node* node : seat->nodes) {
      for (size_t out = 0; out < node->info().outs.size(); ++out) {
        const uint64_t packets = seat->lcore.counters().node(node->index())[out].packets.read();
        if (packets == 0) continue;
        std::fprintf(stderr, "  lcore %u  %-14s %-18s %" PRIu64 "\n", seat->lcore.index(),
                     node->name().c_str(), node->info().outs[out].name, packets);
      }
    }
  }
  std::exit(1);
}

}  // namespace butterfly::bench
