// SPDX-License-Identifier: Apache-2.0
// Writes drops, or connections that start, to the daemon's own log.
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

}  // namespace butterfly
