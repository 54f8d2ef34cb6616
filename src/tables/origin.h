// SPDX-License-Identifier: Apache-2.0
// Where a packet came from, as one word: a local port, or a peer that spoke for a segment.
#pragma once

#include "base/ids.h"
#include "tables/segment_table.h"

namespace butterfly {

// Two packets have the same origin exactly if they came from the same port or, through a tunnel,
// from the same peer into the same segment. Slots are reused: who keeps an origin for longer than a
// packet's journey must notice that its port, peer or segment has changed hands.
using Origin = Id<struct OriginTag, uint32_t>;

constexpr Origin origin_of(PortId port) { return Origin{port.value}; }
// REQUIRES: segment < kMaxSegments.
constexpr Origin origin_of(uint16_t segment, PeerId source) {
  return Origin{uint32_t{1} << 31 | static_cast<uint32_t>(segment) << 16 | source.value};
}

// Bit 31 tells tunnels from ports; below it neither number reaches into the other's bits.
static_assert(sizeof(PortId::value) == 2 && sizeof(PeerId::value) == 2);
static_assert(static_cast<uint32_t>(kMaxSegments - 1) << 16 < uint32_t{1} << 31);

}  // namespace butterfly
