// SPDX-License-Identifier: Apache-2.0
// Intent to API messages.
#include "control/to_proto.h"

namespace butterfly {

v1::Nic to_proto(const NicIntent& nic) {
  v1::Nic message;
  message.set_id(nic.id);
  message.set_mac(nic.mac.to_string());
  message.set_vni(nic.vni.value);
  message.set_type(nic.type == NicType::tap ? v1::NIC_TYPE_TAP : v1::NIC_TYPE_VHOST_USER);
  for (const IpAddress& address : nic.addresses) message.add_addresses(address.to_string());
  for (const AllowedIntent& allowed : nic.allowed) {
    v1::AllowedAddress& one = *message.add_allowed();
    one.set_address(allowed.prefix.to_short_string());
    if (allowed.mac) one.set_mac(allowed.mac->to_string());
  }
  for (const std::string& group : nic.groups) message.add_groups(group);
  message.set_antispoof(nic.antispoof);
  message.set_tap_name(nic.tap_name);
  message.set_vhost_server(nic.vhost_server);
  message.set_queues(nic.queues);
  message.set_packed(nic.packed);
  message.set_mtu(nic.mtu);
  for (const std::string& subnet : nic.subnets) message.add_subnets(subnet);
  message.set_hostname(nic.hostname);
  message.set_dhcp_server(nic.dhcp_server);
  message.set_router(nic.router);
  message.set_bypass(nic.bypass);
  message.set_carry_vlans(nic.carry_vlans);
  return message;
}

v1::Rule to_proto(const RuleIntent& rule) {
  constexpr v1::Direction kDirections[] = {v1::DIRECTION_INGRESS, v1::DIRECTION_EGRESS,
                                           v1::DIRECTION_UNSPECIFIED};
  constexpr v1::Family kFamilies[] = {v1::FAMILY_UNSPECIFIED, v1::FAMILY_V4, v1::FAMILY_V6};
  v1::Rule message;
  message.set_id(rule_id(rule));
  message.set_direction(kDirections[static_cast<size_t>(rule.direction)]);
  message.set_family(kFamilies[static_cast<size_t>(rule.family)]);
  if (rule.protocol) message.set_protocol(*rule.protocol);
  if (rule.first_port) message.set_first_port(*rule.first_port);
  if (rule.last_port) message.set_last_port(*rule.last_port);
  if (rule.icmp_type) message.set_icmp_type(*rule.icmp_type);
  if (rule.icmp_code) message.set_icmp_code(*rule.icmp_code);
  if (rule.peer_cidr) message.set_peer_cidr(rule.peer_cidr->to_string());
  message.set_peer_group(rule.peer_group);
  message.set_key(rule.key);
  message.set_expression(rule.expression);
  message.set_procedure(rule.procedure);
  message.set_description(rule.description);
  return message;
}

v1::Group to_proto(const GroupIntent& group) {
  v1::Group message;
  message.set_name(group.name);
  for (const auto& [id, rule] : group.rules) *message.add_rules() = to_proto(rule);
  for (const Cidr& member : group.members) message.add_members(member.to_short_string());
  message.set_reject(group.reject);
  return message;
}

v1::Procedure to_proto(const ProcedureIntent& procedure) {
  v1::Procedure message;
  message.set_name(procedure.name);
  message.set_max_mss(procedure.max_mss);
  message.set_min_ttl(procedure.min_ttl);
  message.set_no_df(procedure.no_df);
  message.set_random_id(procedure.random_id);
  message.set_packets_per_second(procedure.packets_per_s);
  message.set_bits_per_second(procedure.bits_per_s);
  message.set_burst_ms(procedure.burst_ms);
  message.set_log(procedure.log);
  return message;
}

v1::Peer to_proto(const PeerIntent& peer) {
  v1::Peer message;
  message.set_address(peer.address.to_string());
  for (const Vni vni : peer.vnis) message.add_vnis(vni.value);
  return message;
}

v1::FdbEntry to_proto(const FdbIntent& entry) {
  v1::FdbEntry message;
  message.set_vni(entry.vni.value);
  message.set_mac(entry.mac.to_string());
  message.set_peer(entry.peer.to_string());
  for (const IpAddress& address : entry.addresses) message.add_addresses(address.to_string());
  return message;
}

v1::Segment to_proto(const SegmentIntent& segment) {
  v1::Segment message;
  message.set_vni(segment.vni.value);
  for (const Mac& gateway : segment.gateways) message.add_gateways(gateway.to_string());
  message.set_suppress(segment.suppress);
  message.set_learn_peers(segment.learn_peers);
  if (segment.group) message.set_group(segment.group->to_string());
  return message;
}

v1::Intent to_proto(const Intent& intent) {
  v1::Intent message;
  for (const auto& [id, nic] : intent.nics) *message.add_nics() = to_proto(nic);
  for (const auto& [name, group] : intent.groups) *message.add_groups() = to_proto(group);
  for (const auto& [address, peer] : intent.peers) *message.add_peers() = to_proto(peer);
  for (const auto& [key, entry] : intent.fdb) *message.add_fdb() = to_proto(entry);
  for (const auto& [name, procedure] : intent.procedures) {
    *message.add_procedures() = to_proto(procedure);
  }
  for (const auto& [key, rule] : intent.guard) *message.add_guard() = to_proto(rule);
  for (const auto& [name, subnet] : intent.subnets) *message.add_subnets() = to_proto(subnet);
  for (const auto& [vni, segment] : intent.segments) *message.add_segments() = to_proto(segment);
  *message.mutable_firewall() = to_proto(intent.firewall);
  *message.mutable_switching() = to_proto(intent.switching);
  return message;
}

}  // namespace butterfly
