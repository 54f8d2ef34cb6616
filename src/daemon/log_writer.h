// SPDX-License-Identifier: Apache-2.0
// Writes drops, or connections that start, and events, to the daemon's own log.
#pragma once

#include <atomic>
#include <string>
#include <thread>

#include "host/host.h"

namespace butterfly {

// "drop brick=firewall-to out=denied from=uplink …": key=value, without what is not known. Values
// are names, numbers and addresses: none needs quotes.
std::string log_line(const LogReport& report);

// A thread of its own that watches `host`, which must outlive it.
class LogWriter {
 public:
  LogWriter(Host& host, const LogQuery& query);
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

 private:
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

// "guest-connected nic=web-1 vni=42".
std::string log_line(const News& news);

// A thread of its own that follows what comes to pass at `host`, which must outlive it, so that the
// host's journal has it, with its time, when somebody asks later.
class NewsFollower {
 public:
  explicit NewsFollower(Host& host);
  ~NewsFollower();
  NewsFollower(const NewsFollower&) = delete;
  NewsFollower& operator=(const NewsFollower&) = delete;

  // Whether they are written to the log as well.
  void set_writing(bool on) { is_writing_.store(on, std::memory_order_relaxed); }

 private:
  std::atomic<bool> is_writing_{false};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace butterfly
