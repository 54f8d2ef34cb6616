// SPDX-License-Identifier: Apache-2.0
#include "daemon/watchdog.h"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace butterfly {
namespace {

// Of an lcore that sleeps: twice as long as it sleeps at most, and some.
constexpr std::chrono::milliseconds kShortestPeriod{250};
// A call takes a millisecond or two; all CPUs may be somebody else's for a while.
constexpr std::chrono::seconds kShortestPatience{5};

int64_t in_ms(std::chrono::nanoseconds time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

}  // namespace

Watchdog::Watchdog(std::chrono::microseconds limit, Sources sources, Ping ping)
    : limit_(limit), sources_(std::move(sources)), ping_(std::move(ping)) {}

std::chrono::microseconds Watchdog::period() const {
  return std::max<std::chrono::microseconds>(limit_ / 4, kShortestPeriod);
}

std::chrono::microseconds Watchdog::patience() const {
  return std::max<std::chrono::microseconds>(limit_, kShortestPatience);
}

bool Watchdog::do_lcores_move() {
  const std::vector<LcoreReport> lcores = sources_.lcores();
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
          lcore.index, lcore.cpu, in_ms(period()));
    }
  }
  return all_move;
}

bool Watchdog::is_in_time(const Silence& silence, bool& was_told, const char* late,
                          const char* again) {
  if (!silence) return true;
  const bool is_late = silence() >= patience();
  if (is_late && !was_told) spdlog::error("watchdog: {} for {} ms", late, in_ms(patience()));
  if (!is_late && was_told) spdlog::warn("watchdog: {}", again);
  was_told = is_late;
  return !is_late;
}

void Watchdog::look() {
  const bool lcores_move = do_lcores_move();
  const bool api_answers =
      is_in_time(sources_.api, api_was_told_, "no ping until the API answers, as it has not",
                 "the API answers again");
  is_in_time(sources_.change, change_was_told_, "a change of the intent has been under way",
             "that change has ended");
  if (lcores_move && api_answers) ping_();
}

}  // namespace butterfly
