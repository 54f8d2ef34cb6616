// SPDX-License-Identifier: Apache-2.0
#include "model/world.h"

#include <algorithm>
#include <cstdlib>

namespace butterfly::model {
namespace {

Mac mac_of(unsigned station) { return Mac::from_u64(0x525400000001 + station); }
Ipv4 peer_of(unsigned station) { return {{192, 0, 2, static_cast<uint8_t>(2 + station)}}; }
std::string group_name(unsigned group) { return "g" + std::to_string(group); }

void set_rule(GroupIntent& group, const RuleIntent& rule, bool is_there) {
  const std::string id = rule_id(rule);
  if (is_there) {
    group.rules[id] = rule;
  } else {
    group.rules.erase(id);
  }
}

// The named group's entry or null.
GroupIntent* group_in(Intent& intent, unsigned group) {
  const std::string name = group_name(group);
  return intent.groups.contains(name) ? &intent.groups[name] : nullptr;
}

}  // namespace

IpAddress address_of(unsigned station, bool is_v4) {
  const auto last = static_cast<uint8_t>(station + 1);
  if (is_v4) return Ipv4{{10, 0, 0, last}};
  Ipv6 address{{0xfd}};
  address.bytes[15] = last;
  return address;
}

World::World(uint64_t seed) {
  Dice dice(seed);
  add_nics(dice);
  add_groups(dice);
  add_far_stations();
  set_knobs(dice);
  if (!validate(first_).ok()) std::abort();
}

void World::add_nics(Dice& dice) {
  static constexpr unsigned kShapes[][2] = {{2, 0}, {3, 0}, {4, 0}, {2, 1}, {2, 2}, {3, 1}};
  const auto& shape = dice.pick(kShapes);
  segments_ = shape[1] == 0 ? 1 : 2;
  for (unsigned segment = 0; segment < segments_; ++segment) {
    for (unsigned station = 0; station < shape[segment]; ++station) {
      NicIntent nic;
      nic.id = "s" + std::to_string(segment) + "n" + std::to_string(station);
      nic.mac = mac_of(station);
      nic.vni = vni_of(segment);
      nic.type = NicType::tap;
      for (const unsigned number : {station, kSharedAddress}) {
        nic.addresses.insert({address_of(number, true), address_of(number, false)});
      }
      if (dice.percent(90)) {
        nic.groups.push_back(group_name(dice.percent(60) ? 0 : dice.below(kGroups)));
        const std::string more = group_name(dice.below(kGroups));
        if (more != nic.groups.front()) nic.groups.push_back(more);
      }
      nics_.push_back(nic.id);
      stations_.push_back(station);
      first_.nics[nic.id] = nic;
    }
  }
}

// The first one is generous, so that something happens.
void World::add_groups(Dice& dice) {
  const std::vector<RuleIntent>& rules = rules_of_world();
  for (unsigned number = 0; number < kGroups; ++number) {
    GroupIntent& group = first_.groups[group_name(number)];
    group.name = group_name(number);
    if (number == 0 || dice.percent(50)) set_rule(group, rules[1], true);
    if (number == 0) set_rule(group, rules[0], true);
    for (unsigned i = dice.below(5); i > 0; --i) set_rule(group, dice.pick(rules), true);
    for (unsigned i = dice.below(3); i > 0; --i) {
      group.members.insert(Cidr(address_of(dice.below(kStations), dice.percent(60))));
    }
  }
}

void World::add_far_stations() {
  for (unsigned station = kMaxNics; station < kStations; ++station) {
    PeerIntent& peer = first_.peers[peer_of(station)];
    peer.address = peer_of(station);
    neighbours_[peer.address] = scenario::peer_mac();
    for (unsigned segment = 0; segment < segments_; ++segment) {
      const Vni vni = vni_of(segment);
      peer.vnis.insert(vni);
      first_.fdb[{vni, mac_of(station)}] = {vni, mac_of(station), peer.address};
    }
  }
}

// Short, so that letting them pass takes few rounds.
void World::set_knobs(Dice& dice) {
  constexpr uint32_t kSeconds[] = {5, 25, 14, 3, 6, 4, 9, 5, 8};
  for (size_t i = 0; i < std::size(kSeconds); ++i) first_.firewall.set(knob_at(i), kSeconds[i]);
  if (dice.percent(25)) first_.firewall.set(Knob::revalidate, 0);
  if (dice.percent(25)) first_.firewall.set(Knob::tcp_loose, 1);
}

std::string World::nic_at(unsigned segment, unsigned station) const {
  const std::string id = "s" + std::to_string(segment) + "n" + std::to_string(station);
  return first_.nics.contains(id) ? id : std::string();
}

namespace {

void change_one(const World&, Intent& intent, const SetKnob& set) {
  intent.firewall.set(set.knob, set.value);
}

void change_one(const World& world, Intent& intent, const SetGroup& set) {
  const std::string name = group_name(set.group);
  if (!set.is_there) {
    intent.groups.erase(name);
  } else if (!intent.groups.contains(name)) {
    intent.groups[name] = world.first().groups.at(name);
  }
}

void change_one(const World&, Intent& intent, const SetRule& set) {
  GroupIntent* const group = group_in(intent, set.group);
  if (group) set_rule(*group, rules_of_world()[set.rule], set.is_there);
}

void change_one(const World&, Intent& intent, const SetMember& set) {
  GroupIntent* const group = group_in(intent, set.group);
  const Cidr member(address_of(set.station, set.is_v4));
  if (group && set.is_there) group->members.insert(member);
  if (group && !set.is_there) group->members.erase(member);
}

void change_one(const World& world, Intent& intent, const SetNic& set) {
  const std::string& id = world.nic(set.nic);
  if (!set.is_there) {
    intent.nics.erase(id);
  } else if (!intent.nics.contains(id)) {
    intent.nics[id] = world.first().nics.at(id);
  }
}

void change_one(const World& world, Intent& intent, const SetAddress& set) {
  if (!intent.nics.contains(world.nic(set.nic))) return;
  std::set<IpAddress>& addresses = intent.nics[world.nic(set.nic)].addresses;
  const IpAddress address = address_of(world.station_of(set.nic), set.is_v4);
  if (set.is_there) {
    addresses.insert(address);
  } else {
    addresses.erase(address);
  }
}

void change_one(const World& world, Intent& intent, const SetGroupsOfNic& set) {
  if (!intent.nics.contains(world.nic(set.nic))) return;
  std::vector<std::string>& groups = intent.nics[world.nic(set.nic)].groups;
  groups.clear();
  for (unsigned group = 0; group < kGroups; ++group) {
    if ((set.groups >> group & 1) != 0) groups.push_back(group_name(group));
  }
}

void change_one(const World&, Intent&, const SendPackets&) {}
void change_one(const World&, Intent&, const LetPass&) {}
void change_one(const World&, Intent&, const Flush&) {}

}  // namespace

void World::change(Intent& intent, const Step& step) const {
  std::visit([&](const auto& one) { change_one(*this, intent, one); }, step);
}

bool World::is_possible(const Intent& intent, const Packet& packet) const {
  if (packet.from == packet.to || (is_far(packet.from) && is_far(packet.to))) return false;
  for (const unsigned station : {packet.from, packet.to}) {
    if (!is_far(station) && !intent.nics.contains(nic_at(packet.segment, station))) return false;
  }
  return true;
}

Arrival World::arrival_of(const Packet& packet) const {
  return {vni_of(packet.segment), nic_at(packet.segment, packet.from),
          nic_at(packet.segment, packet.to), packet.datagram, packet.quoted};
}

std::string World::port_of(const Packet& packet) const {
  return is_far(packet.from) ? "uplink" : nic_at(packet.segment, packet.from);
}

}  // namespace butterfly::model
