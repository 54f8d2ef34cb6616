// SPDX-License-Identifier: Apache-2.0
// How near two CPUs are. Virtual CPUs move; figures of two of them are only comparable when this
// is.
#pragma once

namespace butterfly::bench {

// The calling thread, or the one that it will start.
void pin_to(int cpu);

// Nanoseconds that a cache line takes from one CPU to the other, the median of many short rounds
// (so that being interrupted now and then does no harm). Leaves the calling thread on CPU `here`.
double nanoseconds_across(int here, int there);

// What figures of two CPUs are made of: runs before and after which it took less.
inline constexpr double kNearNanoseconds = 60;

}  // namespace butterfly::bench
