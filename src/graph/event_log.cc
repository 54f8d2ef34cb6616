// SPDX-License-Identifier: Apache-2.0
#include "graph/event_log.h"

namespace butterfly {
namespace {

constexpr int32_t kSecondMs = 1000;

uint32_t add_up(uint32_t a, uint32_t b) {
  uint32_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? UINT32_MAX : sum;
}

}  // namespace

void EventSampler::keep_back(size_t key, uint32_t weight) {
  kinds_[key].kept_back = add_up(kinds_[key].kept_back, weight);
}

std::optional<uint32_t> EventSampler::admit(size_t key, TimeMs now, uint32_t weight) {
  Kind& kind = kinds_[key];
  const uint32_t so_far = add_up(kind.kept_back, weight);
  if ((kind.was_told && so_far < sample_every_) || !take(now)) {
    kind.kept_back = so_far;
    return std::nullopt;
  }
  kind = {0, true};
  return so_far - 1;
}

// Seconds that follow one another, each with a full share. Times of several lcores may come out of
// order by some milliseconds.
bool EventSampler::take(TimeMs now) {
  if (!has_second_ || static_cast<int32_t>(now - second_) >= kSecondMs) {
    has_second_ = true;
    second_ = now;
    told_ = 0;
  }
  if (told_ == per_second_) return false;
  ++told_;
  return true;
}

void EventLog::arm(const EventWants& wants) {
  sample_every_.store(wants.sample_every, std::memory_order_relaxed);
  per_second_.store(wants.per_second, std::memory_order_relaxed);
  starts_.store(wants.starts, std::memory_order_relaxed);
  stations_.store(wants.stations, std::memory_order_relaxed);
  any_port_.store(wants.any_port, std::memory_order_relaxed);
  for (size_t i = 0; i < outs_.size(); ++i) {
    outs_[i].store(wants.outs[i], std::memory_order_relaxed);
  }
  for (size_t i = 0; i < ports_.size(); ++i) {
    ports_[i].store(wants.ports[i], std::memory_order_relaxed);
  }
  if (armed_.load(std::memory_order_relaxed) != 0) return;
  if (++times_armed_ == 0) ++times_armed_;
  armed_.store(times_armed_, std::memory_order_release);
}

bool EventLog::take(Event& event) {
  const uint32_t tail = tail_.load(std::memory_order_relaxed);
  if (tail == head_.load(std::memory_order_acquire)) return false;
  event = events_[tail % kEvents];
  tail_.store(tail + 1, std::memory_order_release);
  return true;
}

void EventLog::follow(uint32_t armed) {
  if (armed != followed_) sampler_.reset();
  followed_ = armed;
  sampler_.set(sample_every_.load(std::memory_order_relaxed),
               per_second_.load(std::memory_order_relaxed));
}

Event* EventLog::begin(size_t key, TimeMs now) {
  const uint32_t head = head_.load(std::memory_order_relaxed);
  if (head - tail_.load(std::memory_order_acquire) == kEvents) {
    sampler_.keep_back(key);
    return nullptr;
  }
  const auto kept_back = sampler_.admit(key, now);
  if (!kept_back) return nullptr;
  Event& event = events_[head % kEvents];
  event.time = now;
  event.kept_back = *kept_back;
  return &event;
}

}  // namespace butterfly
