// SPDX-License-Identifier: Apache-2.0
// The VLAN tag of a frame (802.1Q-2018 §9.6), put in and taken out by moving the addresses.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include "base/byte_order.h"

namespace butterfly::wire {

inline constexpr uint16_t kVlanTagLength = 4;
inline constexpr uint16_t kVlanIdMask = 0x0fff;

// The frame begins kVlanTagLength bytes into `bytes`; afterwards at their start, tagged.
// REQUIRES: bytes.size() >= 16.
inline void put_vlan_tag(std::span<uint8_t> bytes, uint16_t vlan) {
  std::memmove(bytes.data(), bytes.data() + kVlanTagLength, 12);
  const uint8_t tag[] = {0x81, 0x00, static_cast<uint8_t>(vlan >> 8), static_cast<uint8_t>(vlan)};
  std::memcpy(bytes.data() + 12, tag, sizeof tag);
}

inline bool has_vlan_tag(std::span<const uint8_t> bytes) {
  return bytes.size() >= 18 && bytes[12] == 0x81 && bytes[13] == 0x00;
}

// Whether the frame has the tag of that VLAN, of any priority: then it begins, without the tag,
// kVlanTagLength bytes into `bytes` afterwards.
inline bool take_vlan_tag(std::span<uint8_t> bytes, uint16_t vlan) {
  if (!has_vlan_tag(bytes)) return false;
  if ((((bytes[14] << 8) | bytes[15]) & kVlanIdMask) != vlan) return false;
  std::memmove(bytes.data() + kVlanTagLength, bytes.data(), 12);
  return true;
}

}  // namespace butterfly::wire
