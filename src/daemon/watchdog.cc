// SPDX-License-Identifier: Apache-2.0
#include "daemon/watchdog.h"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace butterfly {
namespace {

// Of an lcore that sleeps: twice as long as it sleeps at most, and some.
constexpr std::chrono::milliseconds kShortestPeriod{250};

}  // namespace

Watchdog::Watchdog(std::chrono::microseconds limit, Reports lcores, Ping ping)
    : limit_(limit), lcores_(std::move(lcores)), ping_(std::move(ping)) {}

std::chrono::microseconds Watchdog::period() const {
  return std::max<std::chrono::microseconds>(limit_ / 4, kShortestPeriod);
}

void Watchdog::look() {
  const std::vector<LcoreReport> lcores = lcores_();
  const bool is_first = rounds_.size() != lcores.size();
  if (is_first) rounds_.assign(lcores.size(), 0);
  bool all_move = true;
  for (size_t i = 0; i < lcores.size(); ++i) {
    const LcoreReport& lcore = lcores[i];
    const bool moves = is_first || lcore.rounds != rounds_[i];
    rounds_[i] = lcore.rounds;
    all_move = all_move && moves;
    if (moves && standing_.erase(lcore.index) != 0) {
      spdlog::warn("watchdog: lcore {} (CPU {}) moves again", lcore.index, lcore.cpu);
    }
    if (!moves && standing_.insert(lcore.index).second) {
      spdlog::error(
          "watchdog: lcore {} (CPU {}) has ended no round for {} ms: no ping until it does",
          lcore.index, lcore.cpu,
          std::chrono::duration_cast<std::chrono::milliseconds>(period()).count());
    }
  }
  if (all_move) ping_();
}

}  // namespace butterfly
