// SPDX-License-Identifier: Apache-2.0
// Waiting for what another thread, or the kernel, is to bring about.
#pragma once

#include <chrono>
#include <thread>

namespace butterfly::test {

// Until `condition` holds; false when it does not within 20 s.
template <typename Condition>
bool await(const Condition& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return true;
}

}  // namespace butterfly::test
