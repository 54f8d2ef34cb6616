// SPDX-License-Identifier: Apache-2.0
// The tenant segments of a snapshot: who is on them, and where their frames may go.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/mac.h"
#include "tables/station_table.h"

namespace butterfly {

inline constexpr uint16_t kMaxSegments = 4096;

// One tenant L2 network on this host. Immutable; shared by snapshots in which nothing of it
// changed.
struct Segment {
  using Place = butterfly::Place;

  Vni vni;
  uint16_t index = 0;         // slot in the SegmentTable
  std::vector<PortId> ports;  // local nics
  std::vector<PeerId> peers;  // head-end replication: one copy each
  StationTable known;         // local nics and static entries
  Generation generation = 0;

  // Whether the peer may speak for the segment.
  bool admits(PeerId peer) const {
    return std::find(peers.begin(), peers.end(), peer) != peers.end();
  }
  // Null when intent does not name the MAC.
  const Place* find(const Mac& mac) const { return known.find(mac); }
};

// By slot and by VNI. Immutable.
class SegmentTable {
 public:
  SegmentTable() : segments_(kMaxSegments) {}

  // REQUIRES: index < kMaxSegments. Null when the slot is free.
  const Segment* at(uint16_t index) const { return segments_[index].get(); }
  const Segment* find(Vni vni) const {
    const auto it = by_vni_.find(vni.value);
    return it == by_vni_.end() ? nullptr : at(it->second);
  }
  void set(std::shared_ptr<const Segment> segment) {
    by_vni_[segment->vni.value] = segment->index;
    segments_[segment->index] = std::move(segment);
  }
  void clear(uint16_t index) {
    if (segments_[index]) by_vni_.erase(segments_[index]->vni.value);
    segments_[index] = nullptr;
  }

 private:
  std::vector<std::shared_ptr<const Segment>> segments_;
  std::unordered_map<uint32_t, uint16_t> by_vni_;
};

}  // namespace butterfly
