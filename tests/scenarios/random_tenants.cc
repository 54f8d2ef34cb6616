// SPDX-License-Identifier: Apache-2.0
#include "scenarios/random_tenants.h"

#include <algorithm>
#include <cstdlib>

#include "scenarios/frames.h"

namespace butterfly::scenario {
namespace {

constexpr const char* kGroups[] = {"all", "web", "friends", "narrow"};

RuleIntent rule(RuleDirection direction, std::optional<uint8_t> protocol = {},
                std::optional<uint16_t> port = {}) {
  RuleIntent rule;
  rule.direction = direction;
  rule.protocol = protocol;
  rule.first_port = rule.last_port = port;
  return rule;
}

RuleIntent from_group(const char* group) {
  RuleIntent friends = rule(RuleDirection::ingress);
  friends.peer_group = group;
  return friends;
}

RuleIntent for_prefix(RuleDirection direction, const char* prefix) {
  RuleIntent narrow = rule(direction);
  narrow.peer_cidr = Cidr::parse(prefix);
  return narrow;
}

RuleIntent by_procedure(RuleIntent rule) {
  rule.procedure = "plain";
  return rule;
}

std::vector<RuleIntent> all_rules() {
  constexpr auto kIn = RuleDirection::ingress;
  constexpr auto kOut = RuleDirection::egress;
  return {rule(kIn),
          rule(kOut),
          rule(kIn, wire::kProtoTcp, 80),
          rule(kOut, wire::kProtoTcp),
          rule(kIn, wire::kProtoUdp),
          rule(kOut, wire::kProtoUdp, 53),
          rule(kIn, wire::kProtoIcmp),
          rule(kIn, wire::kProtoIcmpv6),
          rule(kOut, wire::kProtoIcmp),
          from_group("friends"),
          from_group("web"),
          for_prefix(kOut, "10.0.0.0/30"),
          for_prefix(kIn, "10.0.0.4/30"),
          for_prefix(kOut, "fd00::/16"),
          by_procedure(rule(kIn)),
          by_procedure(rule(kOut, wire::kProtoTcp)),
          by_procedure(from_group("friends"))};
}

void put(GroupIntent& group, const RuleIntent& rule) { group.rules[rule_id(rule)] = rule; }

}  // namespace

Mac station_mac(unsigned station) { return Mac::from_u64(0x525400000001 + station); }
IpAddress station_address(unsigned station, bool is_v4) {
  const auto last = static_cast<uint8_t>(station + 1);
  if (is_v4) return Ipv4{{10, 0, 0, last}};
  Ipv6 address{{0xfd}};
  address.bytes[15] = last;
  return address;
}
IpAddress shared_address(bool is_v4) { return station_address(99, is_v4); }
Ipv4 peer_address(unsigned peer) { return {{192, 0, 2, static_cast<uint8_t>(2 + peer)}}; }
std::string nic_name(unsigned tenant, unsigned nic) {
  return "t" + std::to_string(tenant) + "n" + std::to_string(nic);
}
std::map<IpAddress, Mac> underlay_neighbours() {
  std::map<IpAddress, Mac> neighbours;
  for (unsigned peer = 0; peer < kPeers; ++peer) neighbours[peer_address(peer)] = peer_mac();
  return neighbours;
}

RandomTenants::RandomTenants(Dice& dice) : dice_(dice), rules_(all_rules()) {
  for (const char* name : kGroups) intent_.groups[name].name = name;
  ProcedureIntent& plain = intent_.procedures["plain"];
  plain.name = "plain";
  plain.min_ttl = 70;
  plain.max_mss = 1000;
  plain.packets_per_s = 1000;
  put(intent_.groups["all"], rules_[0]);
  put(intent_.groups["all"], rules_[1]);
  put(intent_.groups["web"], rules_[1]);
  put(intent_.groups["web"], rules_[2]);
  put(intent_.groups["web"], rules_[6]);
  put(intent_.groups["friends"], from_group("friends"));
  intent_.groups["friends"].members = {station_address(3, true), station_address(4, false)};
  put(intent_.groups["narrow"], for_prefix(RuleDirection::egress, "10.0.0.0/28"));
  for (unsigned tenant = 0; tenant < std::size(kVnis); ++tenant) {
    for (unsigned nic = 0; nic < kNics; ++nic) add_nic(tenant, nic);
  }
  for (unsigned peer = 0; peer < kPeers; ++peer) {
    const IpAddress address = peer_address(peer);
    intent_.peers[address] = {address, {std::begin(kVnis), std::end(kVnis)}};
  }
  for (const Vni vni : kVnis) {
    for (unsigned i = 0; i < kStaticStations; ++i) {
      const Mac mac = station_mac(kNics + i);
      intent_.fdb[{vni, mac}] = {vni, mac, peer_address(i)};
    }
  }
  first_ = intent_;
  if (!validate(intent_).ok()) std::abort();
}

void RandomTenants::add_nic(unsigned tenant, unsigned nic) {
  NicIntent intent;
  intent.id = nic_name(tenant, nic);
  intent.mac = station_mac(nic);
  intent.vni = kVnis[tenant];
  intent.addresses = {station_address(nic, true), station_address(nic, false)};
  if (nic < 2) intent.addresses.insert({shared_address(true), shared_address(false)});
  intent.antispoof = nic != kNics - 1;
  intent.groups = {tenant == 1 && nic == 1 ? "web" : "all"};
  if (dice_.percent(30)) intent.groups.emplace_back("friends");
  intent_.nics[intent.id] = intent;
}

std::string RandomTenants::change_reject(Intent& next) {
  GroupIntent* const group = any_group(next);
  if (!group) return {};
  group->reject = !group->reject;
  return "reject of group " + group->name;
}

// A few keys and priorities, of everybody or of one tenant; most of them go again.
std::string RandomTenants::change_guard(Intent& next) {
  GuardIntent rule;
  rule.key = "k" + std::to_string(dice_.below(4));
  if (dice_.percent(60) && next.guard.erase(rule.key) != 0)
    return "guard rule " + rule.key + " goes";
  rule.priority = static_cast<uint16_t>(dice_.below(3));
  rule.action = static_cast<GuardIntent::Action>(dice_.below(3));
  if (dice_.percent(50)) rule.vni = dice_.pick(kVnis);
  rule.match = dice_.pick(rules_);
  rule.match.peer_group.clear();
  rule.match.procedure.clear();
  if (dice_.percent(30)) rule.match.direction = RuleDirection::both;
  next.guard[rule.key] = rule;
  return "guard rule " + rule.key;
}

std::string RandomTenants::change() {
  static constexpr Change kChanges[] = {&RandomTenants::change_rule,
                                        &RandomTenants::change_rule,
                                        &RandomTenants::change_rule,
                                        &RandomTenants::change_reject,
                                        &RandomTenants::change_guard,
                                        &RandomTenants::change_member,
                                        &RandomTenants::change_groups_of_nic,
                                        &RandomTenants::drop_or_restore_nic,
                                        &RandomTenants::drop_or_restore_nic,
                                        &RandomTenants::change_address,
                                        &RandomTenants::change_mac,
                                        &RandomTenants::change_antispoof,
                                        &RandomTenants::change_bypass,
                                        &RandomTenants::change_tenant,
                                        &RandomTenants::change_peer,
                                        &RandomTenants::change_static_station,
                                        &RandomTenants::change_static_station,
                                        &RandomTenants::drop_or_restore_group};
  for (;;) {
    Intent next = intent_;
    // Half of the changes bring something back, so that things do not only get worse.
    const std::string what = (this->*dice_.pick(kChanges))(next);
    if (what.empty() || next == intent_ || !validate(next).ok()) continue;
    intent_ = std::move(next);
    return what;
  }
}

NicIntent* RandomTenants::any_nic(Intent& next) {
  if (next.nics.empty()) return nullptr;
  const auto at = dice_.below(static_cast<uint32_t>(next.nics.size()));
  return &next.nics[std::next(next.nics.begin(), at)->first];
}

GroupIntent* RandomTenants::any_group(Intent& next) {
  if (next.groups.empty()) return nullptr;
  const auto at = dice_.below(static_cast<uint32_t>(next.groups.size()));
  return &next.groups[std::next(next.groups.begin(), at)->first];
}

std::string RandomTenants::change_rule(Intent& next) {
  GroupIntent* const group = any_group(next);
  if (!group) return {};
  if (dice_.percent(50)) group->rules = first_.groups.at(group->name).rules;
  const RuleIntent& rule = dice_.pick(rules_);
  const std::string id = rule_id(rule);
  if (group->rules.erase(id) == 0) group->rules[id] = rule;
  return "rule " + id + " of group " + group->name;
}

std::string RandomTenants::change_member(Intent& next) {
  GroupIntent* const group = any_group(next);
  if (!group) return {};
  const IpAddress member = station_address(dice_.below(kStations), dice_.percent(50));
  if (group->members.erase(member) == 0) group->members.insert(member);
  return "member " + member.to_string() + " of group " + group->name;
}

std::string RandomTenants::change_groups_of_nic(Intent& next) {
  NicIntent* const nic = any_nic(next);
  if (!nic) return {};
  const std::string group = dice_.pick(kGroups);
  const auto at = std::ranges::find(nic->groups, group);
  if (dice_.percent(50)) {
    nic->groups = first_.nics.at(nic->id).groups;
  } else if (at != nic->groups.end()) {
    nic->groups.erase(at);
  } else {
    nic->groups.push_back(group);
  }
  return "groups of nic " + nic->id;
}

std::string RandomTenants::drop_or_restore_nic(Intent& next) {
  for (const auto& [id, nic] : first_.nics) {
    if (next.nics.contains(id) || dice_.percent(30)) continue;
    next.nics[id] = nic;
    return "nic " + id + " is back";
  }
  const NicIntent* const nic = any_nic(next);
  if (!nic) return {};
  const std::string id = nic->id;
  next.nics.erase(id);
  return "nic " + id + " goes";
}

std::string RandomTenants::change_address(Intent& next) {
  NicIntent* const nic = any_nic(next);
  if (!nic) return {};
  const bool is_v4 = dice_.percent(50);
  const IpAddress address =
      dice_.percent(50) ? shared_address(is_v4) : station_address(dice_.below(kStations), is_v4);
  if (dice_.percent(50)) {
    nic->addresses = first_.nics.at(nic->id).addresses;
  } else if (nic->addresses.erase(address) == 0) {
    nic->addresses.insert(address);
  }
  return "address " + address.to_string() + " of nic " + nic->id;
}

std::string RandomTenants::change_mac(Intent& next) {
  NicIntent* const nic = any_nic(next);
  if (!nic) return {};
  const Mac& before = first_.nics.at(nic->id).mac;
  nic->mac = dice_.percent(50) ? before : station_mac(dice_.below(kStations + 2));
  return "MAC of nic " + nic->id;
}

std::string RandomTenants::change_antispoof(Intent& next) {
  NicIntent* const nic = any_nic(next);
  if (!nic) return {};
  nic->antispoof = !nic->antispoof;
  return "antispoof of nic " + nic->id;
}

// Goes again more often than it comes: the firewall is what this is about.
std::string RandomTenants::change_bypass(Intent& next) {
  NicIntent* const nic = any_nic(next);
  if (!nic) return {};
  nic->bypass = dice_.percent(30);
  return "bypass of nic " + nic->id;
}

std::string RandomTenants::change_tenant(Intent& next) {
  NicIntent* const nic = any_nic(next);
  if (!nic) return {};
  nic->vni = dice_.percent(60) ? first_.nics.at(nic->id).vni : dice_.pick(kVnis);
  return "tenant of nic " + nic->id;
}

std::string RandomTenants::change_peer(Intent& next) {
  const IpAddress address = peer_address(dice_.below(kPeers));
  if (!next.peers.contains(address) || dice_.percent(40)) {
    next.peers[address] = first_.peers.at(address);
  } else if (dice_.percent(60)) {
    const Vni vni = dice_.pick(kVnis);
    PeerIntent& peer = next.peers[address];
    if (peer.vnis.erase(vni) == 0) peer.vnis.insert(vni);
  } else {
    next.peers.erase(address);
  }
  const auto before = next.fdb;
  for (const auto& [key, entry] : before) {
    const auto peer = next.peers.find(entry.peer);
    if (peer == next.peers.end() || !peer->second.vnis.contains(entry.vni)) next.fdb.erase(key);
  }
  return "peer " + address.to_string();
}

std::string RandomTenants::change_static_station(Intent& next) {
  const Vni vni = dice_.pick(kVnis);
  const Mac mac = station_mac(kNics + dice_.below(kStations - kNics));
  if (next.fdb.contains({vni, mac}) && dice_.percent(40)) {
    next.fdb.erase({vni, mac});
  } else {
    next.fdb[{vni, mac}] = {vni, mac, peer_address(dice_.below(kPeers))};
  }
  return "static station " + mac.to_string() + " of VNI " + std::to_string(vni.value);
}

std::string RandomTenants::drop_or_restore_group(Intent& next) {
  for (const auto& [name, group] : first_.groups) {
    if (next.groups.contains(name)) continue;
    next.groups[name] = group;
    return "group " + name + " is back";
  }
  if (dice_.percent(70)) return {};
  const std::string name = dice_.pick(kGroups);
  next.groups.erase(name);
  return "group " + name + " goes";
}

}  // namespace butterfly::scenario
