// SPDX-License-Identifier: Apache-2.0
// Who is who in the traffic of the comparison: one guest of the switch under test, sixteen guests
// behind a peer's tunnel endpoint, and what flow number i between them is. Computed, so that a
// million flows cost the generator no memory. tools/bench-peers sets switches up with the same
// addresses (bench/peers/network.py).
#pragma once

#include <cstdint>

#include "base/ip.h"
#include "base/mac.h"
#include "wire/parsed.h"

namespace butterfly::peers {

enum class Direction : uint8_t { from_guest, from_wire };
inline constexpr Direction opposite(Direction direction) {
  return direction == Direction::from_guest ? Direction::from_wire : Direction::from_guest;
}

inline constexpr uint32_t kFarGuests = 16;
inline constexpr uint32_t kGuestPorts = 50'000;
inline constexpr uint16_t kFirstGuestPort = 10'000;
inline constexpr uint16_t kFirstFarPort = 443;

// The guest is the client of every flow.
struct FlowFields {
  uint16_t far;  // which far guest, below kFarGuests
  uint16_t guest_port;
  uint16_t far_port;
};

constexpr FlowFields fields_of(uint32_t flow) {
  const uint32_t group = flow / kFarGuests;
  return {static_cast<uint16_t>(flow % kFarGuests),
          static_cast<uint16_t>(kFirstGuestPort + group % kGuestPorts),
          static_cast<uint16_t>(kFirstFarPort + group / kGuestPorts)};
}

// REQUIRES: ports not below the first ones.
constexpr uint32_t flow_of(const FlowFields& fields) {
  const uint32_t group = static_cast<uint32_t>(fields.far_port - kFirstFarPort) * kGuestPorts +
                         static_cast<uint32_t>(fields.guest_port - kFirstGuestPort);
  return group * kFarGuests + fields.far;
}
static_assert(flow_of(fields_of(3'456'789)) == 3'456'789);

struct Network {
  Mac guest = Mac::from_u64(0x525400000001);
  Mac first_far = Mac::from_u64(0x525400010000);  // far guest n has n in the last byte
  // Where a switch that routes wants frames to be sent; zero: to the other guest's own MAC.
  Mac guest_next_hop;
  Mac far_next_hop;

  // The underlay; used when the wire carries VXLAN.
  bool is_tunnelled = false;
  Mac vtep_mac;  // of the switch under test: said once it is known
  Mac peer_mac = Mac::from_u64(0x525400020002);
  Ipv4 vtep = Ipv4::from_u32(0xc0000201);  // 192.0.2.1
  Ipv4 peer = Ipv4::from_u32(0xc0000202);
  uint32_t vni = 42;
};

// The guest is 10.0.0.1 or fd00::1, far guest n 10.0.1.(n + 1) or fd00:1::(n + 1).
inline constexpr uint8_t kFirstFarHost = 1;
constexpr IpAddress guest_address(wire::Family family) {
  if (family == wire::Family::v4) return Ipv4::from_u32(0x0a000001);
  return Ipv6{{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
}
constexpr IpAddress far_address(wire::Family family, uint16_t far) {
  const auto host = static_cast<uint8_t>(kFirstFarHost + far);
  if (family == wire::Family::v4) return Ipv4::from_u32(0x0a000100u + host);
  return Ipv6{{0xfd, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host}};
}

// First sequence numbers of both sides, of every flow.
inline constexpr uint32_t kGuestFirstSequence = 1'000;
inline constexpr uint32_t kFarFirstSequence = 5'000;
constexpr uint32_t first_sequence(Direction direction) {
  return direction == Direction::from_guest ? kGuestFirstSequence : kFarFirstSequence;
}

}  // namespace butterfly::peers
