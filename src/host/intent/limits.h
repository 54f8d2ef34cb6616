// SPDX-License-Identifier: Apache-2.0
// How much a host takes on: the bounds that validate() enforces.
#pragma once

#include <cstddef>

#include "base/ids.h"

namespace butterfly {

// Sixteen port slots stay free: the uplink, and nics that go while their successors come.
inline constexpr size_t kMaxNics = kMaxPorts - 16;
// One below the slots of the segment table (tables/segment_table.h), which this layer cannot see.
inline constexpr size_t kMaxVnis = 4095;
inline constexpr size_t kMaxFdbEntries = 131072;
inline constexpr size_t kMaxGroups = 10'000;
inline constexpr size_t kMaxGroupRules = 10'000;
inline constexpr size_t kMaxGroupMembers = 100'000;
inline constexpr size_t kMaxNicAddresses = 1'024;
inline constexpr size_t kMaxNicGroups = 64;
inline constexpr size_t kMaxGateways = 16;
inline constexpr size_t kMaxUnderlayGroups = 1'024;
inline constexpr size_t kMaxNicAllowed = 64;  // looked at one after the other
// Each is one more question about a first packet.
inline constexpr size_t kMaxPeerGroups = 64;
inline constexpr size_t kMaxProcedures = 127;    // of 255 slots: all may change at once
inline constexpr size_t kMaxGuardRules = 1'000;  // looked at one after the other
inline constexpr size_t kMaxSubnets = 10'000;
inline constexpr size_t kMaxSubnetRoutes = 32;
inline constexpr size_t kMaxSubnetServers = 8;  // of DNS
inline constexpr size_t kMaxSubnetDomains = 8;
inline constexpr size_t kMaxHostnameLength = 63;
inline constexpr size_t kMaxNameLength = 64;
inline constexpr uint16_t kMaxNicQueues = 16;
inline constexpr uint16_t kMinNicMtu = 576;      // RFC 791: what everybody must be able to receive
inline constexpr uint16_t kMaxNicMtu = 9000;     // jumbo frames as they are usual
inline constexpr size_t kMaxTapNameLength = 15;  // IFNAMSIZ - 1
inline constexpr size_t kMaxDescriptionLength = 255;

}  // namespace butterfly
