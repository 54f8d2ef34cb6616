// SPDX-License-Identifier: Apache-2.0
// What one visit of a packet to one brick costs, by form of executor (decision record 0004).
//
// Forms take turns of some hundred bursts each, so that whatever disturbs the machine disturbs all
// of them; every burst is made of new random bytes, written just before.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "bench/executors.h"
#include "bench/memory.h"
#include "bench/stopwatch.h"

namespace butterfly::bench {
namespace {

constexpr int kTurns = 40;
constexpr int kBurstsATurn = 400;
constexpr int kWarmUpATurn = 40;

struct Contestant {
  std::unique_ptr<Executor> executor;
  Arrived expected;
  Samples samples;
};

// Writes the bytes that the row will read; returns how many visits they mean and adds to
// `expected` where the packets will end.
uint64_t randomise(std::span<Packet*> burst, unsigned values, Random& random, Arrived& expected) {
  uint64_t visits = 0;
  for (Packet* packet : burst) {
    size_t at = 0;
    size_t out = 0;
    for (size_t i = 0; i < kDecisions; ++i) {
      packet->bytes()[i] = static_cast<uint8_t>(random.below(values));
    }
    for (; at < kDecisions && out == 0; ++at) out = decide_at(at, *packet);
    visits += at;
    ++(out == 0 ? expected.end : out == 1 ? expected.away : expected.aside);
  }
  return visits;
}

void take_turn(Contestant& contestant, std::span<Packet*> packets, unsigned values,
               uint64_t overhead, Random& random) {
  std::array<Packet*, kBurst> burst;
  for (int i = 0; i < kWarmUpATurn + kBurstsATurn; ++i) {
    const uint64_t visits = randomise(packets, values, random, contestant.expected);
    std::memcpy(burst.data(), packets.data(), packets.size_bytes());
    const uint64_t start = begin_stretch();
    contestant.executor->run(burst);
    const uint64_t stop = end_stretch();
    if (i >= kWarmUpATurn) contestant.samples.add(stop - start, overhead, visits);
  }
}

std::vector<Contestant> make_contestants() {
  std::vector<Contestant> contestants(4);
  contestants[0].executor = make_own_executor();
  contestants[1].executor = make_virtual_executor();
  contestants[2].executor = make_rte_graph_executor(/*with_counts=*/true);
  contestants[3].executor = make_rte_graph_executor(/*with_counts=*/false);
  return contestants;
}

void compare(unsigned percent, unsigned values, std::span<Packet*> packets) {
  std::vector<Contestant> contestants = make_contestants();
  const uint64_t overhead = stretch_overhead();
  Random random(0x9e3779b97f4a7c15);
  for (int turn = 0; turn < kTurns; ++turn) {
    for (Contestant& contestant : contestants) {
      take_turn(contestant, packets, values, overhead, random);
    }
  }
  const double own_p10 = contestants[0].samples.percentile(10);
  const double own_p50 = contestants[0].samples.percentile(50);
  for (Contestant& contestant : contestants) {
    if (contestant.executor->arrived() != contestant.expected) {
      std::fprintf(stderr, "%s: packets did not arrive where they should\n",
                   contestant.executor->name());
      std::exit(1);
    }
    Samples& samples = contestant.samples;
    std::printf("executor %3u %-21s %6.2f %6.2f %6.2f %6.2f %6.2f\n", percent,
                contestant.executor->name(), samples.percentile(1), samples.percentile(10),
                samples.percentile(50), samples.percentile(10) / own_p10,
                samples.percentile(50) / own_p50);
  }
}

std::vector<Packet*> make_packets() {
  std::vector<Packet*> packets(kBurst);
  for (Packet*& packet : packets) {
    packet = packet_pool().alloc();
    if (!packet || !rte_pktmbuf_append(packet, 64)) std::abort();  // the pool is ours and fresh
  }
  return packets;
}

}  // namespace

int run_executor_bench() {
  std::vector<Packet*> packets = make_packets();
  std::printf(
      "# executor %% to the first out | form | cycles a visit p1 p10 p50 | ratio p10 p50\n");
  compare(100, kFirstOutBelow, packets);
  compare(95, 256, packets);
  free_packets(packets);
  return 0;
}

}  // namespace butterfly::bench

int main() { return butterfly::bench::run_executor_bench(); }
