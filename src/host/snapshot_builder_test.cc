// SPDX-License-Identifier: Apache-2.0
// A snapshot made of the one before by what changed is the snapshot made from nothing.
#include "host/snapshot_builder.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <sstream>

namespace butterfly {
namespace {

Vtep make_vtep() {
  Vtep vtep;
  vtep.address = Ipv4{{192, 0, 2, 1}};
  vtep.on_link = *Cidr::parse("192.0.2.0/24");
  vtep.gateway = Ipv4{{192, 0, 2, 254}};
  return vtep;
}

// What a host keeps from change to change.
class Compiler {
 public:
  explicit Compiler(uint16_t lcores = 2) : lcores_(lcores) { state_.snapshot.vtep = make_vtep(); }
  void follow(const Intent& next) {
    const Intent before = state_.intent;
    const Difference change = difference(before, next);
    CompiledState attempt = state_;
    ASSERT_EQ(assign_slots(next, change, /*has_underlay=*/true, make_vtep(), attempt.slots),
              ok_status());
    place_nics(change, lcores_, attempt.placement);
    build_snapshot(state_, change, next, attempt);
    attempt.slots.ports.free_retired();
    attempt.slots.segments.free_retired();
    attempt.slots.peers.free_retired();
    attempt.slots.neighbours.free_retired();
    attempt.slots.procedures.free_retired();
    state_ = std::move(attempt);
  }
  const CompiledState& state() const { return state_; }
  const Snapshot& snapshot() const { return state_.snapshot; }
  const Nic* nic(const std::string& id) const {
    return snapshot().nics->find(PortId{*state_.slots.ports.find(id)});
  }

