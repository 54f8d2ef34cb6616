// SPDX-License-Identifier: Apache-2.0
// Asks the daemon's own API as a client would: whether anybody answers.
#pragma once

#include <chrono>
#include <memory>
#include <string>

namespace butterfly {

// One thread.
class ApiProbe {
 public:
  using Clock = std::chrono::steady_clock;

  // `address`: "unix:/PATH".
  explicit ApiProbe(const std::string& address);
  ~ApiProbe();
  ApiProbe(const ApiProbe&) = delete;
  ApiProbe& operator=(const ApiProbe&) = delete;

  // Looks whether the last call was answered, in whatever words, and if so makes another, over a
  // connection of its own. Returns for how long there was no answer; zero: all were answered. Does
  // not wait.
  Clock::duration ask();

 private:
  struct Call;

  const std::string address_;
  std::unique_ptr<Call> call_;
  Clock::time_point silent_since_{};  // the first call without an answer; zero: there is none
};

}  // namespace butterfly
