// SPDX-License-Identifier: Apache-2.0
// Who watches the lcores' event logs: what they want, all together, and what came for each.
#pragma once

#include <deque>
#include <list>
#include <optional>

#include "base/status.h"
#include "graph/event_log.h"
#include "host/reports.h"

namespace butterfly {

// invalid_argument: of nothing, or a number out of bounds.
Status validate(const LogQuery& query);

// One who watches. What it does not take in time is kept back, and counted.
class LogWatcher {
 public:
  static constexpr size_t kMostWaiting = 4096;

  // `outs`: of each node a bit for each out whose drops it wants.
  LogWatcher(const LogQuery& query, const std::array<uint32_t, kMaxNodes>& outs)
      : query_(query), outs_(outs) {
    sampler_.set(query.sample_every, query.per_second);
  }

  bool wants(const Event& event, const LogReport& report) const;
  // A report of an event that it wants.
  void offer(const Event& event, const LogReport& report);
  // What has come since the last call, oldest first.
  std::deque<LogReport> take() { return std::exchange(waiting_, {}); }

  const LogQuery& query() const { return query_; }
  const std::array<uint32_t, kMaxNodes>& outs() const { return outs_; }

 private:
  LogQuery query_;
  std::array<uint32_t, kMaxNodes> outs_;
  EventSampler sampler_;
  std::deque<LogReport> waiting_;
};

// What all of them want; nothing when nobody watches. `port_of(nic)`: where a nic is now, kNoPort
// when it is not there.
template <typename PortOf>
std::optional<EventWants> wants_of(const std::list<LogWatcher*>& watchers, const PortOf& port_of) {
  if (watchers.empty()) return std::nullopt;
  EventWants wants;
  wants.sample_every = UINT32_MAX;
  for (const LogWatcher* watcher : watchers) {
    const LogQuery& query = watcher->query();
    wants.sample_every = std::min(wants.sample_every, query.sample_every);
    wants.per_second = std::max(wants.per_second, query.per_second);
    wants.starts = wants.starts || query.starts;
    for (size_t i = 0; i < kMaxNodes; ++i) wants.outs[i] |= watcher->outs()[i];
    if (query.nic.empty()) {
      wants.any_port = true;
    } else if (const PortId port = port_of(query.nic); port != kNoPort) {
      wants.add_port(port);
    }
  }
  return wants;
}

}  // namespace butterfly
