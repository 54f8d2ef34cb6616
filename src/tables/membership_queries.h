// SPDX-License-Identifier: Apache-2.0
// That a multicast router of the underlay has asked who is in which group: what the lcores that
// receive tell the one that answers.
//
// Value:    the newest question. One more that comes before it is taken takes its place: either is
//           answered by the whole list.
// Writers:  any lcore. Reader: the lcore that answers.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "wire/membership.h"

namespace butterfly {

class MembershipQueries {
 public:
  void note(const wire::MembershipQuery& query) noexcept {
    word_.store(uint64_t{query.version} << 32 | query.max_response_ms, std::memory_order_relaxed);
  }
  // What has come since the last call.
  std::optional<wire::MembershipQuery> take() noexcept {
    if (word_.load(std::memory_order_relaxed) == 0) return std::nullopt;
    const uint64_t word = word_.exchange(0, std::memory_order_relaxed);
    if (word == 0) return std::nullopt;
    return wire::MembershipQuery{static_cast<uint8_t>(word >> 32), static_cast<uint32_t>(word)};
  }

 private:
  std::atomic<uint64_t> word_{0};  // 0: none
};

}  // namespace butterfly
