// SPDX-License-Identifier: Apache-2.0
// Two lcores at work on the same connections, on two CPUs: the forms that decision record 0006
// compares.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "bench/stopwatch.h"
#include "bench/traffic.h"
#include "bench/world.h"

namespace butterfly::bench {

inline constexpr uint16_t kLcores = 2;

// On which lcore the packets of one direction of a flow arrive.
enum class Lane : uint8_t {
  owner,   // on its owner
  chance,  // on either, the same for all packets; the two directions do not agree on it
};

// How two lcores share the work.
struct Form {
  const char* name;
  Lane guest;  // packets that come from the guest
  Lane wire;   // packets that come from the wire
  Flows flows = Flows::handed_over;
  bool reads_across = false;  // each packet reads what the other lcore writes of its flow
};

// What one run took.
struct Crossing {
  double work = 0;     // cycles of all lcores a packet
  double pace = 0;     // cycles of the busier lcore for its share of the packets
  double crossed = 0;  // share of packets that were handed over
};

// A world in which so many connections stand, open, and two lcores that carry their data. Each
// lcore takes a burst from the guest and one from the wire in a round, as it would under full load.
class TwoLcores {
 public:
  TwoLcores(const Form& form, uint32_t flows);

  // As World::count_sent().
  void count_sent(bool apart) { world_.count_sent(apart); }
  // Runs lcores 0 .. `lcores` - 1, lcore i on CPU cpus[i]; those that do not run get no packets.
  // Ends the program when a packet was lost or walked that should not have.
  Crossing run(const std::array<int, kLcores>& cpus, uint16_t lcores = kLcores);

 private:
  static constexpr uint32_t kWarmUp = 200;
  static constexpr uint32_t kRounds = 700;

  // What one lcore's thread writes.
  struct alignas(128) Driver {
    explicit Driver(uint64_t seed) : traffic(wire::Family::v4), random(seed) {}
    Traffic traffic;
    Random random;
    std::vector<uint64_t> cycles;     // of each round
    std::vector<const Flow*> across;  // what the packets of this round read of the other lcore
    uint64_t boarded = 0;
    uint64_t alighted = 0;
    uint64_t read = 0;  // keeps the reading
    alignas(128) std::atomic<uint32_t> round{0};
  };

  uint16_t owner_of(uint32_t flow);
  void open_flows(uint16_t guest_lcore, uint16_t wire_lcore, uint32_t first, uint32_t count);
  void send(Place from, uint16_t lcore, Step step, uint32_t first, uint32_t count);
  size_t settle();
  uint16_t lane(Place from, uint32_t flow) const;
  bool has_lane(Place from, uint16_t lcore) const;
  void board(Place from, uint16_t lcore);
  uint64_t time_round(uint16_t lcore);
  void drive(uint16_t lcore, int cpu, uint16_t lcores);
  uint64_t walked();

  const Form form_;
  const uint32_t flows_;
  World world_;
  std::vector<bool> owners_;  // by flow
  std::array<std::unique_ptr<Driver>, kLcores> drivers_;
  std::array<const Flow*, kLcores> first_flows_{};
  uint64_t overhead_;
};

}  // namespace butterfly::bench
