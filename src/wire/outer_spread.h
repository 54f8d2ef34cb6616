// SPDX-License-Identifier: Apache-2.0
// Which of several links a packet of ours for the underlay goes by.
#pragma once

#include <cstdint>
#include <span>

#include "wire/headers.h"

namespace butterfly::wire {

// The same for all packets of a flow: of the outer destination and the UDP source port, which
// stands for the flow inside (RFC 7348 §5). What is neither has its own. REQUIRES: 0 < links <=
// 256.
inline uint32_t outer_spread(std::span<const uint8_t> frame, uint32_t links) {
  constexpr size_t kPort4 = kEthernetHeaderLen + sizeof(Ipv4Header);
  constexpr size_t kPort6 = kEthernetHeaderLen + sizeof(Ipv6Header);
  const uint8_t* bytes = frame.data();
  const auto of = [bytes](size_t port) {
    return load_raw<uint32_t>(bytes + port - 4) ^ uint32_t { load_raw<uint16_t>(bytes + port) }
                                                      << 8;
  };
  uint32_t key = 0;
  if (frame.size() >= kPort4 + 2 && bytes[12] == 0x08 && bytes[13] == 0x00) {
    key = of(kPort4);
  } else if (frame.size() >= kPort6 + 2 && bytes[12] == 0x86 && bytes[13] == 0xdd) {
    key = of(kPort6);
  }
  // Knuth's multiplication spreads towards the high bits.
  return ((key * 0x9e3779b1U) >> 8) * links >> 24;
}

}  // namespace butterfly::wire
