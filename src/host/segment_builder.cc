// SPDX-License-Identifier: Apache-2.0
#include "host/segment_builder.h"

#include <algorithm>
#include <map>

namespace butterfly {
namespace {

template <typename Id>
void add_sorted(std::vector<Id>& ids, Id id) {
  const auto at = std::ranges::lower_bound(ids, id);
  if (at == ids.end() || *at != id) ids.insert(at, id);
}

// Whether what its segment shows of the nic to others is the same.
bool stays_in_place(const Changed<decltype(Intent::nics)>& nic) {
  return nic.before && nic.after && nic.before->second.vni == nic.after->second.vni &&
         nic.before->second.mac == nic.after->second.mac &&
         nic.before->second.carry_vlans == nic.after->second.carry_vlans &&
         !needs_new_port(nic.before->second, nic.after->second);
}

class Builder {
 public:
  Builder(const CompiledState& before, const Intent& intent, const CompiledState& next)
      : before_(before), intent_(intent), next_(next) {}

  // All that goes, then all that comes: a MAC may move from one place to another.
  void follow(const Difference& change) {
    for (const auto& nic : change.nics) {
      if (nic.before && !stays_in_place(nic)) remove(nic.before->second);
    }
    for (const auto& [old_peer, peer] : change.peers) {
      if (old_peer) remove(old_peer->second, peer ? &peer->second : nullptr);
    }
    for (const auto& entry : change.fdb) {
      Segment* segment = entry.before ? draft(entry.key().first) : nullptr;
      if (segment) segment->known.erase(entry.key().second);
    }
    for (const auto& nic : change.nics) {
      if (nic.after && !stays_in_place(nic)) add(nic.after->second);
    }
    for (const auto& [old_peer, peer] : change.peers) {
      if (peer) add(peer->second, old_peer ? &old_peer->second : nullptr);
    }
    for (const auto& entry : change.fdb) {
      if (entry.after) add(entry.after->second);
    }
    for (const auto& segment : change.segments) draft(segment.key());
    for (const auto& nic : change.nics) {
      if (nic.after && stays_in_place(nic) && suppresses(nic.after->second.vni)) {
        draft(nic.after->second.vni);  // its addresses may have changed
      }
    }
  }

  std::shared_ptr<const SegmentTable> finish() {
    if (drafts_.empty() && gone_.empty()) return before_.snapshot.segments;
    auto table = std::make_shared<SegmentTable>(*before_.snapshot.segments);
    for (const uint16_t index : gone_) table->clear(index);
    for (auto& [vni, segment] : drafts_) {
      find_gateways(*segment);
      find_hosts(*segment);
      segment->learns_peers = particular(vni).learn_peers;
      const auto& group = particular(vni).group;
      segment->group = group ? peer_id(*group) : kNoPeer;
      segment->carries_vlans = std::ranges::any_of(segment->ports, [this](PortId port) {
        return next_.snapshot.nics->find(port)->carries_vlans;
      });
      table->set(std::move(segment));
    }
    return table;
  }

 private:
  // The segment to change, a copy of the one before; null when no nic is on it.
  Segment* draft(Vni vni) {
    const auto slot = next_.slots.segments.find(vni);
    const Segment* const old_segment = before_.snapshot.segments->find(vni);
    if (!slot) {
      if (old_segment) gone_.push_back(old_segment->index);
      return nullptr;
    }
    auto& segment = drafts_[vni];
    if (segment) return segment.get();
    segment = old_segment ? std::make_shared<Segment>(*old_segment) : begin(vni, *slot);
    segment->generation = next_.snapshot.generation;
    return segment.get();
  }

  // A segment that gets its first nic. Until then its peers and static entries did not count.
  std::shared_ptr<Segment> begin(Vni vni, uint16_t slot) const {
    auto segment = std::make_shared<Segment>();
    segment->vni = vni;
    segment->index = slot;
    for (const auto& [address, peer] : intent_.peers) {
      if (peer.vnis.contains(vni)) add_sorted(segment->peers, peer_id(address));
    }
    for (auto entry = intent_.fdb.lower_bound({vni, Mac{}});
         entry != intent_.fdb.end() && entry->first.first == vni; ++entry) {
      segment->known.set(entry->first.second, {kUplinkPort, peer_id(entry->second.peer)});
    }
    return segment;
  }

