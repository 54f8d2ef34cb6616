// SPDX-License-Identifier: Apache-2.0
// A packet that is turned into another one in place.
#pragma once

#include <algorithm>

#include "graph/packet.h"
#include "graph/packet_pool.h"

namespace butterfly {

// Makes the packet exactly `frame`. False when its buffer is too small, which no pool of ours has.
template <typename Frame>
bool become(Packet& packet, const Frame& frame) {
  truncate_packet(packet, std::min<uint32_t>(packet.length(), sizeof frame));
  const auto missing = static_cast<uint16_t>(sizeof frame - packet.length());
  if (missing != 0 && !rte_pktmbuf_append(&packet, missing)) return false;
  auto* bytes = packet.at<Frame>(0);
  if (!bytes) return false;
  *bytes = frame;
  return true;
}

}  // namespace butterfly
