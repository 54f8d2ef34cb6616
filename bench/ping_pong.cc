// SPDX-License-Identifier: Apache-2.0
#include "bench/ping_pong.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace butterfly::bench {
namespace {

constexpr int kRounds = 100;
constexpr int kExchanges = 200;  // of a round: there and back

void wait_for(const std::atomic<int>& line, int value) {
  while (line.load(std::memory_order_acquire) != value) {
  }
}

void answer(std::atomic<int>& line, int cpu) {
  pin_to(cpu);
  for (int i = 0; i < kRounds * kExchanges; ++i) {
    wait_for(line, 2 * i + 1);
    line.store(2 * i + 2, std::memory_order_release);
  }
}

}  // namespace

void pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

double nanoseconds_across(int here, int there) {
  struct alignas(128) Line {
    std::atomic<int> value{0};
  };
  Line line;
  pin_to(here);
  std::thread other(answer, std::ref(line.value), there);
  std::vector<double> rounds;
  for (int round = 0, i = 0; round < kRounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    for (int exchange = 0; exchange < kExchanges; ++exchange, ++i) {
      line.value.store(2 * i + 1, std::memory_order_release);
      wait_for(line.value, 2 * i + 2);
    }
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    rounds.push_back(took.count() / (2 * kExchanges));
  }
  other.join();
  std::nth_element(rounds.begin(), rounds.begin() + kRounds / 2, rounds.end());
  return rounds[kRounds / 2];
}

}  // namespace butterfly::bench
