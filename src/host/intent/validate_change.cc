// SPDX-License-Identifier: Apache-2.0
// Whether an intent that differs from a valid one in so much is valid: looks at what came or
// changed, and at the rest only where that may clash with it.
#include <algorithm>

#include "host/intent/difference.h"
#include "host/intent/limits.h"
#include "host/intent/validate_parts.h"

namespace butterfly {
namespace {

bool is_elsewhere(const Changed<decltype(Intent::nics)>& nic) {
  return !nic.before || nic.before->second.vni != nic.after->second.vni ||
         nic.before->second.mac != nic.after->second.mac;
}

// Whether nobody else has what is in `wanted`: each of its items names one of `nics`, by `get`.
template <typename Item, typename Get>
bool are_theirs_alone(std::vector<Item> wanted, const Intent& intent, const Get& get) {
  if (wanted.empty()) return true;
  std::ranges::sort(wanted);
  if (std::ranges::adjacent_find(wanted) != wanted.end()) return false;
  size_t owners = 0;
  for (const auto& [id, nic] : intent.nics) owners += std::ranges::binary_search(wanted, get(nic));
  return owners == wanted.size();
}

bool nics_hold(const Intent& next, const Difference& change) {
  if (!validate_count("nics", next.nics.size(), kMaxNics).ok()) return false;
  std::vector<std::pair<Vni, Mac>> places;
  std::vector<std::string> taps;
  bool allows_anew = false;
  const auto place_of = [](const NicIntent& nic) { return std::pair(nic.vni, nic.mac); };
  const auto tap_of = [](const NicIntent& nic) {
    return nic.type == NicType::tap ? nic.kernel_name() : std::string();
  };
  for (const auto& nic : change.nics) {
    if (!nic.after) continue;
    const NicIntent& intent = nic.after->second;
    if (!validate_nic(nic.key(), intent).ok()) return false;
    if (!validate_subnets_of(intent, next).ok()) return false;
    if (is_elsewhere(nic)) places.push_back(place_of(intent));
    const bool has_new_tap = !nic.before || tap_of(nic.before->second) != tap_of(intent);
    if (intent.type == NicType::tap && has_new_tap) taps.push_back(tap_of(intent));
    allows_anew = allows_anew || !nic.before || nic.before->second.allowed != intent.allowed;
  }
  if ((allows_anew || !places.empty()) && !validate_allowed_macs(next).ok()) return false;
  for (const auto& place : places) {
    if (next.fdb.contains(place)) return false;
  }
  return are_theirs_alone(std::move(places), next, place_of) &&
         are_theirs_alone(std::move(taps), next, tap_of);
}

bool group_holds(const Changed<decltype(Intent::groups)>& group, const Intent& next) {
  if (!group.after) return true;
  static const GroupIntent nothing;
  const GroupIntent& before = group.before ? group.before->second : nothing;
  const auto& [name, after] = *group.after;
  if (!validate_group_outline(name, after).ok()) return false;
  bool holds = true;
  bool names_groups = false;
  decltype(after.rules)::for_each_difference(
      before.rules, after.rules, [&](const auto*, const auto* now) {
        if (!now) return;
        names_groups = names_groups || !now->second.peer_group.empty();
        const std::string& procedure = now->second.procedure;
        holds = holds && validate_rule(after.name, now->first, now->second).ok() &&
                (procedure.empty() || next.procedures.contains(procedure));
      });
  decltype(after.members)::for_each_difference(
      before.members, after.members, [&](const Cidr*, const Cidr* now) {
        holds = holds && (!now || validate_member("member", *now).ok());
      });
  return holds && (!names_groups || validate_peer_groups_of(after).ok());
}

bool groups_hold(const Intent& next, const Difference& change) {
  return validate_count("groups", next.groups.size(), kMaxGroups).ok() &&
         std::ranges::all_of(change.groups,
                             [&](const auto& group) { return group_holds(group, next); });
}

bool guard_holds(const Intent& next, const Difference& change) {
  return validate_count("guard rules", next.guard.size(), kMaxGuardRules).ok() &&
         std::ranges::all_of(change.guard, [](const auto& rule) {
           return !rule.after || validate_guard_rule(rule.key(), rule.after->second).ok();
         });
}

// A procedure that goes must have no user left.
bool procedures_hold(const Intent& next, const Difference& change) {
  if (!validate_count("procedures", next.procedures.size(), kMaxProcedures).ok()) return false;
  bool has_gone = false;
  for (const auto& [before, after] : change.procedures) {
    if (after && !validate_procedure(after->first, after->second).ok()) return false;
    has_gone = has_gone || !after;
  }
  return !has_gone || std::ranges::all_of(next.groups, [&](const auto& group) {
    return validate_procedures_of(group.second, next).ok();
  });
}

// One that goes or means other addresses must leave nobody without.
bool subnets_hold(const Intent& next, const Difference& change) {
  if (!validate_count("subnets", next.subnets.size(), kMaxSubnets).ok()) return false;
  bool is_less = false;
  for (const auto& [before, after] : change.subnets) {
    if (after && !validate_subnet(after->first, after->second).ok()) return false;
    is_less = is_less || (before && (!after || before->second.prefix != after->second.prefix));
  }
  return !is_less || std::ranges::all_of(next.nics, [&](const auto& nic) {
    return validate_subnets_of(nic.second, next).ok();
  });
}

bool peers_hold(const Intent& next, const Difference& change) {
  if (!validate_count("peers", next.peers.size(), kMaxPeers).ok()) return false;
  bool serve_less = false;
  for (const auto& [before, after] : change.peers) {
    if (after && !validate_peer(after->first, after->second).ok()) return false;
    serve_less =
        serve_less ||
        (before && (!after || !std::ranges::includes(after->second.vnis, before->second.vnis)));
  }
  return !serve_less || validate_fdb(next).ok();
}

bool segments_hold(const Intent& next, const Difference& change) {
  return validate_count("segments", next.segments.size(), kMaxVnis).ok() &&
         std::ranges::all_of(change.segments, [](const auto& segment) {
           return !segment.after || validate_segment(segment.key(), segment.after->second).ok();
         });
}

bool fdb_holds(const Intent& next, const Difference& change) {
  if (!validate_count("fdb entries", next.fdb.size(), kMaxFdbEntries).ok()) return false;
  std::vector<std::pair<Vni, Mac>> fresh;  // sorted, as the map is
  for (const auto& [before, after] : change.fdb) {
    if (!after) continue;
    if (!validate_fdb_entry(after->first, after->second, next).ok()) return false;
    if (!before) fresh.push_back(after->first);
  }
  if (fresh.empty()) return true;
  return validate_allowed_macs(next).ok() && std::ranges::none_of(next.nics, [&](const auto& nic) {
           return std::ranges::binary_search(fresh, std::pair(nic.second.vni, nic.second.mac));
         });
}

bool vni_count_holds(const Intent& next, const Difference& change) {
  if (change.peers.empty() && change.nics.empty()) return true;
  size_t at_most = next.nics.size();
  for (const auto& [address, peer] : next.peers) at_most += peer.vnis.size();
  return at_most <= kMaxVnis || validate_vni_count(next).ok();
}

}  // namespace

Status validate_change(const Intent& next, const Difference& change) {
  if (subnets_hold(next, change) && nics_hold(next, change) && procedures_hold(next, change) &&
      groups_hold(next, change) && guard_holds(next, change) && segments_hold(next, change) &&
      peers_hold(next, change) && fdb_holds(next, change) && vni_count_holds(next, change) &&
      (!change.firewall || validate(next.firewall).ok()) &&
      (!change.switching || validate(next.switching).ok())) {
    return ok_status();
  }
  // There is time to look again, for the first fault in the order of the maps.
  return validate(next);
}

}  // namespace butterfly
