// SPDX-License-Identifier: Apache-2.0
// placement_check CPU CPU: nanoseconds that a cache line takes from one CPU to the other, the
// median of many short rounds (so that being interrupted now and then does no harm). Virtual CPUs
// move; figures of two cores are only comparable when this is.
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace {

constexpr int kRounds = 100;
constexpr int kExchanges = 200;  // of a round: there and back

alignas(128) std::atomic<int> line{0};

void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

void wait_for(int value) {
  while (line.load(std::memory_order_acquire) != value) {
  }
}

void answer(int cpu) {
  pin(cpu);
  for (int i = 0; i < kRounds * kExchanges; ++i) {
    wait_for(2 * i + 1);
    line.store(2 * i + 2, std::memory_order_release);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: placement_check CPU CPU\n", stderr);
    return 2;
  }
  pin(std::atoi(argv[1]));
  std::thread other(answer, std::atoi(argv[2]));
  std::vector<double> rounds;
  for (int round = 0, i = 0; round < kRounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    for (int exchange = 0; exchange < kExchanges; ++exchange, ++i) {
      line.store(2 * i + 1, std::memory_order_release);
      wait_for(2 * i + 2);
    }
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    rounds.push_back(took.count() / (2 * kExchanges));
  }
  other.join();
  std::nth_element(rounds.begin(), rounds.begin() + kRounds / 2, rounds.end());
  std::printf("%.1f\n", rounds[kRounds / 2]);
  return 0;
}
