// SPDX-License-Identifier: Apache-2.0
// Which nic is to be polled by another lcore, when one has too much to do and another has time.
// Pure: knows neither ports nor threads (decision record 0029).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"

namespace butterfly {

// What an lcore did since the last look. Shares are of the time between the two, 0 to 1.
struct LcoreLoad {
  struct Nic {
    std::string id;
    double share = 0;  // that polling it took, about
  };

  double busy = 0;          // rounds that moved packets
  std::vector<Nic> nics{};  // that could be moved
};

struct NicMove {
  std::string nic;
  uint16_t from = 0;
  uint16_t to = 0;
  // Of the two lcores, when it was decided.
  double busy_from = 0;
  double busy_to = 0;
};

// A look a second. A move costs the nic some rounds, and flows' entries another cache's way to
// them, so it is made only when it is worth it: an lcore has been nearly full for kLooks looks in a
// row while another had time; the move makes the fuller of the two emptier by kGain; and after it
// there is a pause, longer for the nic that was moved.
class Balance {
 public:
  static constexpr double kFull = 0.75;
  static constexpr double kGap = 0.30;
  static constexpr double kGain = 0.10;
  static constexpr uint32_t kLooks = 3;
  static constexpr uint32_t kPauseMs = 10'000;
  static constexpr uint32_t kNicPauseMs = 60'000;

  // Called once for each look, with the lcores in their order. At most one move at a time.
  std::optional<NicMove> decide(std::span<const LcoreLoad> lcores, TimeMs now);

 private:
  bool is_resting(const std::string& nic) const { return resting_.contains(nic); }
  void forget_rested(TimeMs now);

  uint32_t uneven_ = 0;            // looks in a row
  std::optional<TimeMs> moved_{};  // the last time
  std::map<std::string, TimeMs> resting_;
};

}  // namespace butterfly
