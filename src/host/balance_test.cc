// SPDX-License-Identifier: Apache-2.0
#include "host/balance.h"

#include <gtest/gtest.h>

namespace butterfly {
namespace {

class BalanceTest : public ::testing::Test {
 protected:
  // So many looks, a second apart; the first move, if one is decided.
  std::optional<NicMove> look(const std::vector<LcoreLoad>& lcores, uint32_t looks = 1) {
    for (; looks > 0; --looks) {
      now_ += 1000;
      if (auto move = balance_.decide(lcores, now_)) return move;
    }
    return std::nullopt;
  }
  static std::vector<LcoreLoad> uneven() {
    return {{0.95, {{"a", 0.50}, {"b", 0.30}, {"c", 0.15}}}, {0.20, {{"d", 0.20}}}};
  }

  Balance balance_;
  TimeMs now_ = 0xffff'0000;  // wraps meanwhile
};

TEST_F(BalanceTest, TheNicMovesThatEvensTheTwoOutBest) {
  EXPECT_FALSE(look(uneven(), Balance::kLooks - 1)) << "a peak is none of our affair";
  const auto move = look(uneven());
  ASSERT_TRUE(move);
  EXPECT_EQ(move->nic, "b") << "0.65 and 0.50; a would leave 0.45 and 0.70, c 0.80 and 0.35";
  EXPECT_EQ(move->from, 0);
  EXPECT_EQ(move->to, 1);
  EXPECT_DOUBLE_EQ(move->busy_from, 0.95);
  EXPECT_DOUBLE_EQ(move->busy_to, 0.20);
}

TEST_F(BalanceTest, TheEmptiestOfManyTakesIt) {
  const auto move =
      look({{0.4, {{"x", 0.4}}}, {0.9, {{"a", 0.4}, {"b", 0.4}}}, {0.1, {}}, {0.3, {}}},
           Balance::kLooks);
  ASSERT_TRUE(move);
  EXPECT_EQ(move->from, 1);
  EXPECT_EQ(move->to, 2);
}

TEST_F(BalanceTest, WithoutNeedNothingMoves) {
  EXPECT_FALSE(look({{0.70, {{"a", 0.3}, {"b", 0.3}}}, {0.0, {}}}, 100)) << "it has time left";
  EXPECT_FALSE(look({{1.0, {{"a", 0.3}, {"b", 0.3}}}, {0.8, {}}}, 100)) << "nobody has time";
  EXPECT_FALSE(look({{1.0, {{"a", 0.3}, {"b", 0.3}}}}, 100)) << "one lcore";
  EXPECT_FALSE(look({}, 100));
}

TEST_F(BalanceTest, WhatWouldOnlyTakeTheLoadAlongStays) {
  EXPECT_FALSE(look({{0.95, {{"a", 0.95}}}, {0.05, {}}}, 100)) << "one nic is all of it";
  EXPECT_FALSE(look({{0.95, {{"a", 0.02}, {"b", 0.03}}}, {0.05, {}}}, 100)) << "no gain";
  EXPECT_FALSE(look({{0.95, {}}, {0.05, {}}}, 100)) << "nothing can be moved: it is the uplink's";
}

TEST_F(BalanceTest, APeakInBetweenBeginsTheCountAnew) {
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(look(uneven(), Balance::kLooks - 1));
    EXPECT_FALSE(look({{0.5, {}}, {0.4, {}}}));
  }
}

TEST_F(BalanceTest, AfterAMoveThereIsAPauseAndALongerOneForTheNicThatMoved) {
  ASSERT_TRUE(look(uneven(), Balance::kLooks));
  EXPECT_FALSE(look(uneven(), Balance::kPauseMs / 1000 - 1));
  const auto second = look(uneven());
  ASSERT_TRUE(second);
  EXPECT_NE(second->nic, "b") << "it has moved a moment ago";
  // Alone on the full lcore with others that gain nothing: it waits its minute.
  const std::vector<LcoreLoad> only_b{{0.9, {{"b", 0.3}}}, {0.1, {}}};
  now_ += Balance::kPauseMs;
  EXPECT_FALSE(look(only_b, 30));
  EXPECT_TRUE(look(only_b, 30));
}

// Whatever nics there are, with loads that stay as they are the moves come to an end.
TEST_F(BalanceTest, MovesComeToAnEnd) {
  std::vector<LcoreLoad> lcores{
      {0.9, {{"a", 0.3}, {"b", 0.3}, {"c", 0.3}}}, {0.0, {}}, {0.2, {{"d", 0.2}}}};
  int moves = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto move = look(lcores);
    if (!move) continue;
    ++moves;
    auto& from = lcores[move->from];
    const auto nic = std::ranges::find(from.nics, move->nic, &LcoreLoad::Nic::id);
    lcores[move->to].nics.push_back(*nic);
    lcores[move->to].busy += nic->share;
    from.busy -= nic->share;
    from.nics.erase(nic);
  }
  EXPECT_EQ(moves, 1);
}

}  // namespace
}  // namespace butterfly
