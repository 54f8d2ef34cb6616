// SPDX-License-Identifier: Apache-2.0
#include "host/snapshot_builder.h"

#include <algorithm>

namespace butterfly {
namespace {

std::set<Vni> vnis_of(const Intent& intent) {
  std::set<Vni> vnis;
  for (const auto& [id, nic] : intent.nics) vnis.insert(nic.vni);
  return vnis;
}

std::set<IpAddress> next_hops_of(const Intent& intent, const Vtep& vtep) {
  std::set<IpAddress> hops;
  for (const auto& [address, peer] : intent.peers) hops.insert(next_hop_of(address, vtep));
  return hops;
}

// Retires the keys that are not wanted and assigns the others.
template <typename Key>
Status fit(SlotMap<Key>& slots, const std::set<Key>& wanted, const char* what) {
  std::vector<Key> leaving;
  for (const auto& [key, slot] : slots.all()) {
    if (!wanted.contains(key)) leaving.push_back(key);
  }
  for (const Key& key : leaving) slots.retire(key);
  for (const Key& key : wanted) {
    if (!slots.assign(key)) {
      return exhausted(std::string("host: no room for another ") + what + " (wanted: at most " +
                       std::to_string(slots.all().size()) + ")");
    }
  }
  return ok_status();
}

std::shared_ptr<const Nic> build_nic(const NicIntent& intent, const CompiledState& state,
                                     Generation generation) {
  auto nic = std::make_shared<Nic>();
  nic->id = intent.id;
  nic->port = PortId{*state.slots.ports.find(intent.id)};
  nic->serial = state.slots.serials.at(intent.id);
  nic->generation = generation;
  nic->vni = intent.vni;
  nic->segment = *state.slots.segments.find(intent.vni);
  nic->mac = intent.mac;
  nic->antispoof = intent.antispoof;
  nic->addresses.assign(intent.addresses.begin(), intent.addresses.end());
  nic->policy = compile_policy(intent, state.groups, generation);
  return nic;
}

bool uses_any(const NicIntent& nic, const std::set<std::string>& groups) {
  return std::any_of(nic.groups.begin(), nic.groups.end(),
                     [&groups](const std::string& name) { return groups.contains(name); });
}

// Nics whose intent or groups changed are built anew; the others are shared.
std::shared_ptr<const NicTable> build_nics(const Intent& next, const CompiledState& state,
                                           const std::set<std::string>& changed_groups,
                                           Generation generation) {
  auto table = std::make_shared<NicTable>();
  bool same = state.intent.nics.size() == next.nics.size() && state.snapshot.nics != nullptr;
  for (const auto& [id, nic] : next.nics) {
    const PortId port{*state.slots.ports.find(id)};
    const auto before = state.intent.nics.find(id);
    auto old = state.snapshot.nics ? state.snapshot.nics->share(port) : nullptr;
    const bool keep = old && old->serial == state.slots.serials.at(id) &&
                      before != state.intent.nics.end() && before->second == nic &&
                      !uses_any(nic, changed_groups);
    same = same && keep;
    table->set(keep ? std::move(old) : build_nic(nic, state, generation));
  }
  return same ? state.snapshot.nics : table;
}

std::shared_ptr<const PeerTable> build_peers(const Intent& next, const CompiledState& state) {
  auto table = std::make_shared<PeerTable>();
  for (const auto& [address, intent] : next.peers) {
    const Vtep& vtep = state.snapshot.vtep;
    const IpAddress hop = next_hop_of(address, vtep);
    const PeerId id{*state.slots.peers.find(address)};
    const uint16_t hop_slot = *state.slots.neighbours.find(hop);
    table->set(std::make_shared<Peer>(vtep, id, address, hop, hop_slot));
  }
  return table;
}

std::shared_ptr<const SegmentTable> build_segments(const Intent& next, const CompiledState& state,
                                                   Generation generation) {
  std::map<Vni, std::shared_ptr<Segment>> segments;
  for (const auto& [id, nic] : next.nics) {
    auto& segment = segments[nic.vni];
    if (!segment) {
      segment = std::make_shared<Segment>();
      segment->vni = nic.vni;
      segment->index = *state.slots.segments.find(nic.vni);
      segment->generation = generation;
    }
    const PortId port{*state.slots.ports.find(id)};
    segment->ports.push_back(port);
    segment->known.set(nic.mac, {port, kNoPeer});
  }
  for (const auto& [address, peer] : next.peers) {
    for (const Vni vni : peer.vnis) {
      const auto it = segments.find(vni);
      if (it != segments.end())
        it->second->peers.push_back(PeerId{*state.slots.peers.find(address)});
    }
  }
  for (const auto& [key, entry] : next.fdb) {
    const auto it = segments.find(entry.vni);
    if (it == segments.end()) continue;
    const PeerId peer{*state.slots.peers.find(entry.peer)};
    it->second->known.set(entry.mac, {kUplinkPort, peer});
  }
  auto table = std::make_shared<SegmentTable>();
  for (auto& [vni, segment] : segments) table->set(std::move(segment));
  return table;
}

// Whether the parts of a nic that its segment shows to others are the same.
bool same_placement(const std::map<std::string, NicIntent>& a,
                    const std::map<std::string, NicIntent>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.first == y.first && x.second.vni == y.second.vni && x.second.mac == y.second.mac;
  });
}

}  // namespace

