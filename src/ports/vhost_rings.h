// SPDX-License-Identifier: Apache-2.0
// How librte_vhost numbers the rings of a guest.
#pragma once

#include <cstdint>

#include "ports/vhost_user.h"

namespace butterfly {

// Of each pair the first is the guest's to receive from.
constexpr uint16_t to_guest(uint16_t pair) { return static_cast<uint16_t>(2 * pair); }
constexpr uint16_t from_guest(uint16_t pair) { return static_cast<uint16_t>(2 * pair + 1); }
static_assert(2 * kMaxQueuePairs <= 32, "a bit for each ring");

}  // namespace butterfly
