// SPDX-License-Identifier: Apache-2.0
// What has come to pass at the host, in order, for those who read it at their own pace.
//
// Capacity: kMost; the oldest make way. Who comes late is told how many it has missed.
// Writers and readers: any control thread.
// Memory:   some hundred bytes each.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <tuple>
#include <vector>

#include "host/reports.h"

namespace butterfly {

class NewsJournal {
 public:
  static constexpr size_t kMost = 4096;
  // The same about the same is told once in this time, then with the number of those in between.
  static constexpr std::chrono::seconds kQuiet{10};

  // Gives it its sequence number; its time, unless it has one.
  void add(News news);
  // The same, of what may come again and again: limits and held addresses. `count` more of them are
  // counted.
  void add_damped(News news);
  // The same, of addresses, of which there may be any number: so many a second are told.
  void add_address(News news);
  static constexpr uint32_t kAddressesPerSecond = 100;

  // What came after the one of that sequence number, oldest first. When some of it is gone, `lost`
  // comes first. A number that was never given is of another journal: then everything, after a
  // `lost` whose count is 0.
  std::vector<News> after(uint64_t sequence) const;
  uint64_t last() const;

 private:
  using Clock = std::chrono::steady_clock;
  // What it is about.
  using Subject = std::tuple<NewsKind, uint32_t, std::string, uint64_t, std::string>;
  struct Damped {
    Clock::time_point told;
    uint64_t kept_back = 0;
  };
  static constexpr size_t kMostSubjects = 4096;

  void append(News&& news);

  mutable std::mutex mutex_;
  std::deque<News> news_;  // GUARDED_BY(mutex_), as what follows
  uint64_t last_ = 0;
  std::map<Subject, Damped> damped_;
  Clock::time_point second_;  // when the present one began
  uint32_t addresses_ = 0;    // told in it
  uint64_t kept_back_ = 0;    // of addresses
};

}  // namespace butterfly
