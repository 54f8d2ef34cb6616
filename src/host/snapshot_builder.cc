// SPDX-License-Identifier: Apache-2.0
#include "host/snapshot_builder.h"

#include <algorithm>
#include <set>

#include "host/guard_compiler.h"
#include "host/segment_builder.h"
#include "host/service_compiler.h"
#include "wire/membership.h"

namespace butterfly {
namespace {

std::shared_ptr<const Nic> build_nic(const NicIntent& intent, const Intent& next,
                                     const CompiledState& state) {
  const Generation generation = state.snapshot.generation;
  auto nic = std::make_shared<Nic>();
  nic->id = intent.id;
  nic->port = PortId{*state.slots.ports.find(intent.id)};
  nic->serial = state.slots.serials.at(intent.id);
  nic->generation = generation;
  nic->vni = intent.vni;
  nic->segment = *state.slots.segments.find(intent.vni);
  nic->mac = intent.mac;
  nic->antispoof = intent.antispoof;
  nic->is_dhcp_server = intent.dhcp_server;
  nic->is_router = intent.router;
  nic->bypasses = intent.bypass;
  nic->carries_vlans = intent.carry_vlans;
  nic->addresses.assign(intent.addresses.begin(), intent.addresses.end());
  for (const AllowedIntent& allowed : intent.allowed) {
    nic->allowed.push_back(allowed.prefix);
    if (allowed.mac && !nic->has_mac(*allowed.mac)) nic->macs.push_back(*allowed.mac);
  }
  nic->policy = compile_policy(intent, state.groups, generation);
  nic->service = compile_service(intent, next, state.snapshot.vtep);
  return nic;
}

// Verdicts of older policies counted until now, and shortcuts rest on them.
bool begins_to_revalidate(const Difference& change) {
  return change.firewall && change.firewall->after.is_on(Knob::revalidate) &&
         !change.firewall->before.is_on(Knob::revalidate);
}

// Nics that are the same, but whose verdicts until now may not count any more. Their policies are
// of this generation then, which is what verdicts and shortcuts are held against.
void add_rejudged(const Difference& change, const Intent& next, std::set<std::string>& anew) {
  std::set<Vni> segments = segments_rejudged(change);
  if (begins_to_revalidate(change)) segments.insert(Vni{0});
  if (segments.empty()) return;
  const bool is_everywhere = segments.contains(Vni{0});
  for (const auto& [id, nic] : next.nics) {
    if (is_everywhere || segments.contains(nic.vni)) anew.insert(id);
  }
}

void add_subnet_users(const Difference& change, const Intent& next, std::set<std::string>& anew) {
  std::set<std::string> subnets;
  for (const auto& subnet : change.subnets) subnets.insert(subnet.key());
  if (subnets.empty()) return;
  for (const auto& [id, nic] : next.nics) {
    if (std::ranges::any_of(nic.subnets, [&](const auto& name) { return subnets.contains(name); }))
      anew.insert(id);
  }
}

// Nics whose intent, groups, subnets or guard list changed are built anew; the others are shared.
std::shared_ptr<const NicTable> build_nics(const CompiledState& before, const Difference& change,
                                           const std::set<std::string>& changed_groups,
                                           const Intent& next, const CompiledState& state) {
  std::set<std::string> anew;
  for (const std::string& group : changed_groups) {
    for (const std::string& id : state.groups.users.nics_in(group)) anew.insert(id);
  }
  for (const auto& nic : change.nics) {
    if (nic.after) anew.insert(nic.key());
  }
  add_subnet_users(change, next, anew);
  add_rejudged(change, next, anew);
  if (anew.empty() && change.nics.empty()) return before.snapshot.nics;
  auto table = std::make_shared<NicTable>(*before.snapshot.nics);
  for (const auto& nic : change.nics) {
    if (nic.before) table->clear(PortId{*before.slots.ports.find(nic.key())});
  }
  for (const std::string& id : anew) table->set(build_nic(next.nics.at(id), next, state));
  return table;
}

std::shared_ptr<const ProcedureTable> build_procedures(const CompiledState& before,
                                                       const Difference& change,
                                                       const CompiledState& state) {
  auto table = std::make_shared<ProcedureTable>(*before.snapshot.procedures);
  for (const auto& procedure : change.procedures) {
    if (!procedure.after) table->set(*before.slots.procedures.find(procedure.key()), nullptr);
  }
  for (const auto& procedure : change.procedures) {
    if (!procedure.after) continue;
    const ProcedureIntent& intent = procedure.after->second;
    const RateLimit rate = RateLimit::of(intent.packets_per_s, intent.bits_per_s, intent.burst_ms);
    table->set(*state.slots.procedures.find(intent.name),
               std::make_shared<const Procedure>(Procedure{intent.name, intent.max_mss,
                                                           intent.min_ttl, intent.no_df,
                                                           intent.random_id, rate, intent.log}));
  }
  return table;
}

// Which groups the intent's segments have; sorted.
std::shared_ptr<const std::vector<IpAddress>> build_groups(const Intent& next) {
  std::set<IpAddress> groups;
  for (const auto& [vni, segment] : next.segments) {
    if (segment.group) groups.insert(*segment.group);
  }
  return std::make_shared<const std::vector<IpAddress>>(groups.begin(), groups.end());
}

void build_group_peers(const CompiledState& before, const CompiledState& state, PeerTable& table) {
  for (const IpAddress& group : *before.snapshot.groups) {
    if (!state.slots.peers.find(group)) table.clear(PeerId{*before.slots.peers.find(group)});
  }
  for (const IpAddress& group : *state.snapshot.groups) {
    if (table.find(group)) continue;
    table.set(std::make_shared<Peer>(state.snapshot.vtep, PeerId{*state.slots.peers.find(group)},
                                     group, wire::mac_of_any_group(group)));
  }
}

std::shared_ptr<const PeerTable> build_peers(const CompiledState& before, const Difference& change,
                                             const CompiledState& state) {
  auto table = std::make_shared<PeerTable>(*before.snapshot.peers);
  for (const auto& peer : change.peers) {
    if (!peer.after) table->clear(PeerId{*before.slots.peers.find(peer.key())});
  }
  for (const auto& peer : change.peers) {
    if (peer.before || !peer.after) continue;  // which segments it serves is theirs to know
    const Vtep& vtep = state.snapshot.vtep;
    const IpAddress hop = next_hop_of(peer.key(), vtep);
    table->set(std::make_shared<Peer>(vtep, PeerId{*state.slots.peers.find(peer.key())}, peer.key(),
                                      hop, *state.slots.neighbours.find(hop)));
  }
  build_group_peers(before, state, *table);
  return table;
}

}  // namespace

void build_snapshot(const CompiledState& before, const Difference& change, const Intent& next,
                    CompiledState& state) {
  state.snapshot.generation = before.snapshot.generation + 1;
  if (!change.procedures.empty())
    state.snapshot.procedures = build_procedures(before, change, state);
  CompiledGroups groups = before.groups;
  groups.procedure_slots = state.slots.procedures.all();
  groups.expressions = std::move(state.groups.expressions);
  CompileResult compiled = compile_groups(groups, change, next, state.snapshot.generation);
  state.groups = std::move(compiled.groups);
  if (!change.guard.empty()) {
    state.snapshot.guard = compile_guard(*before.snapshot.guard, change, state.groups);
  }
  state.groups.expressions.clear();
  state.snapshot.nics = build_nics(before, change, compiled.changed, next, state);
  if (!change.segments.empty()) state.snapshot.groups = build_groups(next);
  if (!change.peers.empty() || state.snapshot.groups != before.snapshot.groups) {
    state.snapshot.peers = build_peers(before, change, state);
  }
  state.snapshot.segments = build_segments(before, change, next, state);
  state.snapshot.firewall = next.firewall;
  state.snapshot.switching = next.switching;
  state.snapshot.nic_count = static_cast<uint32_t>(next.nics.size());
  state.intent = next;
}

}  // namespace butterfly
