// SPDX-License-Identifier: Apache-2.0
// Packets as readable text, layer by layer, for tests and scenarios:
//
//   eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/ipv4(src=10.0.0.1, dst=10.0.0.2)/
//   tcp(sport=40000, dport=80, flags=S, seq=1000)/payload(len=10)
//
// Lengths, types, next headers and checksums are computed unless a field overrides them; fields
// left out have the defaults that packet_build.h lists, which also names all layers and fields.
// ICMP errors and tunnels are written through: icmp(type=3, code=4, mtu=1400)/ipv4(…)/udp(…) and
// udp/vxlan(vni=42)/eth(…)/ipv4(…). Frames are not padded to 60 bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "graph/packet_pool.h"

namespace butterfly::test {

// The bytes of the packet that `text` describes; an error names the layer, field and value.
StatusOr<std::vector<uint8_t>> build_packet(std::string_view text);
// As above, for tests: a fault in the text fails the test loudly (abort with the message).
std::vector<uint8_t> bytes_of(std::string_view text);
// The text of a packet, such that build_packet(describe_packet(x)) == x for all well-formed x;
// fields that have their default or computed value are left out (but addresses, ports and flags,
// which say what a packet is); wrong checksums and lengths are shown; what is not understood is
// raw(hex=…).
std::string describe_packet(std::span<const uint8_t> bytes);

// A Packet of the test pool with these bytes, facts reset.
Packet* make_packet(std::span<const uint8_t> bytes);
Packet* make_packet(std::string_view text);
// The same of the pool of large buffers, in one segment.
Packet* make_large_packet(std::span<const uint8_t> bytes);
// All bytes of a packet, over its segments.
std::vector<uint8_t> contents(const Packet& packet);

}  // namespace butterfly::test
