// SPDX-License-Identifier: Apache-2.0
// How several devices are one uplink.
#pragma once

#include <cstddef>
#include <cstdint>

namespace butterfly {

enum class BondMode : uint8_t {
  active_backup,  // one carries everything, another one while that has no link
  balance,        // all that have a link; the switch is told so by its own configuration
  lacp,           // those on which the switch agrees (IEEE 802.1AX)
};

inline constexpr size_t kMaxBondMembers = 8;

}  // namespace butterfly
