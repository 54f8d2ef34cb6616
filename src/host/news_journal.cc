// SPDX-License-Identifier: Apache-2.0
#include "host/news_journal.h"

#include <utility>

namespace butterfly {

void NewsJournal::append(News&& news) {
  news.sequence = ++last_;
  if (news.time.time_since_epoch().count() == 0) {
    news.time =
        std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  }
  if (news_.size() == kMost) news_.pop_front();
  news_.push_back(std::move(news));
}

void NewsJournal::add(News news) {
  const std::lock_guard lock(mutex_);
  append(std::move(news));
}

void NewsJournal::add_damped(News news) {
  const auto now = Clock::now();
  const std::lock_guard lock(mutex_);
  const Subject subject{news.kind, news.vni.value, news.nic, news.mac ? news.mac->to_u64() : 0,
                        news.limit};
  const auto known = damped_.find(subject);
  if (known != damped_.end() && now - known->second.told < kQuiet) {
    known->second.kept_back += 1 + news.count;
    return;
  }
  if (known != damped_.end()) news.count += known->second.kept_back;
  // Someone who makes up subjects without end gets them told without damping.
  if (damped_.size() >= kMostSubjects) damped_.clear();
  damped_[subject] = {now, 0};
  append(std::move(news));
}

void NewsJournal::add_address(News news) {
  const auto now = Clock::now();
  const std::lock_guard lock(mutex_);
  if (now - second_ >= std::chrono::seconds(1)) {
    second_ = now;
    addresses_ = 0;
  }
  if (addresses_ == kAddressesPerSecond) {
    kept_back_ += 1 + news.count;
    return;
  }
  ++addresses_;
  news.count += std::exchange(kept_back_, 0);
  append(std::move(news));
}

std::vector<News> NewsJournal::after(uint64_t sequence) const {
  const std::lock_guard lock(mutex_);
  const uint64_t first = last_ - news_.size() + 1;
  std::vector<News> found;
  const bool is_foreign = sequence > last_;
  if (is_foreign) sequence = first - 1;
  if (is_foreign || sequence + 1 < first) {
    News lost;
    lost.time =
        std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
    lost.sequence = first - 1;
    lost.count = is_foreign ? 0 : first - 1 - sequence;
    found.push_back(std::move(lost));
    sequence = first - 1;
  }
  const auto skipped = static_cast<std::ptrdiff_t>(sequence + 1 - first);
  found.insert(found.end(), news_.begin() + skipped, news_.end());
  return found;
}

uint64_t NewsJournal::last() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

}  // namespace butterfly
