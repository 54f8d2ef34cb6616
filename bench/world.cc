// SPDX-License-Identifier: Apache-2.0
#include "bench/world.h"

#include <cinttypes>
#include <cstdio>
#include <cstdlib>

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

Vtep make_vtep() {
  Vtep vtep;
  vtep.address = vtep_address();
  vtep.on_link = *Cidr::parse("192.0.2.0/24");
  vtep.mac = Mac::from_u64(0x020000000001);
  vtep.mtu = 1600;
  return vtep;
}

}  // namespace

Mac guest_mac() { return Mac::from_u64(0x525400000001); }
Mac remote_mac(uint32_t number) { return Mac::from_u64(0x525400000100 + number); }
Ipv4 vtep_address() { return {{192, 0, 2, 1}}; }
Ipv4 peer_address(uint32_t number) { return {{192, 0, 2, static_cast<uint8_t>(2 + number)}}; }

Port::Sent StashPort::transmit(uint16_t, std::span<Packet*> packets) noexcept {
  for (Packet* packet : packets) stash_[count_++] = packet;
  return {static_cast<uint16_t>(packets.size()), Refusal::none};
}

void StashPort::let_go() {
  free_packets(stash());
  count_ = 0;
}

Intent World::make_intent(wire::Family family) {
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
  std::vector<RuleIntent> rules = default_group_rules();
  RuleIntent open;
  open.protocol = wire::kProtoTcp;
  open.first_port = open.last_port = 80;
  rules.push_back(open);
  for (const RuleIntent& rule : rules) group.rules[rule_id(rule)] = rule;
  intent.groups["web"] = group;

  for (uint32_t i = 0; i < kPeers; ++i) {
    const IpAddress peer = peer_address(i);
    intent.peers[peer] = {peer, {kTenant}};
  }
  for (uint32_t i = 0; i < kRemoteGuests; ++i) {
    intent.fdb[{kTenant, remote_mac(i)}] = {kTenant, remote_mac(i), peer_address(i % kPeers)};
  }
  return intent;
}

World::World(wire::Family family, uint32_t flow_capacity)
    : lcore_(0, packet_pool()),
      mesh_(1),
      fdb_(kFdbEntries, kFdbEntries, kAgeingMs),
      seed_{{0x0123456789abcdef, 0xfedcba9876543210}},  // the same work in every run
      flows_(flow_capacity, seed_),
      routes_(seed_) {
  const Intent intent = make_intent(family);
  const Vtep vtep = make_vtep();
  require(validate(intent));
  state_.snapshot.ports.resize(kMaxPorts);
  state_.snapshot.vtep = vtep;
  require(assign_slots(intent, {}, /*has_underlay=*/true, vtep, state_.slots));
  lcore_.set_now(kStart);
  for (const auto& [hop, slot] : state_.slots.neighbours.all()) {
    neighbours_.claim(slot, hop);
    neighbours_.learn(slot, Mac::from_u64(0x020000000100 + slot), kStart);
  }
  build_snapshot(intent, state_);
  guest_id_ = PortId{*state_.slots.ports.find("guest")};
  segment_ = *state_.slots.segments.find(kTenant);
  state_.snapshot.ports[kUplinkPort.value] = &uplink_;
  state_.snapshot.ports[guest_id_.value] = &guest_port_;
  graph_ = std::make_unique<HostGraph>(GraphInputs{state_.snapshot, lcore_, flows_, routes_, fdb_,
                                                   neighbours_, mesh_, mtu_answers_});
  // The graph shows its nodes to readers only; here they are run one by one, in its order.
  for (const Node& node : graph_->graph().nodes()) nodes_.push_back(const_cast<Node*>(&node));
}

Packet& World::receive(Place from) {
  Packet* packet = lcore_.pool().alloc();
  if (!packet) fail("the pool is empty");
  packet->in_port = from == Place::guest ? guest_id_ : kUplinkPort;
  packet->origin = origin_of(packet->in_port);
  packet->vni = from == Place::guest ? kTenant : Vni{0};
  packet->segment = from == Place::guest ? segment_ : uint16_t{0};
  return *packet;
}

size_t World::let_go(Place from) {
  StashPort& port = from == Place::guest ? uplink_ : guest_port_;
  const size_t count = port.stash().size();
  uplink_.let_go();
  guest_port_.let_go();
  return count;
}

void World::fail(const char* what) const {
  std::fprintf(stderr, "bench: %s; packets went:\n", what);
  for (const Node* node : nodes_) {
    for (size_t out = 0; out < node->info().outs.size(); ++out) {
      const uint64_t packets = lcore_.counters().node(node->index())[out].packets.read();
      if (packets == 0) continue;
      std::fprintf(stderr, "  %-14s %-18s %" PRIu64 "\n", node->name().c_str(),
                   node->info().outs[out].name, packets);
    }
  }
  std::exit(1);
}

}  // namespace butterfly::bench
