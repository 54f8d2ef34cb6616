// SPDX-License-Identifier: Apache-2.0
// TCP data that comes in pieces for a guest that takes super-frames: pieces that lie behind one
// another in a round's packets for its port go there as one (decision record 0032).
//
// Cut again into pieces of its size, what is made here gives the packets that it was made of, but
// for the ids of IPv4 packets that may not be fragmented, which mean nothing (RFC 6864 §4.1). So
// only what agrees in every header field is merged: TOS or traffic class with its congestion marks,
// TTL, flow label, acknowledgement, window, options, flags. PSH alone may come with the last.
#pragma once

#include <span>

#include "graph/port.h"

namespace butterfly {

// Data bytes in the pieces of a super-frame, but for the last: below, merging gains little, and
// `offload` would cut no frame into such as are much smaller.
inline constexpr uint16_t kLeastPiece = 256;
// Packets that merge_tcp() looks at together: more than two frames of 64 KiB in pieces of 1,448.
inline constexpr uint16_t kMergeMost = 4 * kBurst;

// Merges what can be of packets to one port, whose guest takes `takes`. Returns how many packets
// are left: these are at the front, in their order, and no packet of a flow has overtaken another
// one of it. Behind them in `packets` is what was merged, each now a part of one of those: only its
// facts may still be read, until that one is sent. A super-frame is left to the guest in DPDK's
// transmit flags, as `offload` leaves it (graph/port.h).
//
// A piece whose checksums do not hold stays alone, as wrong as it came.
// REQUIRES: at most kMergeMost packets, with the facts that `flow` has set.
// Cost: a look at each packet's facts; for each piece that may follow another one its checksum.
uint16_t merge_tcp(std::span<Packet*> packets, const Port::Offloads& takes) noexcept;

// What a packet that merge_tcp() has merged was long, in bytes, before it was.
inline uint32_t length_before_merge(const Packet& piece) {
  return uint32_t{piece.parsed.l4} + piece.parsed.l4_length;
}

}  // namespace butterfly
