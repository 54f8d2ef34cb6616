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

// Owned and called by the main thread, whose loop is thereby looked at too. An lcore that has
// nothing to do still ends a round each tenth of a second, so one that has ended none between two
// looks stands still: in a brick, in a driver, or because its CPU belongs to somebody else.
class Watchdog {
 public:
  // Takes the lock that changes and reports take: where that is never given back, so is no ping.
  using Reports = std::function<std::vector<LcoreReport>()>;
  using Ping = std::function<void()>;

  // `limit`: after so long without a ping the service manager ends us. Zero: it does not watch.
  Watchdog(std::chrono::microseconds limit, Reports lcores, Ping ping);

  bool is_on() const { return limit_.count() != 0; }
  // How long to wait before each look(): a quarter of the limit, and never so short that an idle
  // lcore could be taken for one that stands still.
  std::chrono::microseconds period() const;
  // Pings when every lcore has ended a round since the last look; the first look always does. Logs
  // each lcore once that stands still, and once that it moves again.
  void look();

 private:
  std::chrono::microseconds limit_;
  Reports lcores_;
  Ping ping_;
  std::vector<uint64_t> rounds_;  // at the last look, by index
  std::set<uint16_t> standing_;   // indices that were logged
};

}  // namespace butterfly
