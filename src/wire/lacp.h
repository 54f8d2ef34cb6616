// SPDX-License-Identifier: Apache-2.0
// What the two ends of an aggregated link tell each other: LACPDUs and markers, as whole frames.
// Source: IEEE 802.1AX-2020 §6.4.2.3, §6.5.3, annex on slow protocols (802.3 §57A).
#pragma once

#include <array>
#include <span>

#include "wire/headers.h"

namespace butterfly::wire {

inline constexpr uint16_t kTypeSlowProtocols = 0x8809;
inline constexpr Mac kSlowProtocols = Mac::from_u64(0x0180c2000002);

// Bits of LacpParty::state.
inline constexpr uint8_t kLacpActive = 0x01;
inline constexpr uint8_t kLacpShortTimeout = 0x02;
inline constexpr uint8_t kLacpAggregation = 0x04;
inline constexpr uint8_t kLacpSynchronization = 0x08;
inline constexpr uint8_t kLacpCollecting = 0x10;
inline constexpr uint8_t kLacpDistributing = 0x20;
inline constexpr uint8_t kLacpDefaulted = 0x40;
inline constexpr uint8_t kLacpExpired = 0x80;

// One end of a link.
struct LacpParty {
  be16 system_priority;
  Mac system;
  be16 key;  // of the links of a system that may be aggregated
  be16 port_priority;
  be16 port;
  uint8_t state;

  // Of the same system and key: links between two such parties are one.
  bool is_same_group(const LacpParty& other) const {
    return system_priority == other.system_priority && system == other.system && key == other.key;
  }
  bool is_same_port(const LacpParty& other) const {
    return is_same_group(other) && port_priority == other.port_priority && port == other.port;
  }
};
static_assert(sizeof(LacpParty) == 15);

struct LacpFrame {
  EthernetHeader ethernet;
  uint8_t subtype;  // 1
  uint8_t version;  // 1
  uint8_t actor_type;
  uint8_t actor_length;
  LacpParty actor;
  std::array<uint8_t, 3> reserved_1;
  uint8_t partner_type;
  uint8_t partner_length;
  LacpParty partner;
  std::array<uint8_t, 3> reserved_2;
  uint8_t collector_type;
  uint8_t collector_length;
  be16 collector_max_delay;  // units of 10 µs
  std::array<uint8_t, 12> reserved_3;
  std::array<uint8_t, 52> terminator;
};
static_assert(sizeof(LacpFrame) == 124);

// Whether a frame is of these protocols. One with the tag of no VLAN is, too: so a port in a VLAN
// hands over what came without a tag.
inline bool is_slow_protocol(std::span<const uint8_t> frame) {
  if (frame.size() < 18) return false;
  const auto type_at = [&](size_t at) { return load_raw<uint16_t>(frame.data() + at); };
  constexpr uint16_t kSlow = __builtin_bswap16(kTypeSlowProtocols);
  if (type_at(12) == kSlow) return true;
  return type_at(12) == __builtin_bswap16(kTypeVlan) && type_at(14) == 0 && type_at(16) == kSlow;
}

// The LACPDU that `frame` is, without a tag; null when it is none or is malformed.
const LacpFrame* read_lacp(std::span<const uint8_t> frame);
std::span<const uint8_t> bytes_of(const LacpFrame& frame);
LacpFrame make_lacp(const Mac& source, const LacpParty& actor, const LacpParty& partner);

// Whether `frame` was a marker: it is the answer afterwards (§6.5.4.2), from `source`.
bool answer_marker(std::span<uint8_t> frame, const Mac& source);

}  // namespace butterfly::wire
