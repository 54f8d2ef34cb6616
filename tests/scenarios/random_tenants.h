// SPDX-License-Identifier: Apache-2.0
// Intent that changes at random: three tenants that have the same MACs and addresses, a few nics
// each, peers that serve some of them, groups and rules.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "host/intent/intent.h"
#include "scenarios/dice.h"

namespace butterfly::scenario {

// Stations of a tenant, by number. Each has an address of each family; the first two nics also
// share one. The last of the nics is not held to its addresses, and a station may live behind it.
inline constexpr unsigned kNics = 3;
inline constexpr unsigned kStations = 8;
inline constexpr unsigned kStaticStations = 2;  // from kNics on: intent says where they are
inline constexpr unsigned kNestedStation = 7;
inline constexpr unsigned kPeers = 3;

// The second has the low bits of the first.
inline constexpr Vni kVnis[] = {Vni{100}, Vni{65636}, Vni{200}};

Mac station_mac(unsigned station);
IpAddress station_address(unsigned station, bool is_v4);
IpAddress shared_address(bool is_v4);
Ipv4 peer_address(unsigned peer);
std::string nic_name(unsigned tenant, unsigned nic);
// Every peer answers on the underlay, also those that no intent names.
std::map<IpAddress, Mac> underlay_neighbours();

class RandomTenants {
 public:
  explicit RandomTenants(Dice& dice);

  const Intent& intent() const { return intent_; }
  // Changes one thing; returns what, for people. Intent stays valid.
  std::string change();
  // As in the beginning.
  void restore() { intent_ = first_; }

 private:
  using Change = std::string (RandomTenants::*)(Intent&);

  void add_nic(unsigned tenant, unsigned nic);
  std::string change_reject(Intent& next);
  std::string change_guard(Intent& next);
  std::string change_rule(Intent& next);
  std::string change_member(Intent& next);
  std::string change_groups_of_nic(Intent& next);
  std::string drop_or_restore_nic(Intent& next);
  std::string change_address(Intent& next);
  std::string change_mac(Intent& next);
  std::string change_antispoof(Intent& next);
  std::string change_bypass(Intent& next);
  std::string change_tenant(Intent& next);
  std::string change_peer(Intent& next);
  std::string change_static_station(Intent& next);
  std::string drop_or_restore_group(Intent& next);
  NicIntent* any_nic(Intent& next);
  GroupIntent* any_group(Intent& next);

  Dice& dice_;
  Intent first_;  // as it was: what is restored
  Intent intent_;
  std::vector<RuleIntent> rules_;  // that a group may have
};

}  // namespace butterfly::scenario
