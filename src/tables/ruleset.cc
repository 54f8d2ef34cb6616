// SPDX-License-Identifier: Apache-2.0
#include "tables/ruleset.h"

#include <algorithm>
#include <utility>

#include "wire/headers.h"

namespace butterfly {
namespace {

bool has_ports(uint8_t protocol) {
  return protocol == wire::kProtoTcp || protocol == wire::kProtoUdp || protocol == wire::kProtoSctp;
}

bool is_icmp_of(uint8_t protocol, wire::Family family) {
  return protocol == (family == wire::Family::v4 ? wire::kProtoIcmp : wire::kProtoIcmpv6);
}

bool allows_port(const Rule& rule, const FlowStart& start) {
  if (rule.first_port == 0 && rule.last_port == 65535) return true;
  const uint16_t port = start.tuple.destination.port;
  return has_ports(start.tuple.protocol) && rule.first_port <= port && port <= rule.last_port;
}

bool allows_icmp(const Rule& rule, const FlowStart& start) {
  if (!rule.icmp_type && !rule.icmp_code) return true;
  return is_icmp_of(start.tuple.protocol, start.family) &&
         (!rule.icmp_type || *rule.icmp_type == start.icmp_type) &&
         (!rule.icmp_code || *rule.icmp_code == start.icmp_code);
}

// The peer last: it is the dearest question.
bool allows(const Rule& rule, const FlowStart& start, const IpAddress& peer) {
  return (!rule.family || *rule.family == start.family) &&
         (!rule.protocol || *rule.protocol == start.tuple.protocol) && allows_port(rule, start) &&
         allows_icmp(rule, start) && (!rule.peer || rule.peer->contains(peer)) &&
         (!rule.members || rule.members->contains(start.vni, peer));
}

}  // namespace

const Rule kAllowAllEgress{.id = "no-group",
                           .family = {},
                           .protocol = {},
                           .icmp_type = {},
                           .icmp_code = {},
                           .peer = {},
                           .members = {}};

AddressSet::AddressSet(std::vector<Member> members) : members_(std::move(members)) {
  std::sort(members_.begin(), members_.end());
  members_.erase(std::unique(members_.begin(), members_.end()), members_.end());
}

bool AddressSet::contains(Vni vni, const IpAddress& address) const {
  return std::binary_search(members_.begin(), members_.end(), Member{vni, address}) ||
         std::binary_search(members_.begin(), members_.end(), Member{Vni{0}, address});
}

const Rule* find_allowing_rule(const Policy& policy, Direction direction, const FlowStart& start) {
  const bool ingress = direction == Direction::ingress;
  if (!ingress && policy.allow_all_egress) return &kAllowAllEgress;
  const IpAddress& peer = ingress ? start.tuple.source.address : start.tuple.destination.address;
  for (const auto& group : policy.groups) {
    for (const Rule& rule : ingress ? group->ingress : group->egress) {
      if (allows(rule, start, peer)) return &rule;
    }
  }
  return nullptr;
}

}  // namespace butterfly
