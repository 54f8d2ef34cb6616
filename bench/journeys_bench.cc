// SPDX-License-Identifier: Apache-2.0
// What a packet costs on both journeys and in each brick: cycles, or (--instructions, under
// callgrind) instructions. bench/README.md says how to read it; tools/bench prints it as tables.
#include <valgrind/callgrind.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "bench/journeys.h"

namespace butterfly::bench {
namespace {

constexpr uint32_t kWarmUp = 300;
constexpr uint32_t kBursts = 2'000;  // of each kind: the journey as a whole, and brick by brick
constexpr int kRounds = 8;
// A run is quiet when half of its bursts are hardly slower than its fastest ones.
constexpr double kQuiet = 1.1;

std::vector<Journey> journeys() {
  std::vector<Journey> all;
  for (const wire::Family family : {wire::Family::v4, wire::Family::v6}) {
    for (const Place from : {Place::guest, Place::wire}) {
      for (const uint32_t flows : {1u, 100u, 10'000u, 100'000u, 0u}) {
        all.push_back({from, family, flows});
      }
    }
  }
  return all;
}

// What grows with rules and members, and with connections.
std::vector<Journey> scale_journeys() {
  std::vector<Journey> all;
  for (const wire::Family family : {wire::Family::v4, wire::Family::v6}) {
    for (const uint32_t rules : {0u, 10u, 1'000u, 10'000u}) {
      all.push_back({Place::wire, family, 0, rules});
    }
  }
  for (const uint32_t flows : {1'000u, 65'000u, 1'000'000u, 4'000'000u}) {
    all.push_back({Place::wire, wire::Family::v4, flows, 10'000});
  }
  return all;
}

// Cycles a packet of one run of a journey.
struct Result {
  Samples whole;
  std::vector<std::pair<std::string, Samples>> bricks;  // those that had work, in packet order

  double unrest() { return whole.percentile(50) / whole.percentile(1); }
};

// Brick by brick, a time stamp between. The fences keep a brick's work from overlapping with its
// neighbours', so the sum is more than the whole.
void time_bricks(Ride& ride, uint64_t overhead, std::vector<Samples>& samples) {
  World& world = ride.world();
  const auto nodes = world.nodes();
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i]->is_empty()) continue;
    const uint64_t start = begin_stretch();
    nodes[i]->flush(world.lcore());
    samples[i].add(end_stretch() - start, overhead, kBurst);
  }
  const uint64_t start = begin_stretch();
  world.graph().run(world.lcore());
  samples[nodes.size()].add(end_stretch() - start, overhead, kBurst);
}

Result measure(const Journey& journey, uint64_t overhead) {
  Ride ride(journey);
  World& world = ride.world();
  Result result;
  std::vector<Samples> bricks(world.nodes().size() + 1);
  for (uint32_t i = 0; i < kWarmUp + 2 * kBursts; ++i) {
    ride.board();
    if (i >= kWarmUp && i % 2 == 0) {
      time_bricks(ride, overhead, bricks);
    } else {
      const uint64_t start = begin_stretch();
      world.graph().run(world.lcore());
      const uint64_t cycles = end_stretch() - start;
      if (i >= kWarmUp) result.whole.add(cycles, overhead, kBurst);
    }
    ride.alight();
  }
  for (size_t i = 0; i < bricks.size(); ++i) {
    if (bricks[i].is_empty()) continue;
    const bool is_node = i < world.nodes().size();
    result.bricks.emplace_back(is_node ? world.nodes()[i]->name() : "send", std::move(bricks[i]));
  }
  return result;
}

void print(const char* what, const std::string& name, Samples& samples) {
  std::printf("%s %s %.1f %.1f %.1f\n", what, name.c_str(), samples.percentile(1),
              samples.percentile(10), samples.percentile(50));
}

// Journeys take turns; of each the round is kept that was disturbed least.
int measure_cycles() {
  const std::vector<Journey> all = journeys();
  std::vector<Result> best(all.size());
  int quiet_rounds = 0;
  const uint64_t overhead = stretch_overhead();
  std::vector<double> clocks;
  for (int round = 0; round < kRounds; ++round) {
    bool is_quiet = true;
    clocks.push_back(core_clock(overhead));
    for (size_t i = 0; i < all.size(); ++i) {
      Result result = measure(all[i], overhead);
      if (all[i].flows == 1) is_quiet = is_quiet && result.unrest() <= kQuiet;
      if (best[i].whole.is_empty() || result.whole.percentile(50) < best[i].whole.percentile(50)) {
        best[i] = std::move(result);
      }
    }
    quiet_rounds += is_quiet;
  }
  std::printf("# brick|journey from->to family flows [brick] | cycles a packet p1 p10 p50\n");
  for (size_t i = 0; i < all.size(); ++i) {
    for (auto& [brick, samples] : best[i].bricks)
      print("brick", all[i].name() + " " + brick, samples);
    print("journey", all[i].name(), best[i].whole);
  }
  std::sort(clocks.begin(), clocks.end());
  std::printf("clock %.2f\n", clocks[clocks.size() / 2]);
  std::printf("quiet %d of %d rounds\n", quiet_rounds, kRounds);
  return 0;
}

// As measure_cycles(), of the journeys as a whole only.
int measure_scale() {
  constexpr int kScaleRounds = 3;
  const uint64_t overhead = stretch_overhead();
  const std::vector<Journey> all = scale_journeys();
  std::vector<Samples> best(all.size());
  std::vector<double> clocks;
  for (int round = 0; round < kScaleRounds; ++round) {
    clocks.push_back(core_clock(overhead));
    for (size_t i = 0; i < all.size(); ++i) {
      Samples whole = measure(all[i], overhead).whole;
      if (best[i].is_empty() || whole.percentile(50) < best[i].percentile(50)) {
        best[i] = std::move(whole);
      }
    }
  }
  for (size_t i = 0; i < all.size(); ++i) print("scale", all[i].name(), best[i]);
  std::sort(clocks.begin(), clocks.end());
  std::printf("clock %.2f\n", clocks[clocks.size() / 2]);
  return 0;
}

// One profile a stretch, its name in the profile. Only counts when callgrind runs us.
void dump(const std::string& name) { CALLGRIND_DUMP_STATS_AT(name.c_str()); }

void count_bricks(Ride& ride, const std::string& journey) {
  World& world = ride.world();
  for (Node* node : world.nodes()) {
    if (node->is_empty()) continue;
    const std::string name = "brick " + journey + " " + node->name();
    CALLGRIND_ZERO_STATS;
    node->flush(world.lcore());
    dump(name);
  }
  const std::string name = "brick " + journey + " send";
  CALLGRIND_ZERO_STATS;
  world.graph().run(world.lcore());
  dump(name);
}

// A burst is enough: the same bytes take the same instructions.
int count_instructions() {
  constexpr uint32_t kWarmUpCounted = 20;
  for (const Journey& journey : journeys()) {
    if (journey.flows > 100) continue;  // as many instructions as with 100
    Ride ride(journey);
    World& world = ride.world();
    for (uint32_t i = 0; i < kWarmUpCounted; ++i) {
      ride.board();
      world.graph().run(world.lcore());
      ride.alight();
    }
    CALLGRIND_START_INSTRUMENTATION;
    const std::string name = "journey " + journey.name();
    CALLGRIND_ZERO_STATS;
    dump("nothing");
    ride.board();
    CALLGRIND_ZERO_STATS;
    world.graph().run(world.lcore());
    dump(name);
    ride.alight();
    ride.board();
    count_bricks(ride, journey.name());
    CALLGRIND_STOP_INSTRUMENTATION;
    ride.alight();
  }
  return 0;
}

}  // namespace
}  // namespace butterfly::bench

int main(int argc, char** argv) {
  if (argc == 1) return butterfly::bench::measure_cycles();
  if (argc == 2 && std::strcmp(argv[1], "--instructions") == 0) {
    return butterfly::bench::count_instructions();
  }
  if (argc == 2 && std::strcmp(argv[1], "--scale") == 0) return butterfly::bench::measure_scale();
  std::fprintf(stderr,
               "usage: journeys_bench [--scale | --instructions]   (the latter under callgrind)\n");
  return 2;
}
