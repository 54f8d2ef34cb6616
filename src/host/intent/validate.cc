// SPDX-License-Identifier: Apache-2.0
// Everything about an intent that can be known without the host.
#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "host/intent/intent.h"
#include "host/intent/limits.h"
#include "host/intent/validate_parts.h"

namespace butterfly {
namespace {

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_name_char(char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; }

Status validate_vni(const std::string& what, Vni vni) {
  const std::string wanted = " (wanted 1.." + std::to_string(kVniMax) + ")";
  if (vni.value == 0) return invalid(what + ": VNI 0 names no segment" + wanted);
  if (vni.value > kVniMax) {
    return invalid(what + ": VNI " + std::to_string(vni.value) + " exceeds 24 bits" + wanted);
  }
  return ok_status();
}

Status validate_mac(const std::string& what, const Mac& mac) {
  if (mac.is_zero()) return invalid(what + ": MAC is zero (wanted a unicast address)");
  if (mac.is_group()) {
    return invalid(what + ": MAC " + mac.to_string() + " is a group address (wanted unicast)");
  }
  return ok_status();
}

Status validate_tap_name(const std::string& what, const NicIntent& nic) {
  if (nic.type != NicType::tap) {
    if (nic.tap_name.empty()) return ok_status();
    return invalid(what + ": tap name '" + nic.tap_name +
                   "' on a vhost-user nic (wanted type tap)");
  }
  const std::string& name = nic.kernel_name();
  const std::string subject = what + ": tap name '" + name + "'";
  if (name.size() > kMaxTapNameLength) {
    return invalid(subject + " has " + std::to_string(name.size()) + " characters (wanted 1.." +
                   std::to_string(kMaxTapNameLength) + ")");
  }
  // The kernel also takes odder names, but '%' and '/' mean something to it.
  if (!std::ranges::all_of(name, is_name_char) || !is_alphanumeric(name[0])) {
    return invalid(subject +
                   " is malformed (wanted [A-Za-z0-9._-], starting with a letter or "
                   "digit)");
  }
  return ok_status();
}

Status validate_access(const std::string& what, const NicIntent& nic) {
  if (nic.vhost_server && nic.type != NicType::vhost_user) {
    return invalid(what + ": vhost server on a tap (wanted type vhost-user)");
  }
  if (nic.packed && nic.type != NicType::vhost_user) {
    return invalid(what + ": packed rings on a tap (wanted type vhost-user)");
  }
  if (nic.queues > 1 && nic.type != NicType::vhost_user) {
    return invalid(what + ": " + std::to_string(nic.queues) +
                   " queues on a tap (wanted 1, or type vhost-user)");
  }
  if (nic.queues == 0 || nic.queues > kMaxNicQueues) {
    return invalid(what + ": " + std::to_string(nic.queues) + " queues (wanted 1.." +
                   std::to_string(kMaxNicQueues) + ")");
  }
  if (nic.mtu != 0 && (nic.mtu < kMinNicMtu || nic.mtu > kMaxNicMtu)) {
    return invalid(what + ": MTU " + std::to_string(nic.mtu) + " is out of range (wanted " +
                   std::to_string(kMinNicMtu) + ".." + std::to_string(kMaxNicMtu) +
                   ", or 0 for the host's choice)");
  }
  return validate_tap_name(what, nic);
}

Status validate_groups_of(const std::string& what, const NicIntent& nic) {
  RETURN_IF_ERROR(validate_count(what + ": groups", nic.groups.size(), kMaxNicGroups));
  std::unordered_set<std::string_view> seen;
  for (const std::string& group : nic.groups) {
    RETURN_IF_ERROR(validate_name(what + ": group '" + group + "'", group));
    if (!seen.insert(group).second) {
      return invalid(what + ": group '" + group + "' listed twice (wanted once)");
    }
  }
  return ok_status();
}

Status validate_allowed(const std::string& what, const NicIntent& nic) {
  RETURN_IF_ERROR(validate_count(what + ": allowed", nic.allowed.size(), kMaxNicAllowed));
  for (const AllowedIntent& allowed : nic.allowed) {
    RETURN_IF_ERROR(validate_member(what + ": allowed", allowed.prefix));
    if (allowed.mac) RETURN_IF_ERROR(validate_mac(what + ": allowed", *allowed.mac));
  }
  return ok_status();
}

// Each nic by itself, then what two nics may not share.
Status validate_nics(const Intent& intent) {
  RETURN_IF_ERROR(validate_count("nics", intent.nics.size(), kMaxNics));
  std::map<std::pair<Vni, Mac>, const NicIntent*> by_mac;
  std::unordered_map<std::string, const NicIntent*> by_tap;
  for (const auto& [id, nic] : intent.nics) {
    RETURN_IF_ERROR(validate_nic(id, nic));
    RETURN_IF_ERROR(validate_subnets_of(nic, intent));
    const auto [twin, is_new] = by_mac.try_emplace({nic.vni, nic.mac}, &nic);
    if (!is_new) {
      return invalid("nic '" + id + "': MAC " + nic.mac.to_string() + " is nic '" +
                     twin->second->id + "' in VNI " + std::to_string(nic.vni.value) +
                     " (wanted one nic a MAC in a VNI)");
    }
    if (nic.type != NicType::tap) continue;
    const auto [tap, tap_is_new] = by_tap.try_emplace(nic.kernel_name(), &nic);
    if (!tap_is_new) {
      return invalid("nic '" + id + "': tap name '" + nic.kernel_name() + "' is taken by nic '" +
                     tap->second->id + "' (wanted a free one)");
    }
  }
  return validate_allowed_macs(intent);
}

Status validate_procedures(const Intent& intent) {
  RETURN_IF_ERROR(validate_count("procedures", intent.procedures.size(), kMaxProcedures));
  for (const auto& [name, procedure] : intent.procedures) {
    RETURN_IF_ERROR(validate_procedure(name, procedure));
  }
  return ok_status();
}

Status validate_subnets(const Intent& intent) {
  RETURN_IF_ERROR(validate_count("subnets", intent.subnets.size(), kMaxSubnets));
  for (const auto& [name, subnet] : intent.subnets) RETURN_IF_ERROR(validate_subnet(name, subnet));
  return ok_status();
}

Status validate_groups(const Intent& intent) {
  RETURN_IF_ERROR(validate_count("groups", intent.groups.size(), kMaxGroups));
  for (const auto& [name, group] : intent.groups) {
    RETURN_IF_ERROR(validate_group_outline(name, group));
    for (const auto& [id, rule] : group.rules) RETURN_IF_ERROR(validate_rule(name, id, rule));
    RETURN_IF_ERROR(validate_procedures_of(group, intent));
    RETURN_IF_ERROR(validate_peer_groups_of(group));
    const std::string what = "group '" + name + "'";
    for (const Cidr& member : group.members) RETURN_IF_ERROR(validate_member(what, member));
  }
  return ok_status();
}

Status validate_guard(const Intent& intent) {
  RETURN_IF_ERROR(validate_count("guard rules", intent.guard.size(), kMaxGuardRules));
  for (const auto& [key, rule] : intent.guard) RETURN_IF_ERROR(validate_guard_rule(key, rule));
  return ok_status();
}

Status validate_segments(const Intent& intent) {
  RETURN_IF_ERROR(validate_count("segments", intent.segments.size(), kMaxVnis));
  for (const auto& [vni, segment] : intent.segments)
    RETURN_IF_ERROR(validate_segment(vni, segment));
  return ok_status();
}

Status validate_peers(const Intent& intent) {
  RETURN_IF_ERROR(validate_count("peers", intent.peers.size(), kMaxPeers));
  for (const auto& [address, peer] : intent.peers) RETURN_IF_ERROR(validate_peer(address, peer));
  return ok_status();
}

}  // namespace

Status validate_count(const std::string& what, size_t count, size_t limit) {
  if (count <= limit) return ok_status();
  return exhausted(what + ": " + std::to_string(count) + " exceed the limit (wanted at most " +
                   std::to_string(limit) + ")");
}

Status validate_address(const std::string& what, const IpAddress& address) {
  const bool broadcast = address.is_v4() && address.v4().is_limited_broadcast();
  if (!address.is_zero() && !address.is_multicast() && !broadcast) return ok_status();
  return invalid(what + ": address " + address.to_string() + " is no host's own (wanted unicast)");
}

Status validate_member(const std::string& what, const Cidr& member) {
  if (member.is_single()) return validate_address(what, member.address());
  if (!member.address().is_multicast()) return ok_status();
  return invalid(what + ": prefix " + member.to_string() + " holds no host's own address " +
                 "(wanted unicast)");
}

Status validate_name(const std::string& what, std::string_view name) {
  const std::string wanted = " (wanted 1.." + std::to_string(kMaxNameLength) +
                             " of [A-Za-z0-9._-], starting with a letter or digit)";
  if (name.empty()) return invalid(what + ": name is empty" + wanted);
  if (name.size() > kMaxNameLength) {
    return invalid(what + ": name has " + std::to_string(name.size()) + " characters" + wanted);
  }
  if (!is_alphanumeric(name[0]) || !std::ranges::all_of(name, is_name_char)) {
    return invalid(what + ": name is malformed" + wanted);
  }
  return ok_status();
}

Status validate_rule(const std::string& group, const std::string& id, const RuleIntent& rule) {
  if (id == rule_id(rule)) return validate_rule(group, rule);
  return invalid("group '" + group + "': rule id '" + id + "' is not its rule's (wanted " +
                 rule_id(rule) + " or none)");
}

Status validate_nic(const std::string& id, const NicIntent& nic) {
  const std::string what = "nic '" + nic.id + "'";
  if (id != nic.id) return invalid(what + ": kept under '" + id + "'");
  RETURN_IF_ERROR(validate_name(what, nic.id));
  RETURN_IF_ERROR(validate_mac(what, nic.mac));
  RETURN_IF_ERROR(validate_vni(what, nic.vni));
  RETURN_IF_ERROR(validate_count(what + ": addresses", nic.addresses.size(), kMaxNicAddresses));
  for (const IpAddress& address : nic.addresses) RETURN_IF_ERROR(validate_address(what, address));
  RETURN_IF_ERROR(validate_allowed(what, nic));
  RETURN_IF_ERROR(validate_groups_of(what, nic));
  if (!nic.hostname.empty()) {
    RETURN_IF_ERROR(validate_hostname(what + ": hostname", nic.hostname, kMaxHostnameLength));
  }
  if (nic.carry_vlans && nic.antispoof) {
    return invalid(what + ": VLANs carried with antispoof (wanted antispoof off: nobody looks at " +
                   "addresses in a tagged frame)");
  }
  return validate_access(what, nic);
}

Status validate_allowed_macs(const Intent& intent) {
  const auto lists_macs = [](const auto& nic) {
    return std::ranges::any_of(nic.second.allowed,
                               [](const AllowedIntent& allowed) { return !!allowed.mac; });
  };
  if (std::ranges::none_of(intent.nics, lists_macs)) return ok_status();
  std::map<std::pair<Vni, Mac>, const NicIntent*> owners;
  for (const auto& [id, nic] : intent.nics) owners[{nic.vni, nic.mac}] = &nic;
  for (const auto& [id, nic] : intent.nics) {
    for (const AllowedIntent& allowed : nic.allowed) {
      if (!allowed.mac || *allowed.mac == nic.mac) continue;
      const std::string what = "nic '" + id + "': allowed MAC " + allowed.mac->to_string();
      const auto owner = owners.find({nic.vni, *allowed.mac});
      if (owner != owners.end()) {
        return invalid(what + " is nic '" + owner->second->id + "' (wanted one that no nic has)");
      }
      if (intent.fdb.contains({nic.vni, *allowed.mac})) {
        return invalid(what + " is a static fdb entry (wanted one that may move)");
      }
    }
  }
  return ok_status();
}

Status validate_group_outline(const std::string& name, const GroupIntent& group) {
  const std::string what = "group '" + group.name + "'";
  if (name != group.name) return invalid(what + ": kept under '" + name + "'");
  RETURN_IF_ERROR(validate_name(what, group.name));
  RETURN_IF_ERROR(validate_count(what + ": rules", group.rules.size(), kMaxGroupRules));
  return validate_count(what + ": members", group.members.size(), kMaxGroupMembers);
}

Status validate_peer_groups_of(const GroupIntent& group) {
  std::set<std::string_view> named;
  for (const auto& [id, rule] : group.rules) {
    if (!rule.peer_group.empty()) named.insert(rule.peer_group);
  }
  return validate_count("group '" + group.name + "': groups that its rules name", named.size(),
                        kMaxPeerGroups);
}

Status validate_peer(const IpAddress& address, const PeerIntent& peer) {
  const std::string what = "peer " + peer.address.to_string();
  if (address != peer.address) return invalid(what + ": kept under " + address.to_string());
  RETURN_IF_ERROR(validate_address(what, address));
  for (const Vni vni : peer.vnis) RETURN_IF_ERROR(validate_vni(what, vni));
  return ok_status();
}

// One that routers and switches may carry: not for the link alone (RFC 5771 §4, 4291 §2.7).
Status validate_group_address(const std::string& what, const IpAddress& group) {
  const auto& bytes = group.bytes();
  const bool is_local =
      group.is_v4() ? group.v4().to_u32() >> 8 == 0xe00000 : (bytes[1] & 0x0f) <= 2;
  if (group.is_multicast() && !is_local) return ok_status();
  return invalid(
      what + " " + group.to_string() +
      " (wanted a multicast address beyond 224.0.0.0/24, or of IPv6 wider than the link)");
}

Status validate_segment(Vni vni, const SegmentIntent& segment) {
  const std::string what = "segment " + std::to_string(segment.vni.value);
  if (vni != segment.vni) return invalid(what + ": kept under " + std::to_string(vni.value));
  RETURN_IF_ERROR(validate_vni(what, vni));
  RETURN_IF_ERROR(validate_count(what + ": gateways", segment.gateways.size(), kMaxGateways));
  for (const Mac& gateway : segment.gateways) {
    RETURN_IF_ERROR(validate_mac(what + ": gateway", gateway));
  }
  return segment.group ? validate_group_address(what + ": group", *segment.group) : ok_status();
}

Status validate_fdb_entry(const std::pair<Vni, Mac>& key, const FdbIntent& entry,
                          const Intent& intent) {
  const std::string what = "fdb " + std::to_string(entry.vni.value) + "/" + entry.mac.to_string();
  if (key != std::pair(entry.vni, entry.mac)) return invalid(what + ": kept under another key");
  RETURN_IF_ERROR(validate_vni(what, entry.vni));
  RETURN_IF_ERROR(validate_mac(what, entry.mac));
  RETURN_IF_ERROR(validate_count(what + ": addresses", entry.addresses.size(), kMaxNicAddresses));
  for (const IpAddress& address : entry.addresses) RETURN_IF_ERROR(validate_address(what, address));
  const auto peer = intent.peers.find(entry.peer);
  if (peer == intent.peers.end()) {
    return invalid(what + ": peer " + entry.peer.to_string() +
                   " is not configured (wanted one of the peers)");
  }
  if (peer->second.vnis.contains(entry.vni)) return ok_status();
  return invalid(what + ": peer " + entry.peer.to_string() + " does not serve VNI " +
                 std::to_string(entry.vni.value) + " (wanted a peer that does)");
}

Status validate_fdb(const Intent& intent) {
  RETURN_IF_ERROR(validate_count("fdb entries", intent.fdb.size(), kMaxFdbEntries));
  if (intent.fdb.empty()) return ok_status();
  std::map<std::pair<Vni, Mac>, const NicIntent*> local;
  for (const auto& [id, nic] : intent.nics) local[{nic.vni, nic.mac}] = &nic;
  for (const auto& [key, entry] : intent.fdb) {
    RETURN_IF_ERROR(validate_fdb_entry(key, entry, intent));
    const auto nic = local.find(key);
    if (nic == local.end()) continue;
    return invalid("fdb " + std::to_string(entry.vni.value) + "/" + entry.mac.to_string() +
                   ": MAC is local nic '" + nic->second->id + "' (wanted a MAC behind the peer)");
  }
  return ok_status();
}

Status validate_vni_count(const Intent& intent) {
  std::unordered_set<uint32_t> vnis;
  for (const auto& [id, nic] : intent.nics) vnis.insert(nic.vni.value);
  for (const auto& [address, peer] : intent.peers) {
    for (const Vni vni : peer.vnis) vnis.insert(vni.value);
  }
  return validate_count("VNIs of nics and peers", vnis.size(), kMaxVnis);
}

Status validate(const Intent& intent) {
  RETURN_IF_ERROR(validate_subnets(intent));
  RETURN_IF_ERROR(validate_nics(intent));
  RETURN_IF_ERROR(validate_procedures(intent));
  RETURN_IF_ERROR(validate_groups(intent));
  RETURN_IF_ERROR(validate_guard(intent));
  RETURN_IF_ERROR(validate_segments(intent));
  RETURN_IF_ERROR(validate_peers(intent));
  RETURN_IF_ERROR(validate_fdb(intent));
  RETURN_IF_ERROR(validate_vni_count(intent));
  RETURN_IF_ERROR(validate(intent.firewall));
  return validate(intent.switching);
}

}  // namespace butterfly
