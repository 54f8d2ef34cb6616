// SPDX-License-Identifier: Apache-2.0
// Reads frames back that a switch has delivered: whose segment it is, or what else.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "bench/peers/network.h"

namespace butterfly::peers {

struct Arrival {
  uint32_t flow = 0;
  uint8_t tcp_flags = 0;
};

// The segment that travels in `direction` and has arrived at the other end, or nothing: not ours,
// damaged headers, or not in the tunnel in which it should be.
std::optional<Arrival> read_arrival(std::span<const uint8_t> frame, const Network& network,
                                    Direction direction);

// Turns an ARP request for the peer's tunnel endpoint into the answer, in place. False: it is none.
bool answer_arp(std::span<uint8_t> frame, const Network& network);

}  // namespace butterfly::peers
