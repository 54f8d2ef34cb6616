// SPDX-License-Identifier: Apache-2.0
// An experiment, on raw rings only: what would a frame between two guests of one host cost if it
// were copied once, from the sender's buffers into the receiver's, instead of twice, through a
// buffer of the switch, as librte_vhost does it? bench/README.md ("Tried and not kept") has the
// answer.
//
//   single_copy_bench SWITCH-CPU GUESTS-CPU
//
// Both guests live in a thread of their own: they touch every cache line of what they send and
// receive, so that the switch finds the lines where a guest's CPU has left them. Cycles are those
// that the switch spends on full bursts, by the time-stamp counter; the two ways take turns.
#include <pthread.h>
#include <x86intrin.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "bench/single_copy_guests.h"
#include "bench/single_copy_ways.h"

namespace butterfly::bench {
namespace {

constexpr int kRounds = 25;
constexpr double kSeconds = 0.02;  // of one way in one round, and a quarter of it to warm up

void pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (pthread_setaffinity_np(pthread_self(), sizeof set, &set) != 0) {
    std::fprintf(stderr, "single_copy_bench: CPU %d cannot be had\n", cpu);
    std::exit(1);
  }
}

double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(share * static_cast<double>(values.size() - 1))];
}

// Ticks of the time-stamp counter a second.
double hertz() {
  static const double value = [] {
    const auto start = std::chrono::steady_clock::now();
    const uint64_t ticks = __rdtsc();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    return static_cast<double>(__rdtsc() - ticks) / seconds.count();
  }();
  return value;
}

// Cycles a packet of the full bursts in `seconds`.
template <typename Way>
double cycles_of(Way& way, uint16_t burst, double seconds) {
  const auto length = static_cast<uint64_t>(seconds * hertz());
  const uint64_t begin = __rdtsc();
  const uint64_t warm = begin + length / 4;
  uint64_t cycles = 0;
  uint64_t packets = 0;
  for (uint64_t now = begin; now - begin < length + length / 4;) {
    const uint16_t count = way.pass(burst);
    const uint64_t after = __rdtsc();
    if (count != 0 && now > warm) {
      cycles += after - now;
      packets += count;
    }
    now = after;
  }
  if (packets == 0) {
    std::fputs("single_copy_bench: the guests were never ahead of the switch\n", stderr);
    std::exit(1);
  }
  return static_cast<double>(cycles) / static_cast<double>(packets);
}

void compare(const Shape& shape, int guests_cpu) {
  auto sender = std::make_unique<Sender>(shape);
  auto receiver = std::make_unique<Receiver>(shape);
  std::atomic<bool> ends{false};
  std::thread guests([&] {
    pin_to(guests_cpu);
    while (!ends.load(std::memory_order_relaxed)) {
      sender->step();
      receiver->step();
    }
  });
  std::vector<double> twice;
  std::vector<double> once;
  std::vector<double> ratios;
  TwoCopies two(*sender, *receiver);
  OneCopy one(*sender, *receiver);
  for (int round = 0; round < kRounds; ++round) {
    // Each goes on where the other has left the rings.
    one.resume(two);
    once.push_back(cycles_of(one, shape.burst, kSeconds));
    two.resume(one);
    twice.push_back(cycles_of(two, shape.burst, kSeconds));
    ratios.push_back(once.back() / twice.back());
  }
  ends = true;
  guests.join();
  if (receiver->wrong() != 0 || receiver->received() == 0) {
    std::fprintf(stderr, "single_copy_bench: %lu of %lu frames were not what was sent\n",
                 receiver->wrong(), receiver->received());
    std::exit(1);
  }
  std::printf("%10u  %10.0f  %10.0f  %8.2f  %5.2f to %.2f\n", shape.length, quantile(twice, 0.5),
              quantile(once, 0.5), quantile(ratios, 0.5), quantile(ratios, 0.25),
              quantile(ratios, 0.75));
}

}  // namespace
}  // namespace butterfly::bench

int main(int argc, char** argv) {
  using namespace butterfly::bench;
  if (argc != 3) {
    std::fputs("usage: single_copy_bench SWITCH-CPU GUESTS-CPU\n", stderr);
    return 2;
  }
  pin_to(std::atoi(argv[1]));
  std::puts("cycles a packet, medians of interleaved runs");
  std::puts("frame, B    two copies    one copy     ratio  quartiles");
  // Linux sends a super-frame in pages and lets receive buffers grow to one.
  for (const Shape& shape :
       {Shape{64, 2048, 2048, 32}, Shape{1450, 2048, 2048, 32}, Shape{64 * 1024, 4096, 4096, 8}}) {
    compare(shape, std::atoi(argv[2]));
  }
  return 0;
}