IpAddress next_hop_of(const IpAddress& peer, const Vtep& vtep) {
  return vtep.on_link.contains(peer) || !vtep.gateway ? peer : *vtep.gateway;
}

Status assign_slots(const Intent& next, const std::set<std::string>& replaced, bool has_underlay,
                    const Vtep& vtep, Slots& slots) {
  for (const auto& [address, peer] : next.peers) {
    const std::string name = "peer '" + address.to_string() + "': ";
    if (!has_underlay) {
      return precondition(name + "this host has no underlay (wanted: an [uplink] in the " +
                          "daemon's configuration)");
    }
    if (address.is_v4() != vtep.address.is_v4()) {
      return invalid(name + "not of the family of our own endpoint " + vtep.address.to_string());
    }
    if (address == vtep.address) return invalid(name + "is our own endpoint");
    if (!vtep.gateway && !vtep.on_link.contains(address)) {
      return precondition(name + "not on link " + vtep.on_link.to_string() +
                          " (wanted: an address inside, or a gateway in the configuration)");
    }
  }
  for (const std::string& id : replaced) slots.ports.retire(id);
  std::set<std::string> ids;
  for (const auto& [id, nic] : next.nics) ids.insert(id);
  std::set<IpAddress> peers;
  for (const auto& [address, peer] : next.peers) peers.insert(address);
  const std::map<std::string, uint16_t> before = slots.ports.all();
  RETURN_IF_ERROR(fit(slots.ports, ids, "nic"));
  RETURN_IF_ERROR(fit(slots.segments, vnis_of(next), "segment"));
  RETURN_IF_ERROR(fit(slots.peers, peers, "peer"));
  RETURN_IF_ERROR(fit(slots.neighbours, next_hops_of(next, vtep), "next hop"));
  std::map<std::string, NicSerial> serials;
  for (const std::string& id : ids) {
    const bool is_new = !before.contains(id);
    serials[id] = is_new ? NicSerial{++slots.last_serial} : slots.serials.at(id);
  }
  slots.serials = std::move(serials);
  return ok_status();
}

void place_nics(const Intent& next, const std::set<std::string>& replaced, uint16_t lcores,
                std::map<std::string, uint16_t>& placement) {
  std::erase_if(placement, [&](const auto& entry) {
    return !next.nics.contains(entry.first) || replaced.contains(entry.first);
  });
  std::vector<size_t> load(lcores);
  for (const auto& [id, lcore] : placement) ++load[lcore];
  for (const auto& [id, nic] : next.nics) {
    if (placement.contains(id)) continue;
    const auto quietest = std::min_element(load.begin(), load.end()) - load.begin();
    placement[id] = static_cast<uint16_t>(quietest);
    ++load[quietest];
  }
}

void build_snapshot(const Intent& next, CompiledState& state) {
  const Generation generation = state.snapshot.generation + 1;
  CompileResult compiled = compile_groups(state.groups, state.intent, next, generation);
  state.groups = std::move(compiled.groups);
  Snapshot snapshot = state.snapshot;
  snapshot.generation = generation;
  const bool same_peers = snapshot.peers && state.intent.peers == next.peers;
  const bool same_places = snapshot.segments && same_peers && state.intent.fdb == next.fdb &&
                           same_placement(state.intent.nics, next.nics) &&
                           state.slots.ports.retired().empty();
  snapshot.nics = build_nics(next, state, compiled.changed, generation);
  if (!same_peers) snapshot.peers = build_peers(next, state);
  if (!same_places) snapshot.segments = build_segments(next, state, generation);
  state.snapshot = std::move(snapshot);
  state.intent = next;
}

}  // namespace butterfly
