// SPDX-License-Identifier: Apache-2.0
#include "tables/fragment_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace butterfly {
namespace {

using Fit = FragmentTable::Fit;

constexpr FragmentLimits kLimits{.datagrams = 4,
                                 .datagrams_per_source = 2,
                                 .held = 6,
                                 .held_per_source = 3,
                                 .bytes_per_source = 1000,
                                 .timeout_ms = 5'000};
constexpr uint32_t kGuest = 3;
constexpr uint32_t kOther = 4;
constexpr TimeMs kNow = static_cast<TimeMs>(-2'000);  // wraps in the middle of a life

wire::FragmentId id_of(uint64_t number) {
  wire::FragmentId id;
  id.words[4] = number;
  return id;
}
wire::FragmentPart middle(uint32_t begin, uint32_t length) { return {begin, length, false}; }
wire::FragmentPart last(uint32_t begin, uint32_t length) { return {begin, length, true}; }

class FragmentTableTest : public testing::Test {
 protected:
  FragmentTable::Datagram& begin(uint64_t number, uint32_t source = kGuest) {
    const wire::FragmentId id = id_of(number);
    return table_.begin(id, table_.hash_of(id), source, 1, kNow);
  }
  FragmentTable::Datagram* find(uint64_t number) {
    return table_.find(id_of(number), table_.hash_of(id_of(number)));
  }
  void hold(FragmentTable::Datagram& datagram, int& handle, uint32_t length = 100) {
    ASSERT_TRUE(table_.may_hold(datagram, length));
    ASSERT_TRUE(table_.has_room_to_hold());
    table_.hold(datagram, &handle, length);
  }
  std::vector<int> release(FragmentTable::Datagram& datagram) {
    std::vector<int> handles;
    table_.release(datagram, [&](void* handle) { handles.push_back(*static_cast<int*>(handle)); });
    return handles;
  }

  FragmentTable table_{kLimits, {{1, 2}}};
};

TEST_F(FragmentTableTest, PartsInAnyOrderMakeTheWhole) {
  auto& datagram = begin(1);
  EXPECT_EQ(table_.fit(datagram, last(1024, 5)), Fit::fits);
  EXPECT_EQ(table_.fit(datagram, middle(0, 512)), Fit::fits);
  EXPECT_FALSE(table_.is_complete(datagram));
  EXPECT_EQ(table_.fit(datagram, middle(512, 512)), Fit::fits);
  EXPECT_TRUE(table_.is_complete(datagram));
}

TEST_F(FragmentTableTest, AnExactDuplicateIsToldFromAnOverlap) {
  auto& datagram = begin(1);
  ASSERT_EQ(table_.fit(datagram, middle(64, 64)), Fit::fits);
  ASSERT_EQ(table_.fit(datagram, middle(128, 64)), Fit::fits);
  EXPECT_EQ(table_.fit(datagram, middle(64, 64)), Fit::duplicate);
  EXPECT_EQ(table_.fit(datagram, middle(64, 128)), Fit::overlap);    // both in one
  EXPECT_EQ(table_.fit(datagram, middle(64, 56)), Fit::overlap);     // shorter
  EXPECT_EQ(table_.fit(datagram, middle(72, 56)), Fit::overlap);     // begins later
  EXPECT_EQ(table_.fit(datagram, middle(56, 16)), Fit::overlap);     // reaches into one
  EXPECT_EQ(table_.fit(datagram, last(128, 64)), Fit::overlap);      // claims to be the last
  EXPECT_EQ(table_.fit(datagram, middle(0, 65'528)), Fit::overlap);  // covers all
  EXPECT_EQ(table_.fit(datagram, last(192, 5)), Fit::fits);
  EXPECT_EQ(table_.fit(datagram, last(192, 5)), Fit::duplicate);
  EXPECT_EQ(table_.fit(datagram, last(192, 6)), Fit::overlap);    // the same units, another end
  EXPECT_EQ(table_.fit(datagram, middle(192, 8)), Fit::overlap);  // the same units, not the last
}

TEST_F(FragmentTableTest, NothingLiesBeyondTheEndAndThereIsOneEnd) {
  auto& datagram = begin(1);
  ASSERT_EQ(table_.fit(datagram, last(800, 10)), Fit::fits);
  EXPECT_EQ(table_.fit(datagram, middle(816, 8)), Fit::overlap);
  EXPECT_EQ(table_.fit(datagram, last(0, 8)), Fit::overlap);
  auto& other = begin(2);
  ASSERT_EQ(table_.fit(other, middle(800, 8)), Fit::fits);
  EXPECT_EQ(table_.fit(other, last(400, 8)), Fit::overlap);
}

TEST_F(FragmentTableTest, TheLargestDatagramFits) {
  auto& datagram = begin(1);
  for (uint32_t at = 0; at < 65'528; at += 8) {
    ASSERT_EQ(table_.fit(datagram, middle(at, 8)), Fit::fits);
  }
  EXPECT_FALSE(table_.is_complete(datagram));
  EXPECT_EQ(table_.fit(datagram, last(65'528, 7)), Fit::fits);
  EXPECT_TRUE(table_.is_complete(datagram));
  EXPECT_EQ(table_.fit(datagram, last(65'528, 7)), Fit::duplicate);
}

TEST_F(FragmentTableTest, AnIdUsedAgainStartsFromNothing) {
  auto& datagram = begin(1);
  ASSERT_EQ(table_.fit(datagram, last(60'000, 8)), Fit::fits);
  table_.erase(datagram);
  EXPECT_EQ(find(1), nullptr);
  auto& again = begin(1);
  EXPECT_EQ(table_.fit(again, last(60'000, 8)), Fit::fits);
}

TEST_F(FragmentTableTest, WhatIsHeldComesBackInOrder) {
  auto& datagram = begin(1);
  int handles[] = {1, 2, 3};
  for (int& handle : handles) hold(datagram, handle);
  EXPECT_EQ(table_.held(), 3u);
  EXPECT_EQ(release(datagram), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(table_.held(), 0u);
}

TEST_F(FragmentTableTest, ASourceHasItsShareAndNoMore) {
  auto& first = begin(1);
  begin(2);
  EXPECT_FALSE(table_.may_begin(kGuest));
  EXPECT_TRUE(table_.may_begin(kOther));
  int handle = 0;
  for (int i = 0; i < 3; ++i) hold(first, handle);
  EXPECT_FALSE(table_.may_hold(first, 1));
  auto& others = begin(3, kOther);
  EXPECT_FALSE(table_.may_hold(others, 1001));  // bytes
  EXPECT_TRUE(table_.may_hold(others, 1000));
  release(first);
  table_.erase(first);
  EXPECT_TRUE(table_.may_begin(kGuest));
}

TEST_F(FragmentTableTest, WhenAllIsTakenTheOldestIsKnown) {
  for (uint32_t i = 0; i < kLimits.datagrams; ++i) begin(i, i);
  EXPECT_FALSE(table_.has_room());
  EXPECT_EQ(table_.oldest(), find(0));
  table_.erase(*find(1));  // out of the middle
  table_.erase(*find(0));
  EXPECT_EQ(table_.oldest(), find(2));
  EXPECT_TRUE(table_.has_room());
  EXPECT_EQ(table_.size(), 2u);
}

TEST_F(FragmentTableTest, TimeIsCountedFromTheFirstArrivalAndMayWrap) {
  auto& datagram = begin(1);
  EXPECT_FALSE(table_.has_expired(datagram, kNow + kLimits.timeout_ms - 1));
  EXPECT_TRUE(table_.has_expired(datagram, kNow + kLimits.timeout_ms));
}

TEST_F(FragmentTableTest, RandomCutsInRandomOrderAlwaysMakeTheWhole) {
  std::mt19937 dice(7);  // the same in every run
  for (int round = 0; round < 500; ++round) {
    const uint32_t length = 9 + static_cast<uint32_t>(dice()) % 65'000;
    std::vector<wire::FragmentPart> parts;
    for (uint32_t at = 0; at < length;) {
      const uint32_t size = 8 * (1 + static_cast<uint32_t>(dice()) % 500);
      const bool is_last = at + size >= length;
      parts.push_back({at, is_last ? length - at : size, is_last});
      at += size;
    }
    std::shuffle(parts.begin(), parts.end(), dice);
    auto& datagram = begin(1);
    for (const auto& part : parts) {
      EXPECT_FALSE(table_.is_complete(datagram));
      ASSERT_EQ(table_.fit(datagram, part), Fit::fits);
      ASSERT_EQ(table_.fit(datagram, part), Fit::duplicate);
    }
    EXPECT_TRUE(table_.is_complete(datagram));
    table_.erase(datagram);
  }
}

}  // namespace
}  // namespace butterfly
