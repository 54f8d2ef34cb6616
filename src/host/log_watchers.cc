// SPDX-License-Identifier: Apache-2.0
#include "host/log_watchers.h"

namespace butterfly {

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
