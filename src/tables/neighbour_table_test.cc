// SPDX-License-Identifier: Apache-2.0
#include "tables/neighbour_table.h"

#include <gtest/gtest.h>

namespace butterfly {
namespace {

constexpr uint16_t kSlot = 3;
constexpr TimeMs kStart = 1'000'000;
const Mac kMac = Mac::from_u64(0x525400000001);
const Mac kOther = Mac::from_u64(0x525400000002);

class NeighbourTableTest : public ::testing::Test {
 protected:
  NeighbourTableTest() { table_.claim(kSlot, Ipv4::from_u32(0xc0000201)); }
  NeighbourTable table_;
};

TEST_F(NeighbourTableTest, AnUnknownNeighbourIsAskedForOnceASecond) {
  EXPECT_TRUE(table_.find(kSlot, kStart).is_zero());
  EXPECT_TRUE(table_.should_ask(kSlot, kStart));
  table_.note_asked(kSlot, kStart);
  EXPECT_FALSE(table_.should_ask(kSlot, kStart + 999));
  EXPECT_TRUE(table_.should_ask(kSlot, kStart + 1'000));
}

TEST_F(NeighbourTableTest, AKnownNeighbourIsUsedAndNotAskedForHalfAMinute) {
  table_.learn(kSlot, kMac, kStart);
  EXPECT_EQ(table_.find(kSlot, kStart + 30'000), kMac);
  EXPECT_FALSE(table_.should_ask(kSlot, kStart + 30'000));
  EXPECT_TRUE(table_.should_ask(kSlot, kStart + 30'001));
}

TEST_F(NeighbourTableTest, AnAgeingNeighbourStaysInUseUntilTwoMinutesOfSilence) {
  table_.learn(kSlot, kMac, kStart);
  EXPECT_EQ(table_.find(kSlot, kStart + 120'000), kMac);
  EXPECT_TRUE(table_.find(kSlot, kStart + 120'001).is_zero());
}

TEST_F(NeighbourTableTest, ARefreshAsksTheKnownMacFirstAndEveryoneAfterThreeSeconds) {
  table_.learn(kSlot, kMac, kStart);
  EXPECT_EQ(table_.find_for_refresh(kSlot, kStart + 33'000), kMac);
  EXPECT_TRUE(table_.find_for_refresh(kSlot, kStart + 33'001).is_zero());
}

TEST_F(NeighbourTableTest, TheLatestAnswerWins) {
  table_.learn(kSlot, kMac, kStart);
  table_.learn(kSlot, kOther, kStart + 1);
  EXPECT_EQ(table_.find(kSlot, kStart + 2), kOther);
}

TEST_F(NeighbourTableTest, ASlotClaimedAgainInheritsNothing) {
  table_.learn(kSlot, kMac, kStart);
  table_.note_asked(kSlot, kStart);
  table_.claim(kSlot, Ipv4::from_u32(0xc0000202));
  EXPECT_TRUE(table_.find(kSlot, kStart + 1).is_zero());
  EXPECT_TRUE(table_.should_ask(kSlot, kStart + 1));
  EXPECT_EQ(table_.address(kSlot).to_string(), "192.0.2.2");
}

TEST_F(NeighbourTableTest, ASilentNeighbourDoesNotComeBackWhenTheClockWraps) {
  table_.learn(kSlot, kMac, kStart);
  table_.note_asked(kSlot, kStart + 120'001);
  EXPECT_TRUE(table_.find(kSlot, kStart + 1).is_zero());  // 49 days later by a 32-bit clock
}

TEST_F(NeighbourTableTest, TheFirstMillisecondOfTheClockIsATimeLikeAnyOther) {
  table_.note_asked(kSlot, 0);
  EXPECT_FALSE(table_.should_ask(kSlot, 500));
}

}  // namespace
}  // namespace butterfly
