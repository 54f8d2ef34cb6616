// SPDX-License-Identifier: Apache-2.0
#include "ports/vhost_dialler.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>

namespace butterfly {
namespace {

constexpr auto kBetweenLooks = std::chrono::milliseconds(200);

}  // namespace

VhostDialler& VhostDialler::instance() {
  static VhostDialler dialler;
  return dialler;
}

VhostDialler::~VhostDialler() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  news_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool VhostDialler::add(VhostLine& line) {
  const std::lock_guard lock(mutex_);
  lines_.push_back(&line);
  line.is_dialled_ = line.dial();
  const bool is_dialled = line.is_dialled_;  // the thread may have something to say about it
  if (!thread_.joinable()) {
    thread_ = std::thread([this] { run(); });
    pthread_setname_np(thread_.native_handle(), "vhost-dialler");
  }
  return is_dialled;
}

void VhostDialler::remove(VhostLine& line) {
  const std::lock_guard lock(mutex_);
  const auto it = std::find(lines_.begin(), lines_.end(), &line);
  if (it == lines_.end()) return;
  lines_.erase(it);
  if (line.is_dialled_) line.hang_up();
  line.is_dialled_ = false;
}

void VhostDialler::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    for (VhostLine* line : lines_) serve(*line);
    news_.wait_for(lock, kBetweenLooks, [this] { return stopping_; });
  }
}

void VhostDialler::serve(VhostLine& line) {
  if (line.is_dialled_ && line.is_lost_.load(std::memory_order_acquire)) {
    line.hang_up();
    line.is_dialled_ = false;
  }
  if (line.is_dialled_ || !line.may_answer()) return;
  line.is_lost_.store(false, std::memory_order_relaxed);
  line.is_dialled_ = line.dial();
}

}  // namespace butterfly
