// SPDX-License-Identifier: Apache-2.0
// The tenant segments of a snapshot: who is on them, and where their frames may go.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "base/mac.h"
#include "tables/shared_slots.h"
#include "tables/station_table.h"

namespace butterfly {

inline constexpr uint16_t kMaxSegments = 4096;

// One tenant L2 network on this host. Immutable; shared by snapshots in which nothing of it
// changed.
struct Segment {
  using Place = butterfly::Place;

  Vni vni;
  uint16_t index = 0;         // slot in the SegmentTable
  std::vector<PortId> ports;  // local nics; sorted
  std::vector<PeerId> peers;  // who may speak for it; sorted
  PeerId group = kNoPeer;     // where flooded frames go; none: a copy to each peer
  StationTable known;         // local nics and static entries
  // Of a private segment: the only ones that its guests reach, few; and where what guests send to
  // everybody goes: to the gateways among `known`, or to every peer when one is not among them.
  std::vector<Mac> gateways;
  std::vector<PortId> gateway_ports;  // sorted, as the next
  std::vector<PeerId> gateway_peers;
  // Whose MAC belongs to which address, by address; null: asked of the segment itself.
  using Hosts = std::vector<std::pair<IpAddress, Mac>>;
  std::shared_ptr<const Hosts> hosts;
  bool learns_peers = false;   // who speaks for it becomes its peer
  bool carries_vlans = false;  // some nic of it does
  Generation generation = 0;

  // Null when intent does not say who has the address.
  const Mac* find_host(const IpAddress& address) const {
    if (!hosts) return nullptr;
    const auto at = std::lower_bound(
        hosts->begin(), hosts->end(), address,
        [](const auto& host, const IpAddress& wanted) { return host.first < wanted; });
    return at != hosts->end() && at->first == address ? &at->second : nullptr;
  }
  // Whether the peer may speak for the segment.
  bool admits(PeerId peer) const {
    return std::find(peers.begin(), peers.end(), peer) != peers.end();
  }
  bool is_private() const { return !gateways.empty(); }
  bool is_gateway(const Mac& mac) const {
    return std::find(gateways.begin(), gateways.end(), mac) != gateways.end();
  }
  // Whether the one may send to the other, neither of them being a group.
  bool joins(const Mac& source, const Mac& destination) const {
    return !is_private() || is_gateway(source) || is_gateway(destination);
  }
  // Null when intent does not name the MAC.
  const Place* find(const Mac& mac) const { return known.find(mac); }
};

// By slot and by VNI. Immutable once published; copies share their segments.
class SegmentTable {
 public:
  // REQUIRES: index < kMaxSegments. Null when the slot is free.
  const Segment* at(uint16_t index) const { return segments_.at(index); }
  const Segment* find(Vni vni) const {
    const auto it = by_vni_->find(vni.value);
    return it == by_vni_->end() ? nullptr : at(it->second);
  }
  void set(std::shared_ptr<const Segment> segment) {
    const uint16_t index = segment->index;
    const Segment* const before = at(index);
    if (before && before->vni != segment->vni) clear(index);
    if (find(segment->vni) == nullptr) own_vnis()[segment->vni.value] = index;
    segments_.set(index, std::move(segment));
  }
  void clear(uint16_t index) {
    if (const Segment* segment = at(index)) own_vnis().erase(segment->vni.value);
    segments_.set(index, nullptr);
  }

 private:
  using Vnis = std::unordered_map<uint32_t, uint16_t>;

  // Copies share them until one of the copies gets another.
  Vnis& own_vnis() {
    if (by_vni_.use_count() != 1) by_vni_ = std::make_shared<Vnis>(*by_vni_);
    return *by_vni_;
  }

  SharedSlots<Segment, kMaxSegments> segments_;
  std::shared_ptr<Vnis> by_vni_ = std::make_shared<Vnis>();
};

}  // namespace butterfly
