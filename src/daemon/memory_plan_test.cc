// SPDX-License-Identifier: Apache-2.0
#include "daemon/memory_plan.h"

#include <gtest/gtest.h>

namespace butterfly {
namespace {

TEST(MemoryPlan, SmallHostsGetTheLeastAndLargeOnesWhatTheirRingsCanHold) {
  EXPECT_EQ(computed_memory_mb(1, 0), 256u);
  EXPECT_EQ(computed_memory_mb(2, 1), 256u);
  EXPECT_GT(computed_memory_mb(8, 1), computed_memory_mb(8, 0));
  EXPECT_GT(computed_memory_mb(8, 2), computed_memory_mb(8, 1)) << "rings of both of a bond";
  uint32_t before = 0;
  for (const unsigned lcores : {1u, 2u, 4u, 8u, 12u, 16u, 64u, 128u}) {
    const uint32_t now = computed_memory_mb(static_cast<uint16_t>(lcores), 1);
    EXPECT_GE(now, before) << lcores;
    before = now;
  }
  EXPECT_EQ(before, 4096u) << "no more than this without being asked";
}

TEST(MemoryPlan, WhatIsWantedForBuffersHasRoomForThem) {
  for (const uint64_t buffers : {1ULL, 1000ULL, 54'321ULL, 1'000'000ULL}) {
    EXPECT_GE(ordinary_buffers(memory_mb_for(buffers)), buffers);
  }
}

TEST(MemoryPlan, TheDefaultHasRoomForBoth) {
  EXPECT_GT(ordinary_buffers(256), 50'000u);
  EXPECT_GT(large_buffers(256), 300u);
}

}  // namespace
}  // namespace butterfly
