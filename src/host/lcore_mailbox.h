// SPDX-License-Identifier: Apache-2.0
// Small jobs that the control side has an lcore do between its rounds: what an lcore owns is read
// and written by nobody else (decision records 0006 and 0014).
#pragma once

#include <atomic>

#include "base/clock.h"

namespace butterfly {

class FlowTable;

// Work in slices, each so short that no burst waits for it: a hundred entries looked at, or a few
// dozen written. All memory is the asker's; nothing is allocated, freed or locked in a slice.
class LcoreJob {
 public:
  // On the lcore, between rounds, when no packet is in its graph. True when the job is done: then
  // the lcore does not touch it any more.
  virtual bool do_slice(FlowTable& flows, TimeMs now) noexcept = 0;

 protected:
  ~LcoreJob() = default;
};

// Room for one job. Who asks: one thread at a time. Cost for an lcore without a job: one load a
// round, of a line that nobody writes.
class LcoreMailbox {
 public:
  // Asker. REQUIRES: is_done(). The lcore must be woken after it.
  void post(LcoreJob& job) { job_.store(&job, std::memory_order_seq_cst); }
  // Whether there is no job, or no more.
  bool is_done() const { return job_.load(std::memory_order_acquire) == nullptr; }

  // The lcore.
  bool has_job() const { return job_.load(std::memory_order_seq_cst) != nullptr; }
  // Does a slice of the job; false when there is none.
  bool work(FlowTable& flows, TimeMs now) noexcept {
    LcoreJob* const job = job_.load(std::memory_order_acquire);
    if (!job) [[likely]]
      return false;
    if (job->do_slice(flows, now)) job_.store(nullptr, std::memory_order_release);
    return true;
  }

 private:
  std::atomic<LcoreJob*> job_{nullptr};
};

}  // namespace butterfly
