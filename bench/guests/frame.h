// SPDX-License-Identifier: Apache-2.0
// Who is who among the synthetic guests, and the datagrams that they send one another. The tools
// set switches up with the same addresses (bench/guests/addresses.py).
#pragma once

#include <cstdint>

#include "bench/guests/guest.h"

namespace butterfly::guests {

// Guest n has the MAC 52:54:00:10:n (two bytes) and the address 10.16.n.
inline constexpr uint32_t kMacPrefix = 0x52540010;
inline constexpr uint32_t kAddressPrefix = 0x0a100000;
// Offsets in a frame.
inline constexpr uint16_t kDestinationMac = 0;
inline constexpr uint16_t kSourceMac = 6;

// Headers of UDP over IPv4, the payload zero. REQUIRES: room for traffic.length bytes, at least 42.
void write_frame(uint8_t* frame, uint16_t from, const Traffic& traffic);
// Flow number n of two guests: the source port, then the destination port, from kFirstPort on.
inline constexpr uint16_t kFirstPort = 1024;
void set_ports(uint8_t* frame, uint32_t flow);
// A unicast MAC that no guest has.
void set_stranger(uint8_t* mac, uint32_t number);
// The guest that has sent the frame; one that is none when it is no guest's.
inline constexpr uint16_t kNobody = 0xffff;
uint16_t sender_of(const uint8_t* frame);

}  // namespace butterfly::guests
