// SPDX-License-Identifier: Apache-2.0
// The least packet that could have begun a flow, from what the flow remembers: for whoever must
// judge it again when its first packet is long gone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "wire/flow_key.h"

namespace butterfly::wire {

inline constexpr size_t kMaxStartPacket = 60;  // IPv6 and TCP

// IP header without options (TTL or hop limit 64, no fragment) and the transport header, no
// payload: TCP a SYN, ICMP with the id in tuple.source.port, SCTP the common header; of other
// protocols nothing. Sequence numbers, windows, checksums and whatever else is not known are zero.
// Returns the part of `room` that it wrote. REQUIRES: addresses of `family`.
std::span<const uint8_t> write_start_packet(const FiveTuple& tuple, Family family,
                                            uint8_t icmp_type, uint8_t icmp_code,
                                            std::array<uint8_t, kMaxStartPacket>& room);

}  // namespace butterfly::wire
