// SPDX-License-Identifier: Apache-2.0
// Several guests sending at once, each as fast as the switch takes it, and what of it arrives.
#pragma once

#include <chrono>
#include <deque>
#include <string>
#include <vector>

#include "bench/guests/guest.h"

namespace butterfly::guests {

// Pair n of a stream goes from guest from + 2n to guest traffic.to + 2n.
struct Stream {
  uint16_t from = 0;
  uint16_t pairs = 1;
  Traffic traffic;
};

struct RunOptions {
  std::vector<Stream> streams;
  std::vector<uint16_t> deaf;      // guests that do not look into their receive rings
  bool all_receive = false;        // not only those that streams are for
  uint32_t bursts_per_second = 0;  // of each pair, one packet a burst; 0: as fast as it goes
  std::chrono::milliseconds warm{100};
  std::chrono::milliseconds window{50};
  std::chrono::milliseconds length{500};
};

// Of a stream, after it has become warm.
struct StreamResult {
  uint64_t sent = 0;
  uint64_t arrived = 0;
  uint64_t least = 0;  // of its pairs' arrivals
  uint64_t most = 0;
  uint64_t visits = 0;              // of a guest that wants to send
  uint64_t held_up = 0;             // of them: with a ring that was full
  std::vector<double> windows_pps;  // arrivals
};

struct RunResult {
  double seconds = 0;
  std::vector<StreamResult> streams;
};

// REQUIRES: all guests named exist and are connected; no guest sends in two streams.
RunResult run(std::deque<Guest>& guests, const RunOptions& options);

}  // namespace butterfly::guests