 private:
  uint16_t lcores_;
  CompiledState state_;
};

std::string text_of(const Policy& policy, const ProcedureTable& procedures) {
  std::ostringstream text;
  text << (policy.allow_all_egress ? " all out" : "") << (policy.rejects ? " rejects" : "");
  for (const auto& group : policy.groups) {
    text << " [" << group->name;
    std::set<std::string> named;
    for (const auto& [id, rule] : group->rules()) {
      text << ' ' << id << (rule->direction == Direction::ingress ? "<" : ">");
      if (rule->procedure != 0) text << '!' << procedures.at(rule->procedure)->name;
      if (!rule->peer_group.empty()) named.insert(rule->peer_group);
    }
    for (const std::string& peer : named) {
      text << " | " << peer;
      for (const auto& member : group->members_of(peer)->members()) {
        text << ' ' << member.vni.value << '/' << member.prefix.to_string();
      }
    }
    text << "]";
  }
  return text.str();
}

std::string text_of(const GuardList& guard) {
  std::ostringstream text;
  for (const auto& rule : guard.rules()) {
    text << "guard " << rule->priority << ' ' << rule->match.id << ' '
         << static_cast<int>(rule->action) << ' ' << rule->vni.value << ' '
         << (rule->match.protocol ? int{*rule->match.protocol} : -1) << '\n';
  }
  return text.str();
}

std::string text_of(const Nic& nic, const ProcedureTable& procedures) {
  std::ostringstream text;
  text << nic.id << ' ' << nic.mac.to_string() << ' ' << nic.vni.value << ' ' << nic.antispoof
       << nic.is_dhcp_server << nic.is_router;
  for (const IpAddress& address : nic.addresses) text << ' ' << address.to_string();
  if (nic.service) {
    text << " serves " << IpAddress(nic.service->dhcp->address).to_string();
    for (const uint8_t byte : nic.service->dhcp->options) text << ' ' << int{byte};
  }
  return text.str() + text_of(nic.policy, procedures);
}

// Everything that a packet can meet, by names instead of slots, a line each.
std::string text_of(const CompiledState& state, const std::vector<Mac>& macs) {
  std::ostringstream text;
  const Snapshot& snapshot = state.snapshot;
  text << text_of(*snapshot.guard);
  const auto peer_name = [&](PeerId id) { return snapshot.peers->find(id)->address.to_string(); };
  for (uint16_t slot = 0; slot < kMaxPorts; ++slot) {
    const Nic* nic = snapshot.nics->find(PortId{slot});
    EXPECT_EQ(nic != nullptr, nic && state.slots.ports.find(nic->id) == slot) << slot;
  }
  for (const auto& [id, slot] : state.slots.ports.all()) {
    const Nic* nic = snapshot.nics->find(PortId{slot});
    text << "nic " << text_of(*nic, *snapshot.procedures) << '\n';
    EXPECT_EQ(snapshot.segments->at(nic->segment)->vni, nic->vni);
    EXPECT_TRUE(state.placement.contains(id));
  }
  EXPECT_EQ(state.placement.size(), state.slots.ports.all().size());
  std::map<Vni, const Segment*> segments;
  for (uint16_t slot = 0; slot < kMaxSegments; ++slot) {
    const Segment* segment = snapshot.segments->at(slot);
    if (segment) segments[segment->vni] = segment;
  }
  for (const auto& [vni, segment] : segments) {
    EXPECT_EQ(snapshot.segments->find(vni), segment);
    EXPECT_EQ(state.slots.segments.find(vni), segment->index);
    std::set<std::string> members;
    for (const PortId port : segment->ports) members.insert(snapshot.nics->find(port)->id);
    for (const PeerId peer : segment->peers) members.insert(peer_name(peer));
    EXPECT_EQ(members.size(), segment->ports.size() + segment->peers.size());
    text << "segment " << vni.value << ':';
    for (const std::string& member : members) text << ' ' << member;
    for (const Mac& mac : macs) {
      const Place* place = segment->find(mac);
      if (!place) continue;
      text << ' ' << mac.to_string() << '='
           << (place->peer == kNoPeer ? snapshot.nics->find(place->port)->id
                                      : peer_name(place->peer));
    }
    text << ' ' << segment->known.size() << '\n';
  }
  for (const auto& [address, slot] : state.slots.peers.all()) {
    const Peer* peer = snapshot.peers->find(address);
    EXPECT_EQ(peer, snapshot.peers->find(PeerId{slot}));
    EXPECT_EQ(state.slots.neighbours.find(peer->next_hop), peer->neighbour);
    text << "peer " << address.to_string() << " by " << peer->next_hop.to_string() << '\n';
  }
  for (const auto& [name, slot] : state.slots.procedures.all()) {
    const Procedure* procedure = snapshot.procedures->at(slot);
    text << "procedure " << name << ' ' << procedure->name << ' ' << procedure->max_mss << '\n';
  }
  for (const NextHop& hop : snapshot.peers->next_hops()) {
    EXPECT_EQ(state.slots.neighbours.find(hop.address), hop.slot);
    text << "hop " << hop.address.to_string() << '\n';
  }
  EXPECT_EQ(snapshot.peers->next_hops().size(), state.slots.neighbours.all().size());
  return text.str();
}

// The rules that may have a say about the nic.
std::string guard_text_for(const Nic& nic, const GuardList& guard) {
  std::vector<std::shared_ptr<const GuardRule>> rules;
  for (const auto& rule : guard.rules()) {
    if (rule->vni.value == 0 || rule->vni == nic.vni) rules.push_back(rule);
  }
  return text_of(GuardList(std::move(rules)));
}

class RandomIntent {
 public:
  explicit RandomIntent(unsigned seed) : dice_(seed) {
    for (unsigned i = 0; i < 12; ++i) macs.push_back(Mac::from_u64(0x525400000000 + i));
  }
  // A few random changes, made anew until the whole is valid.
  Intent after(const Intent& before) {
    for (;;) {
      Intent next = before;
      for (unsigned steps = 1 + below(4); steps > 0; --steps) change(next);
      if (validate(next).ok()) return next;
    }
  }
  std::vector<Mac> macs;

