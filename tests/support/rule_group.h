// SPDX-License-Identifier: Apache-2.0
// Groups for tests, made of rules in a list, and the search that a group's is held against.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tables/ruleset.h"
#include "wire/headers.h"

namespace butterfly::test {

using Members = std::map<std::string, std::shared_ptr<const AddressSet>>;

// Rules of one id get another each.
inline std::shared_ptr<RuleGroup> make_group(const std::string& name, std::vector<Rule> ingress,
                                             std::vector<Rule> egress,
                                             const Members& members = {}) {
  auto group = std::make_shared<RuleGroup>();
  group->name = name;
  std::vector<RuleGroup::Change> changes;
  std::map<std::string, int> ids;
  const auto add = [&](Rule rule, Direction direction) {
    rule.direction = direction;
    if (const int count = ids[rule.id]++; count != 0) rule.id += "." + std::to_string(count);
    changes.push_back({nullptr, std::make_shared<const Rule>(std::move(rule))});
  };
  for (Rule& rule : ingress) add(std::move(rule), Direction::ingress);
  for (Rule& rule : egress) add(std::move(rule), Direction::egress);
  group->edit(changes, [&](const std::string& peer) {
    const auto found = members.find(peer);
    return found == members.end() ? nullptr : found->second;
  });
  return group;
}

inline std::shared_ptr<const AddressSet> make_members(Vni vni,
                                                      const std::vector<const char*>& addresses) {
  std::vector<AddressSet::Member> members;
  for (const char* address : addresses) members.push_back({vni, *Cidr::parse(address)});
  return std::make_shared<const AddressSet>(members);
}

// Whether the rule allows `start`: field by field, as the API says it.
inline bool allows(const Rule& rule, Direction direction, const FlowStart& start,
                   const Members& members) {
  const bool ingress = direction == Direction::ingress;
  const IpAddress& peer = ingress ? start.tuple.source.address : start.tuple.destination.address;
  const uint8_t protocol = start.tuple.protocol;
  const uint16_t port = start.tuple.destination.port;
  const bool has_ports =
      protocol == wire::kProtoTcp || protocol == wire::kProtoUdp || protocol == wire::kProtoSctp;
  const bool all_ports = rule.first_port == 0 && rule.last_port == 65535;
  if (rule.direction != direction) return false;
  if (rule.family && *rule.family != start.family) return false;
  if (rule.protocol && *rule.protocol != protocol) return false;
  if (!all_ports && !(has_ports && rule.first_port <= port && port <= rule.last_port)) return false;
  if (rule.icmp_type && *rule.icmp_type != start.icmp_type) return false;
  if (rule.icmp_code && *rule.icmp_code != start.icmp_code) return false;
  if (rule.peer && !rule.peer->contains(peer)) return false;
  if (rule.peer_group.empty()) return true;
  const auto set = members.find(rule.peer_group);
  if (set == members.end()) return false;
  for (const AddressSet::Member& member : set->second->members()) {
    if ((member.vni.value == 0 || member.vni == start.vni) && member.prefix.contains(peer)) {
      return true;
    }
  }
  return false;
}

}  // namespace butterfly::test
