// SPDX-License-Identifier: Apache-2.0
// API messages to intent.
#include "control/from_proto.h"

namespace butterfly {
namespace {

Status parse_enums(const std::string& what, const v1::Rule& rule, RuleIntent& intent) {
  switch (rule.direction()) {
    case v1::DIRECTION_UNSPECIFIED:
    case v1::DIRECTION_INGRESS:
      intent.direction = RuleDirection::ingress;
      break;
    case v1::DIRECTION_EGRESS:
      intent.direction = RuleDirection::egress;
      break;
    default:
      return unknown_value(what, "direction", rule.direction(), "1 ingress or 2 egress");
  }
  switch (rule.family()) {
    case v1::FAMILY_UNSPECIFIED:
      intent.family = RuleFamily::any;
      break;
    case v1::FAMILY_V4:
      intent.family = RuleFamily::v4;
      break;
    case v1::FAMILY_V6:
      intent.family = RuleFamily::v6;
      break;
    default:
      return unknown_value(what, "family", rule.family(), "0 both, 1 IPv4 or 2 IPv6");
  }
  return ok_status();
}

Status parse_numbers(const std::string& what, const v1::Rule& rule, RuleIntent& intent) {
  auto protocol = parse_number<uint8_t>(what, "protocol", rule.has_protocol(), rule.protocol());
  auto first = parse_number<uint16_t>(what, "first port", rule.has_first_port(), rule.first_port());
  auto last = parse_number<uint16_t>(what, "last port", rule.has_last_port(), rule.last_port());
  auto type = parse_number<uint8_t>(what, "ICMP type", rule.has_icmp_type(), rule.icmp_type());
  auto code = parse_number<uint8_t>(what, "ICMP code", rule.has_icmp_code(), rule.icmp_code());
  for (const Status& status :
       {protocol.status(), first.status(), last.status(), type.status(), code.status()}) {
    RETURN_IF_ERROR(status);
  }
  intent.protocol = *protocol;
  intent.first_port = *first;
  intent.last_port = *last;
  intent.icmp_type = *type;
  intent.icmp_code = *code;
  return ok_status();
}

// Reads every message of a list into a map, by `key`.
template <typename Messages, typename Map, typename Key>
Status read_all(const Messages& messages, Map& map, const char* object, Key key) {
  for (const auto& message : messages) {
    auto read = from_proto(message);
    if (!read.ok()) return read.status();
    const auto [name, text] = key(*read);
    if (map.contains(name)) {
      return invalid(std::string(object) + " " + text + ": listed twice (wanted once)");
    }
    map.set(name, *std::move(read));
  }
  return ok_status();
}

}  // namespace

Status unknown_value(const std::string& what, const char* field, int value, const char* wanted) {
  return invalid(what + ": " + field + " " + std::to_string(value) + " is unknown (wanted " +
                 wanted + ")");
}

StatusOr<Mac> parse_mac(const std::string& what, const std::string& text) {
  if (const auto mac = Mac::parse(text)) return *mac;
  return invalid(what + ": MAC '" + text + "' is malformed (wanted six hexadecimal pairs, as in " +
                 "52:54:00:12:34:56)");
}

StatusOr<IpAddress> parse_address(const std::string& what, const std::string& text) {
  if (const auto address = IpAddress::parse(text)) return *address;
  return invalid(what + ": address '" + text + "' is malformed (wanted an IPv4 or IPv6 address " +
                 "without prefix length)");
}

StatusOr<Cidr> parse_member(const std::string& what, const std::string& text) {
  if (const auto member = Cidr::parse(text)) return *member;
  return invalid(what + ": address '" + text + "' is malformed (wanted an IPv4 or IPv6 address, " +
                 "or ADDRESS/LENGTH with clear host bits)");
}

StatusOr<NicType> parse_nic_type(const std::string& what, v1::NicType type) {
  switch (type) {
    case v1::NIC_TYPE_UNSPECIFIED:
    case v1::NIC_TYPE_VHOST_USER:
      return NicType::vhost_user;
    case v1::NIC_TYPE_TAP:
      return NicType::tap;
    default:
      return unknown_value(what, "type", type, "1 vhost-user or 2 tap");
  }
}

StatusOr<uint16_t> parse_queues(const std::string& what, uint32_t queues) {
  const auto number = parse_number<uint16_t>(what, "queues", true, queues);
  if (!number.ok()) return number.status();
  return **number == 0 ? uint16_t{1} : **number;
}

StatusOr<uint16_t> parse_mtu(const std::string& what, uint32_t mtu) {
  const auto number = parse_number<uint16_t>(what, "MTU", true, mtu);
  if (!number.ok()) return number.status();
  return **number;
}

StatusOr<NicIntent> from_proto(const v1::Nic& nic) {
  const std::string what = "nic '" + nic.id() + "'";
  const auto mac = parse_mac(what, nic.mac());
  if (!mac.ok()) return mac.status();
  const auto type = parse_nic_type(what, nic.type());
  if (!type.ok()) return type.status();
  const auto queues = parse_queues(what, nic.queues());
  if (!queues.ok()) return queues.status();
  const auto mtu = parse_mtu(what, nic.mtu());
  if (!mtu.ok()) return mtu.status();
  auto addresses = parse_addresses(what, nic.addresses());
  if (!addresses.ok()) return addresses.status();
  auto allowed = parse_allowed(what, nic.allowed());
  if (!allowed.ok()) return allowed.status();
  NicIntent intent;
  intent.id = nic.id();
  intent.mac = *mac;
  intent.vni = Vni(nic.vni());
  intent.type = *type;
  intent.addresses = *std::move(addresses);
  intent.allowed = *std::move(allowed);
  intent.groups.assign(nic.groups().begin(), nic.groups().end());
  intent.antispoof = !nic.has_antispoof() || nic.antispoof();
  intent.tap_name = nic.tap_name();
  intent.vhost_server = nic.vhost_server();
  intent.queues = *queues;
  intent.packed = nic.packed();
  intent.mtu = *mtu;
  intent.subnets.assign(nic.subnets().begin(), nic.subnets().end());
  intent.hostname = nic.hostname();
  intent.dhcp_server = nic.dhcp_server();
  intent.router = nic.router();
  intent.bypass = nic.bypass();
  intent.carry_vlans = nic.carry_vlans();
  return intent;
}

StatusOr<RuleIntent> parse_rule(const std::string& what, const v1::Rule& rule) {
  RuleIntent intent;
  RETURN_IF_ERROR(parse_enums(what, rule, intent));
  RETURN_IF_ERROR(parse_numbers(what, rule, intent));
  if (!rule.peer_cidr().empty()) {
    intent.peer_cidr = Cidr::parse(rule.peer_cidr());
    if (!intent.peer_cidr) {
      return invalid(what + ": CIDR '" + rule.peer_cidr() +
                     "' is malformed (wanted ADDRESS/LENGTH with clear host bits)");
    }
  }
  intent.peer_group = rule.peer_group();
  intent.key = rule.key();
  intent.expression = rule.expression();
  intent.procedure = rule.procedure();
  intent.description = rule.description();
  return intent;
}

StatusOr<RuleIntent> from_proto(const std::string& group, const v1::Rule& rule) {
  const std::string what = "group '" + group + "': rule";
  auto intent = parse_rule(what, rule);
  if (!intent.ok()) return intent.status();
  if (!rule.id().empty() && rule.id() != rule_id(*intent)) {
    return invalid(what + ": id '" + rule.id() + "' is not this rule's (wanted " +
                   rule_id(*intent) + " or none)");
  }
  return intent;
}

StatusOr<GroupIntent> from_proto(const v1::Group& group) {
  GroupIntent intent;
  intent.name = group.name();
  for (const v1::Rule& message : group.rules()) {
    auto rule = from_proto(group.name(), message);
    if (!rule.ok()) return rule.status();
    if (!rule->key.empty() && intent.rules.contains(rule_id(*rule))) {
      return invalid("group '" + group.name() + "': rule with key '" + rule->key +
                     "': listed twice (wanted once)");
    }
    intent.rules[rule_id(*rule)] = *rule;
  }
  auto members = parse_members("group '" + group.name() + "'", group.members());
  if (!members.ok()) return members.status();
  intent.members = *std::move(members);
  intent.reject = group.reject();
  return intent;
}

StatusOr<ProcedureIntent> from_proto(const v1::Procedure& procedure) {
  const std::string what = "procedure '" + procedure.name() + "'";
  const auto mss = parse_number<uint16_t>(what, "max MSS", true, procedure.max_mss());
  if (!mss.ok()) return mss.status();
  const auto ttl = parse_number<uint8_t>(what, "min TTL", true, procedure.min_ttl());
  if (!ttl.ok()) return ttl.status();
  ProcedureIntent intent;
  intent.name = procedure.name();
  intent.max_mss = **mss;
  intent.min_ttl = **ttl;
  intent.no_df = procedure.no_df();
  intent.random_id = procedure.random_id();
  intent.packets_per_s = procedure.packets_per_second();
  intent.bits_per_s = procedure.bits_per_second();
  if (procedure.has_burst_ms()) intent.burst_ms = procedure.burst_ms();
  intent.log = procedure.log();
  return intent;
}

StatusOr<PeerIntent> from_proto(const v1::Peer& peer) {
  const auto address = parse_address("peer '" + peer.address() + "'", peer.address());
  if (!address.ok()) return address.status();
  PeerIntent intent;
  intent.address = *address;
  for (const uint32_t vni : peer.vnis()) intent.vnis.insert(Vni(vni));
  return intent;
}

StatusOr<FdbIntent> from_proto(const v1::FdbEntry& entry) {
  const std::string what = "fdb " + std::to_string(entry.vni()) + "/" + entry.mac();
  const auto mac = parse_mac(what, entry.mac());
  if (!mac.ok()) return mac.status();
  const auto peer = parse_address(what, entry.peer());
  if (!peer.ok()) return peer.status();
  auto addresses = parse_addresses(what, entry.addresses());
  if (!addresses.ok()) return addresses.status();
  return FdbIntent{Vni(entry.vni()), *mac, *peer, *std::move(addresses)};
}

StatusOr<SegmentIntent> from_proto(const v1::Segment& segment) {
  const std::string what = "segment " + std::to_string(segment.vni());
  SegmentIntent intent;
  intent.vni = Vni(segment.vni());
  intent.suppress = segment.suppress();
  intent.learn_peers = segment.learn_peers();
  if (!segment.group().empty()) {
    const auto group = parse_address(what + ": group", segment.group());
    if (!group.ok()) return group.status();
    intent.group = *group;
  }
  for (const std::string& text : segment.gateways()) {
    const auto mac = parse_mac(what + ": gateway", text);
    if (!mac.ok()) return mac.status();
    intent.gateways.insert(*mac);
  }
  return intent;
}

StatusOr<Intent> from_proto(const v1::Intent& message) {
  Intent intent;
  RETURN_IF_ERROR(read_all(message.nics(), intent.nics, "nic", [](const NicIntent& nic) {
    return std::pair(nic.id, "'" + nic.id + "'");
  }));
  RETURN_IF_ERROR(read_all(message.groups(), intent.groups, "group", [](const GroupIntent& group) {
    return std::pair(group.name, "'" + group.name + "'");
  }));
  RETURN_IF_ERROR(read_all(message.peers(), intent.peers, "peer", [](const PeerIntent& peer) {
    return std::pair(peer.address, peer.address.to_string());
  }));
  RETURN_IF_ERROR(read_all(message.fdb(), intent.fdb, "fdb", [](const FdbIntent& entry) {
    return std::pair(std::pair(entry.vni, entry.mac),
                     std::to_string(entry.vni.value) + "/" + entry.mac.to_string());
  }));
  RETURN_IF_ERROR(read_all(message.procedures(), intent.procedures, "procedure",
                           [](const ProcedureIntent& procedure) {
                             return std::pair(procedure.name, "'" + procedure.name + "'");
                           }));
  RETURN_IF_ERROR(
      read_all(message.guard(), intent.guard, "guard rule",
               [](const GuardIntent& rule) { return std::pair(rule.key, "'" + rule.key + "'"); }));
  RETURN_IF_ERROR(read_all(
      message.subnets(), intent.subnets, "subnet",
      [](const SubnetIntent& subnet) { return std::pair(subnet.name, "'" + subnet.name + "'"); }));
  RETURN_IF_ERROR(
      read_all(message.segments(), intent.segments, "segment", [](const SegmentIntent& segment) {
        return std::pair(segment.vni, std::to_string(segment.vni.value));
      }));
  merge(message.firewall(), intent.firewall);
  merge(message.switching(), intent.switching);
  return intent;
}

}  // namespace butterfly
