// SPDX-License-Identifier: Apache-2.0
// A packet that is turned into another one in place.
#pragma once

#include <algorithm>
#include <concepts>
#include <span>

#include "graph/packet.h"
#include "graph/packet_pool.h"

namespace butterfly {

// Makes the packet exactly `frame`. False when its buffer is too small, which no pool of ours has.
inline bool become(Packet& packet, std::span<const uint8_t> frame) {
  const auto length = static_cast<uint32_t>(frame.size());
  truncate_packet(packet, std::min(packet.length(), length));
  const auto missing = static_cast<uint16_t>(length - packet.length());
  if (missing != 0 && !rte_pktmbuf_append(&packet, missing)) return false;
  if (packet.bytes().size() < length) return false;
  std::ranges::copy(frame, packet.bytes().begin());
  return true;
}
template <typename Frame>
requires(!std::convertible_to<const Frame&, std::span<const uint8_t>>) bool become(
    Packet& packet, const Frame& frame) {
  return become(packet, std::span(reinterpret_cast<const uint8_t*>(&frame), sizeof frame));
}

// It is the switch's own answer, to the port that the packet came from: nothing is left of what its
// sender had asked its device to do.
inline void send_back(Packet& packet) {
  packet.ol_flags &= RTE_MBUF_F_EXTERNAL;
  packet.out_port = packet.in_port;
}

}  // namespace butterfly
