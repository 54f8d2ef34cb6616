// SPDX-License-Identifier: Apache-2.0
// The journeys that are measured, and how a burst is sent on one.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "bench/stopwatch.h"
#include "bench/traffic.h"
#include "bench/world.h"

namespace butterfly::bench {

// One row of the tables: a direction, a family, and so many connections in random order; none
// means that every packet opens one.
struct Journey {
  Place from = Place::guest;
  wire::Family family = wire::Family::v4;
  uint32_t flows = 1;
  uint32_t rules = 0;  // as of World

  bool opens_flows() const { return flows == 0; }
  // "guest->wire ipv4 100"; the last word is "new" where every packet opens a connection. With many
  // rules their number follows.
  std::string name() const;
};

// A world in which the connections of a journey stand, and the next burst for it.
class Ride {
 public:
  explicit Ride(const Journey& journey);

  // A new burst waits at its entry; nothing of it has run.
  void board();
  // Ends the program when a packet of the burst was lost on the way.
  void alight();
  World& world() { return world_; }

 private:
  void open_flows();
  // One burst of the same step of several connections, from `first` on.
  void send(Place from, Step step, uint32_t first, uint32_t count);
  uint32_t next_flow();

  Journey journey_;
  World world_;
  Traffic traffic_;
  Random random_;
  uint32_t opened_ = 0;
  uint32_t bursts_ = 0;
};

}  // namespace butterfly::bench
