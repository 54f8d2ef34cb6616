// SPDX-License-Identifier: Apache-2.0
// Time as the datapath sees it: read once a round by the lcore loop and passed down.
#pragma once

#include <chrono>
#include <cstdint>

namespace butterfly {

// Milliseconds since some start, 32 bits, wrapping after 49 days: compare by age_ms() only.
using TimeMs = uint32_t;

// How long `then` lies back, in milliseconds. REQUIRES: less than 24 days.
constexpr uint32_t age_ms(TimeMs now, TimeMs then) { return now - then; }

// Of the monotonic clock. Takes as long as a packet: not for rounds that move some.
inline uint64_t monotonic_ns() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

// The monotonic clock, for lcore loops and control threads. Tests bring their own time instead.
inline TimeMs monotonic_ms() {
  return static_cast<TimeMs>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                 std::chrono::steady_clock::now().time_since_epoch())
                                 .count());
}

}  // namespace butterfly
