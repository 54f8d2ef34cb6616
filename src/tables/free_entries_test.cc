// SPDX-License-Identifier: Apache-2.0
#include "tables/free_entries.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

namespace butterfly {
namespace {

uint32_t take(FreeEntries& free) {
  return free.take([](uint32_t) {});
}

TEST(FreeEntriesTest, HandsOutEachEntryOnceAndThenNone) {
  for (const uint32_t count : {1U, 5U, 63U, 64U, 65U, 4096U, 4097U, 300'000U}) {
    FreeEntries free(count);
    for (uint32_t i = 0; i < count; ++i) ASSERT_EQ(take(free), i) << count;
    EXPECT_EQ(take(free), FreeEntries::kNone) << count;
    EXPECT_EQ(take(free), FreeEntries::kNone) << count;
  }
}

TEST(FreeEntriesTest, WhatIsPutBackIsFound) {
  FreeEntries free(1000);
  for (uint32_t i = 0; i < 1000; ++i) take(free);
  for (const uint32_t entry : {999U, 0U, 500U}) free.put_back(entry);
  std::set<uint32_t> taken;
  for (int i = 0; i < 3; ++i) taken.insert(take(free));
  EXPECT_EQ(taken, (std::set<uint32_t>{0, 500, 999}));
  EXPECT_EQ(take(free), FreeEntries::kNone);
}

TEST(FreeEntriesTest, LowEntriesComeFirst) {
  FreeEntries free(100'000);
  for (uint32_t i = 0; i < 50'000; ++i) take(free);
  for (uint32_t i = 0; i < 1000; ++i) free.put_back(i * 7);
  uint32_t highest = 0;
  for (uint32_t i = 0; i < 1000; ++i) highest = std::max(highest, take(free));
  EXPECT_LT(highest, 50'100U) << "memory that was never used is not begun while other is free";
}

TEST(FreeEntriesTest, AtRandomNoneIsLostAndNoneHandedOutTwice) {
  constexpr uint32_t kCount = 5'000;
  std::mt19937 random(1);
  FreeEntries free(kCount);
  std::vector<bool> is_taken(kCount);
  std::vector<uint32_t> taken;
  for (int step = 0; step < 400'000; ++step) {
    // Long stretches in which it fills and empties, full and empty included.
    const bool fills = step / 20'000 % 2 == 0 ? random() % 4 != 0 : random() % 4 == 0;
    if (fills) {
      const uint32_t entry = take(free);
      if (taken.size() == kCount) {
        ASSERT_EQ(entry, FreeEntries::kNone);
        continue;
      }
      ASSERT_LT(entry, kCount) << "with " << taken.size() << " taken";
      ASSERT_FALSE(is_taken[entry]);
      is_taken[entry] = true;
      taken.push_back(entry);
    } else if (!taken.empty()) {
      std::swap(taken[random() % taken.size()], taken.back());
      is_taken[taken.back()] = false;
      free.put_back(taken.back());
      taken.pop_back();
    }
  }
}

TEST(FreeEntriesTest, SaysAheadWhatItWillHandOut) {
  FreeEntries free(1000);
  std::set<uint32_t> fetched;
  const auto fetch = [&](uint32_t entry) { fetched.insert(entry); };
  for (uint32_t i = 0; i < 500; ++i) {
    const auto before = fetched;
    const uint32_t entry = free.take(fetch);
    EXPECT_TRUE(i < 8 || before.contains(entry)) << entry;
  }
}

}  // namespace
}  // namespace butterfly
