// SPDX-License-Identifier: Apache-2.0
#include "host/hit_slots.h"

#include <gtest/gtest.h>

namespace butterfly {
namespace {

TEST(HitSlots, ASlotIsUsedAgainWithWhatItStandsAt) {
  HitSlots slots;
  const auto first = slots.take();
  EXPECT_NE(first.slot, kNoHitSlot);
  EXPECT_EQ(first.base, 0u);
  slots.retire(first.slot);
  EXPECT_NE(slots.take().slot, first.slot) << "somebody may still count there";
  slots.free_retired([](uint32_t) { return uint64_t{41}; });
  const auto again = slots.take();
  EXPECT_EQ(again.slot, first.slot);
  EXPECT_EQ(again.base, 41u);
}

TEST(HitSlots, AnAttemptThatComesToNothingTakesNothing) {
  HitSlots slots;
  for (uint32_t i = 1; i <= 3; ++i) slots.retire(slots.take().slot);
  slots.free_retired([](uint32_t slot) { return uint64_t{slot}; });
  HitSlots attempt = slots;
  const auto taken = attempt.take();
  attempt.retire(attempt.take().slot);
  attempt.free_retired([](uint32_t) { return uint64_t{99}; });
  const auto now = slots.take();
  EXPECT_EQ(now.slot, taken.slot);
  EXPECT_EQ(now.base, now.slot);
  const auto next = slots.take();
  EXPECT_EQ(next.base, next.slot) << "what the attempt freed is its own";
}

TEST(HitSlots, WhoComesWhenAllAreTakenIsNotCounted) {
  HitSlots slots;
  for (uint32_t i = 1; i < kHitSlots; ++i) ASSERT_EQ(slots.take().slot, i);
  EXPECT_EQ(slots.take().slot, kNoHitSlot);
  slots.retire(kNoHitSlot);
  slots.free_retired([](uint32_t) { return uint64_t{0}; });
  EXPECT_EQ(slots.take().slot, kNoHitSlot);
}

}  // namespace
}  // namespace butterfly