  // When all else of the segment is known.
  void find_gateways(Segment& segment) const {
    segment.gateways.clear();
    segment.gateway_ports.clear();
    segment.gateway_peers.clear();
    for (const Mac& gateway : particular(segment.vni).gateways) {
      segment.gateways.push_back(gateway);
      const Place* place = segment.known.find(gateway);
      if (!place) {
        segment.gateway_peers = segment.peers;
      } else if (place->port == kUplinkPort) {
        add_sorted(segment.gateway_peers, place->peer);
      } else {
        add_sorted(segment.gateway_ports, place->port);
      }
    }
  }

  const SegmentIntent& particular(Vni vni) const {
    static const SegmentIntent nothing;
    const auto intent = intent_.segments.find(vni);
    return intent == intent_.segments.end() ? nothing : intent->second;
  }
  bool suppresses(Vni vni) const { return particular(vni).suppress; }

  // An address that two have, or that another nic may take, is nobody's for certain.
  void find_hosts(Segment& segment) const {
    segment.hosts.reset();
    if (!suppresses(segment.vni)) return;
    Segment::Hosts all;
    std::vector<std::pair<Cidr, Mac>> shared;
    for (const auto& [id, nic] : intent_.nics) {
      if (nic.vni != segment.vni) continue;
      for (const IpAddress& address : nic.addresses) all.emplace_back(address, nic.mac);
      for (const AllowedIntent& allowed : nic.allowed) shared.emplace_back(allowed.prefix, nic.mac);
    }
    for (auto entry = intent_.fdb.lower_bound({segment.vni, Mac{}});
         entry != intent_.fdb.end() && entry->first.first == segment.vni; ++entry) {
      for (const IpAddress& address : entry->second.addresses) {
        all.emplace_back(address, entry->first.second);
      }
    }
    std::ranges::sort(all);
    Segment::Hosts hosts;
    for (size_t i = 0; i < all.size(); ++i) {
      const auto& [address, mac] = all[i];
      const bool is_double = (i > 0 && all[i - 1].first == address) ||
                             (i + 1 < all.size() && all[i + 1].first == address);
      const bool is_shared = std::ranges::any_of(shared, [&](const auto& other) {
        return other.second != mac && other.first.contains(address);
      });
      if (!is_double && !is_shared) hosts.push_back(all[i]);
    }
    segment.hosts = std::make_shared<const Segment::Hosts>(std::move(hosts));
  }

  void remove(const NicIntent& nic) {
    Segment* segment = draft(nic.vni);
    if (!segment) return;
    std::erase(segment->ports, PortId{*before_.slots.ports.find(nic.id)});
    segment->known.erase(nic.mac);
  }
  void add(const NicIntent& nic) {
    Segment& segment = *draft(nic.vni);
    const PortId port{*next_.slots.ports.find(nic.id)};
    add_sorted(segment.ports, port);
    segment.known.set(nic.mac, {port, kNoPeer});
  }

  // From the segments that it serves no more.
  void remove(const PeerIntent& peer, const PeerIntent* now) {
    const PeerId id{*before_.slots.peers.find(peer.address)};
    for (const Vni vni : peer.vnis) {
      Segment* segment = now && now->vnis.contains(vni) ? nullptr : draft(vni);
      if (segment) std::erase(segment->peers, id);
    }
  }
  void add(const PeerIntent& peer, const PeerIntent* old_peer) {
    for (const Vni vni : peer.vnis) {
      Segment* segment = old_peer && old_peer->vnis.contains(vni) ? nullptr : draft(vni);
      if (segment) add_sorted(segment->peers, peer_id(peer.address));
    }
  }

  void add(const FdbIntent& entry) {
    Segment* segment = draft(entry.vni);
    if (segment) segment->known.set(entry.mac, {kUplinkPort, peer_id(entry.peer)});
  }

  PeerId peer_id(const IpAddress& address) const {
    return PeerId{*next_.slots.peers.find(address)};
  }

  const CompiledState& before_;
  const Intent& intent_;
  const CompiledState& next_;
  std::map<Vni, std::shared_ptr<Segment>> drafts_;
  std::vector<uint16_t> gone_;
};

}  // namespace

std::shared_ptr<const SegmentTable> build_segments(const CompiledState& before,
                                                   const Difference& change, const Intent& intent,
                                                   const CompiledState& next) {
  Builder builder(before, intent, next);
  builder.follow(change);
  return builder.finish();
}

}  // namespace butterfly
