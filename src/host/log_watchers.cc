// SPDX-License-Identifier: Apache-2.0
#include "host/log_watchers.h"

#include <string>

namespace butterfly {

Status validate(const LogQuery& query) {
  if (!query.drops && !query.starts) return invalid("log: of nothing (wanted drops or starts)");
  if (!query.brick.empty() && !query.drops) {
    return invalid("log: an out, but no drops (wanted both or neither)");
  }
  if (query.sample_every < 1 || query.sample_every > LogQuery::kMaxSample) {
    return invalid("log: one of " + std::to_string(query.sample_every) + " (wanted one of 1.." +
                   std::to_string(LogQuery::kMaxSample) + ")");
  }
  if (query.per_second < 1 || query.per_second > LogQuery::kMaxPerSecond) {
    return invalid("log: " + std::to_string(query.per_second) + " a second (wanted 1.." +
                   std::to_string(LogQuery::kMaxPerSecond) + ")");
  }
  return ok_status();
}

bool LogWatcher::wants(const Event& event, const LogReport& report) const {
  if (event.kind == EventKind::drop ? (outs_[event.node] >> event.out & 1) == 0 : !query_.starts) {
    return false;
  }
  return query_.nic.empty() || report.from == query_.nic || report.to == query_.nic;
}

void LogWatcher::offer(const Event& event, const LogReport& report) {
  const size_t key = event.kind == EventKind::drop ? EventSampler::key_of(event.node, event.out)
                                                   : EventSampler::key_of(event.kind);
  if (waiting_.size() == kMostWaiting) return sampler_.keep_back(key, event.kept_back + 1);
  const auto kept_back = sampler_.admit(key, event.time, event.kept_back + 1);
  if (!kept_back) return;
  waiting_.push_back(report);
  waiting_.back().kept_back = *kept_back;
}

}  // namespace butterfly
