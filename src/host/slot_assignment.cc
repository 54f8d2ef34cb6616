// SPDX-License-Identifier: Apache-2.0
// Which slots and lcores the objects of the next intent have: those that stay keep theirs.
#include <algorithm>
#include <vector>

#include "host/snapshot_builder.h"

namespace butterfly {
namespace {

using ChangedNic = Changed<decltype(Intent::nics)>;

bool keeps_port(const ChangedNic& nic) {
  return nic.before && nic.after && !needs_new_port(nic.before->second, nic.after->second);
}

template <typename Key>
Status assign(SlotMap<Key>& slots, const Key& key, const char* what) {
  if (slots.assign(key)) return ok_status();
  return exhausted(std::string("host: no room for another ") + what + " (wanted: at most " +
                   std::to_string(slots.all().size()) + ")");
}

// What a change touches of things that live as long as somebody uses them: those still in use get
// a slot, the others lose theirs.
template <typename Key>
class Touched {
 public:
  void add(const Key& key) { keys_.push_back(key); }
  // Calls for_each_user(note): note(key) for the key of every object that is there next.
  template <typename ForEachUser>
  Status settle(SlotMap<Key>& slots, const char* what, const ForEachUser& for_each_user) {
    if (keys_.empty()) return ok_status();
    std::ranges::sort(keys_);
    keys_.erase(std::unique(keys_.begin(), keys_.end()), keys_.end());
    std::vector<bool> is_used(keys_.size());
    for_each_user([&](const Key& key) {
      const auto at = std::ranges::lower_bound(keys_, key);
      if (at != keys_.end() && *at == key) is_used[static_cast<size_t>(at - keys_.begin())] = true;
    });
    for (size_t i = 0; i < keys_.size(); ++i) {
      if (!is_used[i]) slots.retire(keys_[i]);
    }
    for (size_t i = 0; i < keys_.size(); ++i) {
      if (is_used[i]) RETURN_IF_ERROR(assign(slots, keys_[i], what));
    }
    return ok_status();
  }

