// SPDX-License-Identifier: Apache-2.0
// Congestion marks and classes of service across a tunnel: what the outer header has of the inner
// one, and what comes back.
// Sources: RFC 6040 §4 (ECN), 2983 §4 (DiffServ: the pipe model), 3168, 9601 §3 (tunnels with a
// shim between both IP headers).
#pragma once

#include <cstdint>
#include <span>

#include "wire/headers.h"

namespace butterfly::wire {

// The ECN field, in the two low bits of IPv4's TOS and of IPv6's traffic class.
enum class Ecn : uint8_t { not_capable = 0, capable_1 = 1, capable_0 = 2, congested = 3 };
inline constexpr uint8_t kEcnMask = 0x03;
inline constexpr uint8_t kDscpMask = 0xfc;
constexpr Ecn ecn_of(uint8_t traffic_class) { return static_cast<Ecn>(traffic_class & kEcnMask); }

// Whether an outer header that says so can change what leaves the tunnel: the other two never do.
constexpr bool may_mark(Ecn outer) { return (static_cast<uint8_t>(outer) & 1) != 0; }

constexpr uint8_t traffic_class_of(const Ipv4Header& ip) { return ip.tos; }
constexpr uint8_t traffic_class_of(const Ipv6Header& ip) {
  return static_cast<uint8_t>(ip.version_class_flow >> 20);
}
// Of the frame that begins so; 0 when it is not IP, or ends too early.
inline uint8_t traffic_class_of(std::span<const uint8_t> frame) {
  const auto* ethernet = view_at<EthernetHeader>(frame, 0);
  // Either header has it in its first two bytes.
  if (!ethernet || frame.size() < kEthernetHeaderLen + 2) return 0;
  const uint8_t* ip = frame.data() + kEthernetHeaderLen;
  if (ethernet->type == kTypeIpv4) return ip[1];
  if (ethernet->type == kTypeIpv6) return static_cast<uint8_t>(ip[0] << 4 | ip[1] >> 4);
  return 0;
}

// What the outer header has: some bits of the inner one, others as they are settled.
struct TunnelClass {
  uint8_t copied = kEcnMask;  // RFC 6040 §4.1, normal mode; DSCP is the operator's
  uint8_t settled = 0;

  uint8_t of(uint8_t inner) const { return static_cast<uint8_t>((inner & copied) | settled); }
};

// Takes what the underlay has said about congestion over into the frame that leaves a tunnel
// (RFC 6040 §4.2). False, and nothing is changed, when the frame must be dropped: its sender would
// not understand a mark, so loss is the only one. What is not IP has no field to be marked.
// The inner headers must not be shared with other packets.
bool take_outer_ecn(Ecn outer, std::span<uint8_t> frame);

}  // namespace butterfly::wire