 private:
  unsigned below(unsigned limit) { return static_cast<unsigned>(dice_() % limit); }
  std::string group() { return "g" + std::to_string(below(4)); }
  Vni vni() { return Vni{1 + below(4)}; }
  IpAddress address() { return Ipv4{{10, 0, 0, static_cast<uint8_t>(1 + below(6))}}; }
  // Some on link, some behind the gateway.
  IpAddress peer() {
    const auto last = static_cast<uint8_t>(2 + below(3));
    return below(2) ? Ipv4{{192, 0, 2, last}} : Ipv4{{198, 51, 100, last}};
  }
  void change(Intent& next) {
    const std::string id = "nic" + std::to_string(below(6));
    switch (below(16)) {
      case 15: {
        SubnetIntent subnet;
        subnet.name = "s" + std::to_string(below(2));
        subnet.prefix = Cidr(Ipv4{{10, 0, 0, 0}}, below(2) ? 24 : 16);
        subnet.gateway = Ipv4{{10, 0, 0, 250}};
        subnet.mtu = static_cast<uint16_t>(1000 + below(3));
        if (below(3) && next.subnets.erase(subnet.name) != 0) break;
        next.subnets[subnet.name] = subnet;
        break;
      }
      case 13: {
        GuardIntent rule;
        rule.key = "k" + std::to_string(below(3));
        rule.priority = static_cast<uint16_t>(below(3));
        rule.action = static_cast<GuardIntent::Action>(below(3));
        if (below(2)) rule.vni = vni();
        if (below(2)) rule.match.protocol = 6;
        if (below(3) && next.guard.erase(rule.key) != 0) break;
        next.guard[rule.key] = rule;
        break;
      }
      case 11:
        next.groups[group()].reject = below(2) == 0;
        break;
      case 12: {
        ProcedureIntent procedure;
        procedure.name = "p" + std::to_string(below(3));
        procedure.max_mss = static_cast<uint16_t>(1000 + below(3));
        if (below(3) && next.procedures.erase(procedure.name) != 0) break;
        next.procedures[procedure.name] = procedure;
        break;
      }
      case 0:
      case 1:
      case 2: {
        NicIntent nic;
        nic.id = id;
        nic.mac = macs[below(6)];
        nic.vni = vni();
        nic.type = below(4) ? NicType::vhost_user : NicType::tap;
        nic.addresses = {address(), address()};
        if (below(3)) nic.groups = {group()};
        nic.dhcp_server = below(2) != 0;
        nic.router = below(2) != 0;
        if (below(2)) nic.subnets = {"s" + std::to_string(below(2))};
        next.nics[id] = nic;
        break;
      }
      case 3:
        next.nics.erase(id);
        break;
      case 4:
        if (next.nics.contains(id)) next.nics[id].addresses = {address()};
        break;
      case 5: {
        RuleIntent rule;
        if (below(2)) rule.peer_group = group();
        if (below(2)) rule.procedure = "p" + std::to_string(below(3));
        rule.direction = below(2) ? RuleDirection::ingress : RuleDirection::egress;
        GroupIntent& changed = next.groups[group()];
        if (changed.rules.erase(rule_id(rule)) == 0) changed.rules[rule_id(rule)] = rule;
        break;
      }
      case 6: {
        GroupIntent& changed = next.groups[group()];
        const IpAddress member = address();
        if (changed.members.erase(member) == 0) changed.members.insert(member);
        break;
      }
      case 7:
        next.groups.erase(group());
        break;
      case 8:
      case 9: {
        PeerIntent changed{peer(), {vni(), vni()}};
        next.peers[changed.address] = changed;
        break;
      }
      case 10:
        next.peers.erase(peer());
        break;
      default: {
        const FdbIntent entry{vni(), macs[4 + below(8)], peer()};
        const auto key = std::pair(entry.vni, entry.mac);
        if (next.fdb.erase(key) == 0) next.fdb[key] = entry;
      }
    }
    for (const auto& [name, entry] : Intent(next).groups) next.groups[name].name = name;
  }
  std::mt19937 dice_;
};

TEST(SnapshotBuilder, MakesOfTheOneBeforeWhatItMakesFromNothing) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(seed);
    RandomIntent random(seed);
    Compiler compiler;
    Intent intent;
    for (int step = 0; step < 150; ++step) {
      intent = random.after(intent);
      std::map<std::string, std::pair<std::string, Generation>> policies;
      for (const auto& [id, slot] : compiler.state().slots.ports.all()) {
        const Policy& policy = compiler.nic(id)->policy;
        policies[id] = {text_of(policy, *compiler.snapshot().procedures) +
                            guard_text_for(*compiler.nic(id), *compiler.snapshot().guard),
                        policy.generation};
      }
      compiler.follow(intent);
      Compiler from_nothing;
      from_nothing.follow(intent);
      ASSERT_EQ(text_of(compiler.state(), random.macs), text_of(from_nothing.state(), random.macs));
      // Verdicts of a policy that is not what it was have to be taken again.
      for (const auto& [id, policy] : policies) {
        if (!intent.nics.contains(id)) continue;
        const Policy& now = compiler.nic(id)->policy;
        const std::string text = text_of(now, *compiler.snapshot().procedures) +
                                 guard_text_for(*compiler.nic(id), *compiler.snapshot().guard);
        ASSERT_TRUE(text == policy.first || now.generation > policy.second) << id;
      }
    }
  }
}

NicIntent nic_in(const std::string& id, uint64_t mac, const std::string& group) {
  NicIntent nic;
  nic.id = id;
  nic.mac = Mac::from_u64(mac);
  nic.vni = Vni{42};
  nic.groups = {group};
  return nic;
}

