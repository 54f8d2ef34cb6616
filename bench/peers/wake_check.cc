// SPDX-License-Identifier: Apache-2.0
// Prints what this machine takes to wake a thread that sleeps in epoll_wait on another CPU, from
// before the write to its eventfd until it runs: "P50 P90 P99 WRITE", in microseconds, WRITE being
// the median of the write itself. No switch that sleeps can wake up faster.
//
//   wake_check WAKER-CPU SLEEPER-CPU GAP-MICROSECONDS
//
// The waker busily waits for GAP between two wake-ups, as the load generator does between packets.
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kLongest = std::chrono::seconds(2);
constexpr size_t kMostSamples = 10'000;

void pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) {
    std::perror("wake_check: sched_setaffinity");
    std::exit(1);
  }
}

double microseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

double percentile(std::vector<double>& samples, size_t percent) {
  if (samples.empty()) return 0;
  const auto place = samples.begin() + static_cast<ptrdiff_t>((samples.size() - 1) * percent / 100);
  std::nth_element(samples.begin(), place, samples.end());
  return *place;
}

struct Shared {
  int event = eventfd(0, EFD_NONBLOCK);
  std::atomic<Clock::rep> woken{0};  // when the sleeper ran again; 0: it sleeps
  std::atomic<bool> ends{false};
};

void sleep_and_wake(Shared& shared, int cpu) {
  pin_to(cpu);
  const int set = epoll_create1(0);
  epoll_event event{};
  event.events = EPOLLIN;
  epoll_ctl(set, EPOLL_CTL_ADD, shared.event, &event);
  while (!shared.ends.load()) {
    epoll_wait(set, &event, 1, 1000);
    const Clock::rep now = Clock::now().time_since_epoch().count();
    uint64_t count;
    if (::read(shared.event, &count, sizeof count) == sizeof count) shared.woken.store(now);
  }
  close(set);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: wake_check WAKER-CPU SLEEPER-CPU GAP-MICROSECONDS\n", stderr);
    return 2;
  }
  pin_to(std::atoi(argv[1]));
  const auto gap = std::chrono::microseconds(std::atoi(argv[3]));
  Shared shared;
  std::thread sleeper(sleep_and_wake, std::ref(shared), std::atoi(argv[2]));
  std::vector<double> ways;
  std::vector<double> writes;
  const uint64_t one = 1;
  const auto begin = Clock::now();
  auto due = begin + gap;
  for (auto now = begin; now - begin < kLongest && ways.size() < kMostSamples; now = Clock::now()) {
    if (now < due) continue;
    shared.woken.store(0);
    const auto sent = Clock::now();
    if (::write(shared.event, &one, sizeof one) != sizeof one) break;
    writes.push_back(microseconds(Clock::now() - sent));
    Clock::rep woken = 0;
    while ((woken = shared.woken.load()) == 0) {
    }
    ways.push_back(microseconds(Clock::duration(woken) - sent.time_since_epoch()));
    due = sent + gap;
  }
  shared.ends = true;
  if (::write(shared.event, &one, sizeof one) != sizeof one) std::perror("wake_check: write");
  sleeper.join();
  close(shared.event);
  std::printf("%.1f %.1f %.1f %.1f\n", percentile(ways, 50), percentile(ways, 90),
              percentile(ways, 99), percentile(writes, 50));
  return 0;
}
