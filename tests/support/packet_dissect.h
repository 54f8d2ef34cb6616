// SPDX-License-Identifier: Apache-2.0
// Bytes to layers. Every field is spelled out; describe_packet() leaves out what is usual.
#pragma once

#include <span>
#include <vector>

#include "support/packet_fields.h"

namespace butterfly::test {

using ByteSpan = std::span<const uint8_t>;

// All layers of an Ethernet frame, such that build_layers(dissect(x)) == x.
std::vector<Layer> dissect(ByteSpan frame);

// Beyond this line: steps of dissect(). Each appends layers for `bytes` and what lies inside.
void dissect_ethernet(ByteSpan bytes, std::vector<Layer>& layers);
void dissect_ipv4(ByteSpan bytes, std::vector<Layer>& layers);
void dissect_ipv6(ByteSpan bytes, std::vector<Layer>& layers);
void dissect_transport(uint8_t protocol, bool v6, ByteSpan bytes, std::vector<Layer>& layers);
void dissect_content(ByteSpan bytes, std::vector<Layer>& layers);

// 0x… with at least `digits` digits.
std::string hex_number(uint64_t value, int digits);

}  // namespace butterfly::test
