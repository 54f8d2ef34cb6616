// SPDX-License-Identifier: Apache-2.0
#include "bench/guests/run.h"

#include <algorithm>

namespace butterfly::guests {
namespace {

using Clock = std::chrono::steady_clock;

// For what is on its way when the sending ends.
constexpr std::chrono::seconds kDrain{2};

class Run {
 public:
  Run(std::deque<Guest>& guests, const RunOptions& options)
      : guests_(guests), options_(options), arrived_(guests.size()), result_() {
    result_.streams.resize(options.streams.size());
    std::vector<bool> receives(guests.size(), options.all_receive);
    for (const Stream& stream : options.streams) {
      for (uint16_t pair = 0; pair < stream.pairs; ++pair) {
        Traffic traffic = stream.traffic;
        traffic.to = static_cast<uint16_t>(traffic.to + 2 * pair);
        guests[stream.from + 2u * pair].prepare(traffic);
        receives[traffic.to] = true;
      }
    }
    for (const uint16_t guest : options.deaf) receives[guest] = false;
    for (size_t guest = 0; guest < guests.size(); ++guest) {
      if (receives[guest]) receivers_.push_back(static_cast<uint16_t>(guest));
    }
  }

  RunResult go() {
    work_until(Clock::now() + options_.warm);
    result_ = {};
    result_.streams.resize(options_.streams.size());
    const std::vector<uint64_t> before = arrived_;
    const auto start = Clock::now();
    for (auto end = start + options_.window; end <= start + options_.length;
         end += options_.window) {
      measure_window(end);
    }
    const std::chrono::duration<double> took = Clock::now() - start;
    result_.seconds = took.count();
    sum_up(before);
    drain();
    return result_;
  }

 private:
  // One packet of each pair, when it is time for it.
  bool is_early() {
    if (options_.bursts_per_second == 0) return false;
    const auto now = Clock::now();
    if (now < next_burst_) return true;
    next_burst_ += std::chrono::nanoseconds(1'000'000'000 / options_.bursts_per_second);
    next_burst_ = std::max(next_burst_, now);  // what was missed is not made up for
    return false;
  }

  void round() {
    if (is_early()) return receive();
    const uint16_t most = options_.bursts_per_second == 0 ? Guest::kBurst : 1;
    for (size_t i = 0; i < options_.streams.size(); ++i) {
      const Stream& stream = options_.streams[i];
      StreamResult& result = result_.streams[i];
      for (uint16_t pair = 0; pair < stream.pairs; ++pair) {
        const uint16_t sent = guests_[stream.from + 2u * pair].send(most);
        result.sent += sent;
        ++result.visits;
        if (sent < most) ++result.held_up;
      }
    }
    receive();
  }

  void receive() {
    for (const uint16_t guest : receivers_) guests_[guest].receive(arrived_);
  }

  void work_until(Clock::time_point end) {
    while (Clock::now() < end) round();
  }

  void measure_window(Clock::time_point end) {
    const std::vector<uint64_t> before = arrived_;
    const auto start = Clock::now();
    work_until(end);
    const std::chrono::duration<double> took = Clock::now() - start;
    for (size_t i = 0; i < options_.streams.size(); ++i) {
      uint64_t arrived = 0;
      for_pairs(options_.streams[i],
                [&](uint16_t sender) { arrived += arrived_[sender] - before[sender]; });
      result_.streams[i].windows_pps.push_back(static_cast<double>(arrived) / took.count());
    }
  }

  template <typename Action>
  static void for_pairs(const Stream& stream, const Action& action) {
    for (uint16_t pair = 0; pair < stream.pairs; ++pair) {
      action(static_cast<uint16_t>(stream.from + 2 * pair));
    }
  }

  void sum_up(const std::vector<uint64_t>& before) {
    for (size_t i = 0; i < options_.streams.size(); ++i) {
      StreamResult& result = result_.streams[i];
      result.least = UINT64_MAX;
      for_pairs(options_.streams[i], [&](uint16_t sender) {
        const uint64_t arrived = arrived_[sender] - before[sender];
        result.arrived += arrived;
        result.least = std::min(result.least, arrived);
        result.most = std::max(result.most, arrived);
      });
    }
  }

  void drain() {
    const auto deadline = Clock::now() + kDrain;
    for (const Stream& stream : options_.streams) {
      for_pairs(stream, [&](uint16_t sender) {
        while (!guests_[sender].is_drained() && Clock::now() < deadline) receive();
      });
    }
  }

  std::deque<Guest>& guests_;
  const RunOptions& options_;
  std::vector<uint64_t> arrived_;  // anywhere, by the guest that has sent it
  std::vector<uint16_t> receivers_;
  Clock::time_point next_burst_;
  RunResult result_;
};

}  // namespace

RunResult run(std::deque<Guest>& guests, const RunOptions& options) {
  return Run(guests, options).go();
}

}  // namespace butterfly::guests
