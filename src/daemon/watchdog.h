// SPDX-License-Identifier: Apache-2.0
// The service manager's watchdog (sd_watchdog_enabled(3)): it hears from us only while all that
// must move does.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "host/reports.h"

namespace butterfly {

// Owned and called by the main thread, whose loop is thereby looked at too (0023). An lcore that
// has nothing to do still ends a round each tenth of a second, so one that has ended none between
// two looks stands still: in a brick, in a driver, or because its CPU belongs to somebody else.
class Watchdog {
 public:
  // Takes the lock that changes and reports take: where that is never given back, so is no ping.
  using Reports = std::function<std::vector<LcoreReport>()>;
  // For how long something has not come to an end; zero: it has.
  using Silence = std::function<std::chrono::nanoseconds()>;
  using Ping = std::function<void()>;

  struct Sources {
    Reports lcores;
    Silence api = {};     // since a call of the API was answered; none: it is not asked
    Silence change = {};  // since the change of the intent that is under way began
  };
  // `limit`: after so long without a ping the service manager ends us. Zero: it does not watch.
  Watchdog(std::chrono::microseconds limit, Sources sources, Ping ping);

  bool is_on() const { return limit_.count() != 0; }
  // How long to wait before each look(): a quarter of the limit, and never so short that an idle
  // lcore could be taken for one that stands still.
  std::chrono::microseconds period() const;
  // How long the API, or a change, may take before that is called a hang: the limit, and never so
  // short that a busy machine is taken for a broken one.
  std::chrono::microseconds patience() const;
  // Pings when every lcore has ended a round since the last look, and the API has answered within
  // the patience; the first look always does. A change that takes longer is no reason to be silent:
  // packets flow, and a slow disk is not mended by a restart. Logs each of them once that stands
  // still, and once that it moves again.
  void look();

 private:
  bool do_lcores_move();
  // Logs when `silence` has come to be longer than the patience, and when it has ended.
  bool is_in_time(const Silence& silence, bool& was_told, const char* late, const char* again);

  std::chrono::microseconds limit_;
  Sources sources_;
  Ping ping_;
  std::vector<uint64_t> rounds_;  // at the last look, by index
  std::set<uint16_t> standing_;   // indices that were logged
  bool api_was_told_ = false;
  bool change_was_told_ = false;
};

}  // namespace butterfly
