// SPDX-License-Identifier: Apache-2.0
#include "host/balance.h"

#include <algorithm>

namespace butterfly {

void Balance::forget_rested(TimeMs now) {
  std::erase_if(resting_,
                [now](const auto& one) { return age_ms(now, one.second) >= kNicPauseMs; });
  if (moved_ && age_ms(now, *moved_) >= kPauseMs) moved_.reset();
}

std::optional<NicMove> Balance::decide(std::span<const LcoreLoad> lcores, TimeMs now) {
  forget_rested(now);
  if (lcores.size() < 2) return std::nullopt;
  const auto [least, most] = std::ranges::minmax_element(lcores, {}, &LcoreLoad::busy);
  const bool is_uneven = most->busy >= kFull && most->busy - least->busy >= kGap;
  uneven_ = is_uneven ? uneven_ + 1 : 0;
  if (uneven_ < kLooks || moved_) return std::nullopt;

  // After the move the two have as much to do as the fuller of them.
  const auto after = [&](const LcoreLoad::Nic& nic) {
    return std::max(most->busy - nic.share, least->busy + nic.share);
  };
  const LcoreLoad::Nic* best = nullptr;
  for (const LcoreLoad::Nic& nic : most->nics) {
    if (is_resting(nic.id) || after(nic) > most->busy - kGain) continue;
    if (!best || after(nic) < after(*best)) best = &nic;
  }
  if (!best) return std::nullopt;
  uneven_ = 0;
  moved_ = now;
  resting_[best->id] = now;
  return NicMove{best->id, static_cast<uint16_t>(most - lcores.begin()),
                 static_cast<uint16_t>(least - lcores.begin()), most->busy, least->busy};
}

}  // namespace butterfly