 private:
  std::vector<Key> keys_;
};

Status assign_nics(const Difference& change, Slots& slots) {
  for (const ChangedNic& nic : change.nics) {
    if (!nic.before || keeps_port(nic)) continue;
    slots.ports.retire(nic.key());
    slots.serials.erase(nic.key());
  }
  for (const ChangedNic& nic : change.nics) {
    if (!nic.after || keeps_port(nic)) continue;
    RETURN_IF_ERROR(assign(slots.ports, nic.key(), "nic"));
    slots.serials.set(nic.key(), NicSerial{++slots.last_serial});
  }
  return ok_status();
}

Status assign_segments(const Intent& next, const Difference& change, Slots& slots) {
  Touched<Vni> vnis;
  for (const ChangedNic& nic : change.nics) {
    if (nic.before && nic.after && nic.before->second.vni == nic.after->second.vni) continue;
    if (nic.before) vnis.add(nic.before->second.vni);
    if (nic.after) vnis.add(nic.after->second.vni);
  }
  return vnis.settle(slots.segments, "segment", [&](const auto& note) {
    for (const auto& [id, nic] : next.nics) note(nic.vni);
  });
}

Status validate_group_here(const SegmentIntent& segment, bool has_underlay, const Vtep& vtep) {
  const std::string what =
      "segment " + std::to_string(segment.vni.value) + ": group " + segment.group->to_string();
  if (!has_underlay) {
    return precondition(what + ": this host has no underlay (wanted: an [uplink] in the daemon's " +
                        "configuration)");
  }
  if (segment.group->is_v4() == vtep.address.is_v4()) return ok_status();
  return invalid(what + " is not of the family of our own endpoint " + vtep.address.to_string() +
                 " (wanted one that is)");
}

// Groups and peers are numbered together; no address is both.
Status assign_groups(const Intent& next, const Difference& change, Slots& slots) {
  Touched<IpAddress> groups;
  for (const auto& segment : change.segments) {
    if (segment.before && segment.before->second.group) groups.add(*segment.before->second.group);
    if (segment.after && segment.after->second.group) groups.add(*segment.after->second.group);
  }
  return groups.settle(slots.peers, "group", [&](const auto& note) {
    for (const auto& [vni, segment] : next.segments) {
      if (segment.group) note(*segment.group);
    }
  });
}

Status assign_peers(const Intent& next, const Difference& change, const Vtep& vtep, Slots& slots) {
  Touched<IpAddress> hops;
  for (const auto& peer : change.peers) {
    if (!peer.after) slots.peers.retire(peer.key());
    if (!peer.before || !peer.after) hops.add(next_hop_of(peer.key(), vtep));
  }
  for (const auto& peer : change.peers) {
    if (peer.after) RETURN_IF_ERROR(assign(slots.peers, peer.key(), "peer"));
  }
  return hops.settle(slots.neighbours, "next hop", [&](const auto& note) {
    for (const auto& [address, peer] : next.peers) note(next_hop_of(address, vtep));
  });
}

}  // namespace

Status validate_peer_here(const IpAddress& address, bool has_underlay, const Vtep& vtep) {
  const std::string name = "peer '" + address.to_string() + "': ";
  if (!has_underlay) {
    return precondition(name + "this host has no underlay (wanted: an [uplink] in the " +
                        "daemon's configuration)");
  }
  if (address.is_v4() != vtep.address.is_v4()) {
    return invalid(name + "not of the family of our own endpoint " + vtep.address.to_string());
  }
  if (address == vtep.address) return invalid(name + "is our own endpoint");
  if (!vtep.gateway && !vtep.is_on_link(address)) {
    std::string prefixes = vtep.on_link.to_string();
    for (const Cidr& prefix : vtep.also_on_link) prefixes += ", " + prefix.to_string();
    return precondition(name + "not on link " + prefixes +
                        " (wanted: an address inside, or a gateway in the configuration)");
  }
  return ok_status();
}

IpAddress next_hop_of(const IpAddress& peer, const Vtep& vtep) {
  return vtep.is_on_link(peer) || !vtep.gateway ? peer : *vtep.gateway;
}

Status assign_slots(const Intent& next, const Difference& change, bool has_underlay,
                    const Vtep& vtep, Slots& slots) {
  for (const auto& peer : change.peers) {
    if (peer.after) RETURN_IF_ERROR(validate_peer_here(peer.key(), has_underlay, vtep));
  }
  for (const auto& segment : change.segments) {
    if (!segment.after || !segment.after->second.group) continue;
    RETURN_IF_ERROR(validate_group_here(segment.after->second, has_underlay, vtep));
  }
  for (const auto& procedure : change.procedures) {
    if (!procedure.after) slots.procedures.retire(procedure.key());
  }
  for (const auto& procedure : change.procedures) {
    if (procedure.after) RETURN_IF_ERROR(assign(slots.procedures, procedure.key(), "procedure"));
  }
  RETURN_IF_ERROR(assign_nics(change, slots));
  RETURN_IF_ERROR(assign_segments(next, change, slots));
  RETURN_IF_ERROR(assign_groups(next, change, slots));
  return assign_peers(next, change, vtep, slots);
}

void place_nics(const Difference& change, uint16_t lcores,
                SharedMap<std::string, uint16_t>& placement) {
  bool has_new = false;
  for (const ChangedNic& nic : change.nics) {
    if (keeps_port(nic)) continue;
    placement.erase(nic.key());
    has_new = has_new || nic.after;
  }
  if (!has_new) return;
  std::vector<size_t> load(lcores);
  for (const auto& [id, lcore] : placement) ++load[lcore];
  for (const ChangedNic& nic : change.nics) {
    if (!nic.after || keeps_port(nic)) continue;
    const auto quietest = std::min_element(load.begin(), load.end()) - load.begin();
    placement.set(nic.key(), static_cast<uint16_t>(quietest));
    ++load[static_cast<size_t>(quietest)];
  }
}

}  // namespace butterfly