TEST(SnapshotBuilder, SharesWhatAChangeDoesNotTouch) {
  Compiler compiler;
  Intent intent;
  for (const char* group : {"web", "db"}) intent.groups[group].name = group;
  intent.nics["a"] = nic_in("a", 0x525400000001, "web");
  intent.nics["b"] = nic_in("b", 0x525400000002, "db");
  compiler.follow(intent);
  const Snapshot before = compiler.snapshot();
  const Nic* a = compiler.nic("a");
  const Nic* b = compiler.nic("b");
  intent.groups["web"].rules[rule_id(RuleIntent{})] = RuleIntent{};
  compiler.follow(intent);
  EXPECT_NE(compiler.nic("a"), a);
  EXPECT_EQ(compiler.nic("b"), b);
  EXPECT_EQ(compiler.snapshot().segments, before.segments);
  EXPECT_EQ(compiler.snapshot().peers, before.peers);
}

TEST(SnapshotBuilder, AGuardRuleTouchesTheNicsOfItsSegmentAndItsWordsNobody) {
  Compiler compiler;
  Intent intent;
  intent.groups["web"].name = "web";
  intent.nics["a"] = nic_in("a", 0x525400000001, "web");
  intent.nics["b"] = nic_in("b", 0x525400000002, "web");
  intent.nics["b"].vni = Vni{43};
  compiler.follow(intent);
  const auto generations = [&] {
    return std::pair(compiler.nic("a")->policy.generation, compiler.nic("b")->policy.generation);
  };
  const auto before = generations();
  GuardIntent& rule = intent.guard["k"];
  rule.key = "k";
  rule.vni = Vni{42};
  compiler.follow(intent);
  const auto touched = generations();
  EXPECT_GT(touched.first, before.first);
  EXPECT_EQ(touched.second, before.second);
  intent.guard["k"].description = "other words";
  compiler.follow(intent);
  EXPECT_EQ(generations(), touched);
  intent.guard["k"].vni = Vni{0};
  compiler.follow(intent);
  EXPECT_GT(generations().second, touched.second);
  intent.nics["a"].antispoof = false;
  const auto shared = compiler.snapshot().guard;
  compiler.follow(intent);
  EXPECT_EQ(compiler.snapshot().guard, shared);
}

TEST(SnapshotBuilder, NicsGoToTheLcoreThatPollsTheFewest) {
  Compiler compiler(3);
  Intent intent;
  for (uint64_t i = 0; i < 9; ++i) {
    const std::string id = "nic" + std::to_string(i);
    intent.nics[id] = nic_in(id, 0x525400000000 + i, "web");
    compiler.follow(intent);
  }
  std::map<uint16_t, int> load;
  for (const auto& [id, lcore] : compiler.state().placement) ++load[lcore];
  EXPECT_EQ(load, (std::map<uint16_t, int>{{0, 3}, {1, 3}, {2, 3}}));
}

// Where nobody routes, a peer must lie in one of the prefixes on link; the answer names them all.
TEST(ValidatePeerHere, SaysWhyThisHostCannotHaveAPeer) {
  Vtep vtep = make_vtep();
  const auto answer = [&](const char* peer, bool has_underlay = true) {
    return std::string(validate_peer_here(*IpAddress::parse(peer), has_underlay, vtep).message());
  };
  EXPECT_EQ(answer("192.0.2.9"), "");
  EXPECT_EQ(answer("203.0.113.9"), "") << "behind the gateway";
  EXPECT_EQ(answer("192.0.2.1"), "peer '192.0.2.1': is our own endpoint");
  EXPECT_EQ(answer("2001:db8::9"),
            "peer '2001:db8::9': not of the family of our own endpoint 192.0.2.1");
  EXPECT_EQ(answer("192.0.2.9", /*has_underlay=*/false),
            "peer '192.0.2.9': this host has no underlay (wanted: an [uplink] in the daemon's "
            "configuration)");
  vtep.gateway.reset();
  vtep.also_on_link = {*Cidr::parse("198.51.100.0/24")};
  EXPECT_EQ(answer("198.51.100.9"), "");
  EXPECT_EQ(answer("203.0.113.9"),
            "peer '203.0.113.9': not on link 192.0.2.0/24, 198.51.100.0/24 (wanted: an address "
            "inside, or a gateway in the configuration)");
}

}  // namespace
}  // namespace butterfly
