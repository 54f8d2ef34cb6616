// SPDX-License-Identifier: Apache-2.0
// One change of the API, made in an intent.
#include "control/change.h"

#include <algorithm>

#include "control/from_proto.h"

namespace butterfly {
namespace {

StatusOr<NicIntent*> find_nic(Intent& intent, const std::string& id) {
  if (intent.nics.contains(id)) return &intent.nics[id];
  return not_found("nic '" + id + "': not found (wanted one of ours)");
}

StatusOr<GroupIntent*> find_group(Intent& intent, const std::string& name) {
  if (intent.groups.contains(name)) return &intent.groups[name];
  return not_found("group '" + name + "': not found (wanted one of ours)");
}

// --- nics ------------------------------------------------------------------------------------

Status put_nic(const v1::Nic& message, Intent& intent) {
  auto nic = from_proto(message);
  if (!nic.ok()) return nic.status();
  intent.nics[nic->id] = *std::move(nic);
  return ok_status();
}

Status update_nic(const v1::NicUpdate& update, Intent& intent) {
  const std::string what = "nic '" + update.id() + "'";
  const auto found = find_nic(intent, update.id());
  if (!found.ok()) return found.status();
  NicIntent& nic = **found;
  if (update.has_mac()) {
    const auto mac = parse_mac(what, update.mac());
    if (!mac.ok()) return mac.status();
    nic.mac = *mac;
  }
  if (update.has_vni()) nic.vni = Vni(update.vni());
  if (update.has_type()) {
    const auto type = parse_nic_type(what, update.type());
    if (!type.ok()) return type.status();
    nic.type = *type;
  }
  if (update.has_antispoof()) nic.antispoof = update.antispoof();
  if (update.has_tap_name()) nic.tap_name = update.tap_name();
  if (update.has_vhost_server()) nic.vhost_server = update.vhost_server();
  if (update.has_queues()) {
    const auto queues = parse_queues(what, update.queues());
    if (!queues.ok()) return queues.status();
    nic.queues = *queues;
  }
  if (update.has_packed()) nic.packed = update.packed();
  if (update.has_mtu()) {
    const auto mtu = parse_mtu(what, update.mtu());
    if (!mtu.ok()) return mtu.status();
    nic.mtu = *mtu;
  }
  if (update.has_addresses()) {
    auto addresses = parse_addresses(what, update.addresses().addresses());
    if (!addresses.ok()) return addresses.status();
    nic.addresses = *std::move(addresses);
  }
  if (update.has_allowed()) {
    auto allowed = parse_allowed(what, update.allowed().allowed());
    if (!allowed.ok()) return allowed.status();
    nic.allowed = *std::move(allowed);
  }
  if (update.has_groups()) {
    nic.groups.assign(update.groups().groups().begin(), update.groups().groups().end());
  }
  if (update.has_subnets()) {
    nic.subnets.assign(update.subnets().subnets().begin(), update.subnets().subnets().end());
  }
  if (update.has_hostname()) nic.hostname = update.hostname();
  if (update.has_dhcp_server()) nic.dhcp_server = update.dhcp_server();
  if (update.has_router()) nic.router = update.router();
  if (update.has_bypass()) nic.bypass = update.bypass();
  if (update.has_carry_vlans()) nic.carry_vlans = update.carry_vlans();
  return ok_status();
}

Status delete_nic(const std::string& id, Intent& intent) {
  if (const auto nic = find_nic(intent, id); !nic.ok()) return nic.status();
  intent.nics.erase(id);
  return ok_status();
}

Status set_nic_groups(const v1::NicGroups& message, Intent& intent) {
  const auto nic = find_nic(intent, message.nic());
  if (!nic.ok()) return nic.status();
  (*nic)->groups.assign(message.groups().begin(), message.groups().end());
  return ok_status();
}

Status add_nic_groups(const v1::NicGroups& message, Intent& intent) {
  const auto nic = find_nic(intent, message.nic());
  if (!nic.ok()) return nic.status();
  auto& groups = (*nic)->groups;
  for (const std::string& group : message.groups()) {
    if (std::ranges::find(groups, group) == groups.end()) groups.push_back(group);
  }
  return ok_status();
}

Status delete_nic_groups(const v1::NicGroups& message, Intent& intent) {
  const auto nic = find_nic(intent, message.nic());
  if (!nic.ok()) return nic.status();
  auto& groups = (*nic)->groups;
  for (const std::string& group : message.groups()) {
    if (std::erase(groups, group) == 0) {
      return not_found("nic '" + message.nic() + "': does not have group '" + group +
                       "' (wanted one that it has)");
    }
  }
  return ok_status();
}

// --- groups ----------------------------------------------------------------------------------

Status put_group(const v1::Group& message, Intent& intent) {
  auto group = from_proto(message);
  if (!group.ok()) return group.status();
  intent.groups[group->name] = *std::move(group);
  return ok_status();
}

Status add_group(const std::string& name, Intent& intent) {
  if (intent.groups.contains(name)) return ok_status();
  GroupIntent& group = intent.groups[name];
  group.name = name;
  for (const RuleIntent& rule : default_group_rules()) group.rules[rule_id(rule)] = rule;
  return ok_status();
}

// Who names the group: "nic 'web-1'", "a rule of group 'db'"; empty when nobody does.
std::string find_user(const Intent& intent, const std::string& name) {
  for (const auto& [id, nic] : intent.nics) {
    if (std::ranges::find(nic.groups, name) != nic.groups.end()) return "nic '" + id + "'";
  }
  for (const auto& [other, group] : intent.groups) {
    if (other == name) continue;
    for (const auto& [id, rule] : group.rules) {
      if (rule.peer_group == name) return "a rule of group '" + other + "'";
    }
  }
  return "";
}

Status delete_group(const v1::GroupDelete& message, Intent& intent) {
  const auto group = find_group(intent, message.name());
  if (!group.ok()) return group.status();
  const std::string user = message.force() ? "" : find_user(intent, message.name());
  if (!user.empty()) {
    return precondition("group '" + message.name() + "': in use by " + user +
                        " (wanted an unused group, or force)");
  }
  // Who still names it keeps the name: a name without a group allows nothing, whereas a nic without
  // any name would let everything out.
  intent.groups.erase(message.name());
  return ok_status();
}

Status set_group(const v1::GroupSettings& settings, Intent& intent) {
  const auto group = find_group(intent, settings.name());
  if (!group.ok()) return group.status();
  if (settings.has_reject()) (*group)->reject = settings.reject();
  return ok_status();
}

Status add_rule(const v1::RuleAdd& message, Intent& intent) {
  const auto group = find_group(intent, message.group());
  if (!group.ok()) return group.status();
  auto rule = from_proto(message.group(), message.rule());
  if (!rule.ok()) return rule.status();
  (*group)->rules[rule_id(*rule)] = *std::move(rule);
  return ok_status();
}

Status delete_rule(const v1::RuleDelete& message, Intent& intent) {
  const auto group = find_group(intent, message.group());
  if (!group.ok()) return group.status();
  if (!message.key().empty()) {
    RuleIntent rule;
    rule.key = message.key();
    if ((*group)->rules.erase(rule_id(rule)) != 0) return ok_status();
    return not_found("group '" + message.group() + "': has no rule with key '" + message.key() +
                     "' (wanted the key of one of its rules)");
  }
  if ((*group)->rules.erase(message.rule_id()) != 0) return ok_status();
  return not_found("group '" + message.group() + "': has no rule '" + message.rule_id() +
                   "' (wanted the id of one of its rules)");
}

Status add_members(const v1::Members& message, Intent& intent) {
  const auto group = find_group(intent, message.group());
  if (!group.ok()) return group.status();
  const auto members = parse_members("group '" + message.group() + "'", message.addresses());
  if (!members.ok()) return members.status();
  for (const Cidr& member : *members) (*group)->members.insert(member);
  return ok_status();
}

// Those that stay are left in their places, so that the change is only what differs.
Status replace_members(const v1::Members& message, Intent& intent) {
  const auto group = find_group(intent, message.group());
  if (!group.ok()) return group.status();
  const auto members = parse_members("group '" + message.group() + "'", message.addresses());
  if (!members.ok()) return members.status();
  const SharedSet<Cidr> before = (*group)->members;
  SharedSet<Cidr>::for_each_difference(before, *members, [&](const Cidr* gone, const Cidr* came) {
    if (gone) (*group)->members.erase(*gone);
    if (came) (*group)->members.insert(*came);
  });
  return ok_status();
}

Status delete_members(const v1::Members& message, Intent& intent) {
  const auto group = find_group(intent, message.group());
  if (!group.ok()) return group.status();
  const auto members = parse_members("group '" + message.group() + "'", message.addresses());
  if (!members.ok()) return members.status();
  for (const Cidr& member : *members) {
    if ((*group)->members.erase(member) == 0) {
      return not_found("group '" + message.group() + "': has no member " +
                       member.to_short_string() + " (wanted one of its members)");
    }
  }
  return ok_status();
}

// --- procedures ------------------------------------------------------------------------------

Status put_procedure(const v1::Procedure& message, Intent& intent) {
  auto procedure = from_proto(message);
  if (!procedure.ok()) return procedure.status();
  intent.procedures[procedure->name] = *std::move(procedure);
  return ok_status();
}

Status delete_procedure(const std::string& name, Intent& intent) {
  for (const auto& [group_name, group] : intent.groups) {
    for (const auto& [id, rule] : group.rules) {
      if (rule.procedure != name) continue;
      return precondition("procedure '" + name + "': in use by rule " + id + " of group '" +
                          group_name + "' (wanted one that no rule names)");
    }
  }
  if (intent.procedures.erase(name) != 0) return ok_status();
  return not_found("procedure '" + name + "': not found (wanted one of ours)");
}

// --- subnets ---------------------------------------------------------------------------------

Status put_subnet(const v1::Subnet& message, Intent& intent) {
  auto subnet = from_proto(message);
  if (!subnet.ok()) return subnet.status();
  intent.subnets[subnet->name] = *std::move(subnet);
  return ok_status();
}

Status delete_subnet(const std::string& name, Intent& intent) {
  for (const auto& [id, nic] : intent.nics) {
    if (std::ranges::find(nic.subnets, name) == nic.subnets.end()) continue;
    return precondition("subnet '" + name + "': in use by nic '" + id +
                        "' (wanted one that no nic names)");
  }
  if (intent.subnets.erase(name) != 0) return ok_status();
  return not_found("subnet '" + name + "': not found (wanted one of ours)");
}

// --- the guard list --------------------------------------------------------------------------

Status put_guard(const v1::GuardRule& message, Intent& intent) {
  auto rule = from_proto(message);
  if (!rule.ok()) return rule.status();
  intent.guard[rule->key] = *std::move(rule);
  return ok_status();
}

Status delete_guard(const std::string& key, Intent& intent) {
  if (intent.guard.erase(key) != 0) return ok_status();
  return not_found("guard rule '" + key + "': not found (wanted one of ours)");
}

// --- peers and static entries ----------------------------------------------------------------

Status put_peer(const v1::Peer& message, Intent& intent) {
  auto peer = from_proto(message);
  if (!peer.ok()) return peer.status();
  intent.peers[peer->address] = *std::move(peer);
  return ok_status();
}

Status delete_peer(const std::string& text, Intent& intent) {
  const auto address = parse_address("peer '" + text + "'", text);
  if (!address.ok()) return address.status();
  for (const auto& [key, entry] : intent.fdb) {
    if (entry.peer != *address) continue;
    return precondition("peer " + text + ": in use by fdb entry " +
                        std::to_string(entry.vni.value) + "/" + entry.mac.to_string() +
                        " (wanted a peer without fdb entries)");
  }
  if (intent.peers.erase(*address) != 0) return ok_status();
  return not_found("peer " + text + ": not found (wanted one of ours)");
}

Status put_fdb(const v1::FdbEntry& message, Intent& intent) {
  const auto entry = from_proto(message);
  if (!entry.ok()) return entry.status();
  intent.fdb[{entry->vni, entry->mac}] = *entry;
  return ok_status();
}

Status delete_fdb(const v1::FdbKey& key, Intent& intent) {
  const std::string what = "fdb " + std::to_string(key.vni()) + "/" + key.mac();
  const auto mac = parse_mac(what, key.mac());
  if (!mac.ok()) return mac.status();
  if (intent.fdb.erase({Vni(key.vni()), *mac}) != 0) return ok_status();
  return not_found(what + ": not found (wanted one of ours)");
}

// --- segments --------------------------------------------------------------------------------

Status put_segment(const v1::Segment& message, Intent& intent) {
  const auto segment = from_proto(message);
  if (!segment.ok()) return segment.status();
  intent.segments[segment->vni] = *segment;
  return ok_status();
}

Status delete_segment(uint32_t vni, Intent& intent) {
  if (intent.segments.erase(Vni(vni)) != 0) return ok_status();
  return not_found("segment " + std::to_string(vni) + ": not found (wanted one that was set)");
}

}  // namespace

Status make_change(const v1::Change& change, Intent& intent) {
  switch (change.change_case()) {
    case v1::Change::kNicPut:
      return put_nic(change.nic_put(), intent);
    case v1::Change::kNicUpdate:
      return update_nic(change.nic_update(), intent);
    case v1::Change::kNicDelete:
      return delete_nic(change.nic_delete(), intent);
    case v1::Change::kNicSetGroups:
      return set_nic_groups(change.nic_set_groups(), intent);
    case v1::Change::kNicAddGroups:
      return add_nic_groups(change.nic_add_groups(), intent);
    case v1::Change::kNicDeleteGroups:
      return delete_nic_groups(change.nic_delete_groups(), intent);
    case v1::Change::kGroupPut:
      return put_group(change.group_put(), intent);
    case v1::Change::kGroupAdd:
      return add_group(change.group_add(), intent);
    case v1::Change::kGroupDelete:
      return delete_group(change.group_delete(), intent);
    case v1::Change::kRuleAdd:
      return add_rule(change.rule_add(), intent);
    case v1::Change::kRuleDelete:
      return delete_rule(change.rule_delete(), intent);
    case v1::Change::kMemberAdd:
      return add_members(change.member_add(), intent);
    case v1::Change::kMemberDelete:
      return delete_members(change.member_delete(), intent);
    case v1::Change::kPeerPut:
      return put_peer(change.peer_put(), intent);
    case v1::Change::kPeerDelete:
      return delete_peer(change.peer_delete(), intent);
    case v1::Change::kFdbPut:
      return put_fdb(change.fdb_put(), intent);
    case v1::Change::kFdbDelete:
      return delete_fdb(change.fdb_delete(), intent);
    case v1::Change::kMembersReplace:
      return replace_members(change.members_replace(), intent);
    case v1::Change::kGroupSet:
      return set_group(change.group_set(), intent);
    case v1::Change::kProcedurePut:
      return put_procedure(change.procedure_put(), intent);
    case v1::Change::kProcedureDelete:
      return delete_procedure(change.procedure_delete(), intent);
    case v1::Change::kSubnetPut:
      return put_subnet(change.subnet_put(), intent);
    case v1::Change::kSubnetDelete:
      return delete_subnet(change.subnet_delete(), intent);
    case v1::Change::kGuardPut:
      return put_guard(change.guard_put(), intent);
    case v1::Change::kGuardDelete:
      return delete_guard(change.guard_delete(), intent);
    case v1::Change::kFirewallSet:
      merge(change.firewall_set(), intent.firewall);
      return ok_status();
    case v1::Change::kSegmentPut:
      return put_segment(change.segment_put(), intent);
    case v1::Change::kSegmentDelete:
      return delete_segment(change.segment_delete(), intent);
    case v1::Change::kSwitchSet:
      merge(change.switch_set(), intent.switching);
      return ok_status();
    case v1::Change::CHANGE_NOT_SET:
      break;
  }
  return invalid(
      "change: empty, or of a kind that this butterflyd does not know (wanted one of "
      "the kinds of butterfly.v1.Change)");
}

}  // namespace butterfly
