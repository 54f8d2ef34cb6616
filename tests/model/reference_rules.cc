// SPDX-License-Identifier: Apache-2.0
// Of Reference: who is allowed what, by reading all rules.
#include <algorithm>

#include "model/reference.h"

namespace butterfly::model {

bool Reference::is_genuine(const Arrival& arrival) const {
  if (arrival.from.empty()) return true;
  const NicIntent& nic = intent_.nics.at(arrival.from);
  return !nic.antispoof || nic.addresses.contains(arrival.datagram.source);
}

bool Reference::is_member(const std::string& group, Vni vni, const IpAddress& address) const {
  if (!intent_.groups.contains(group)) return false;
  for (const auto& [id, nic] : intent_.nics) {
    const bool is_in = std::ranges::find(nic.groups, group) != nic.groups.end();
    if (is_in && nic.vni == vni && nic.addresses.contains(address)) return true;
  }
  for (const Cidr& prefix : intent_.groups.at(group).members) {
    if (prefix.contains(address)) return true;
  }
  return false;
}

bool Reference::fits(const RuleIntent& rule, RuleDirection direction, Vni vni,
                     const Datagram& start) const {
  if (rule.direction != direction) return false;
  if (rule.family == RuleFamily::v4 && !start.is_v4()) return false;
  if (rule.family == RuleFamily::v6 && start.is_v4()) return false;
  if (rule.protocol && *rule.protocol != start.protocol) return false;
  if (rule.first_port &&
      (start.destination_port < *rule.first_port || start.destination_port > *rule.last_port)) {
    return false;
  }
  if (rule.icmp_type && *rule.icmp_type != start.icmp_type) return false;
  if (rule.icmp_code && *rule.icmp_code != start.icmp_code) return false;
  const IpAddress& peer = direction == RuleDirection::egress ? start.destination : start.source;
  if (rule.peer_cidr && !rule.peer_cidr->contains(peer)) return false;
  return rule.peer_group.empty() || is_member(rule.peer_group, vni, peer);
}

bool Reference::allows(const std::string& nic, RuleDirection direction,
                       const Datagram& start) const {
  const NicIntent& intent = intent_.nics.at(nic);
  if (intent.groups.empty()) return direction == RuleDirection::egress;
  for (const std::string& group : intent.groups) {
    if (!intent_.groups.contains(group)) continue;
    for (const auto& [id, rule] : intent_.groups.at(group).rules) {
      if (fits(rule, direction, intent.vni, start)) return true;
    }
  }
  return false;
}

bool Reference::may_start(const Arrival& arrival) const {
  if (!arrival.from.empty() && !allows(arrival.from, RuleDirection::egress, arrival.datagram)) {
    return false;
  }
  return arrival.to.empty() || allows(arrival.to, RuleDirection::ingress, arrival.datagram);
}

bool Reference::may_go_on(const Connection& connection, const Arrival& arrival,
                          bool by_initiator) const {
  if (!intent_.firewall.is_on(Knob::revalidate)) return true;
  const std::string& initiator = by_initiator ? arrival.from : arrival.to;
  const std::string& responder = by_initiator ? arrival.to : arrival.from;
  if (!initiator.empty() && !allows(initiator, RuleDirection::egress, connection.start)) {
    return false;
  }
  return responder.empty() || allows(responder, RuleDirection::ingress, connection.start);
}

}  // namespace butterfly::model
