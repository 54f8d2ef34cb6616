// SPDX-License-Identifier: Apache-2.0
#include "tables/route_table.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace butterfly {
namespace {

constexpr wire::HashSeed kSeed{{1, 2}};

RouteKey key_of(uint32_t n) {
  std::array<uint8_t, 16> frame{};
  std::memcpy(frame.data() + 6, &n, sizeof n);
  return RouteKey::of(frame.data(), 5);
}
RouteAnswer answer_to(uint16_t port, Generation nic = 1) {
  RouteAnswer answer;
  answer.to_nic = nic;
  answer.out_port = PortId{port};
  return answer;
}

TEST(RouteTable, AWalkOfTheSameRouteGivesTheSameMark) {
  RouteTable table(kSeed);
  const RouteMark mark = table.walk(key_of(1), answer_to(3), 1'000, 7);
  EXPECT_NE(mark.route, 0);
  EXPECT_TRUE(table.is_current(mark));
  EXPECT_EQ(table.at(mark).answer.out_port, PortId{3});
  const RouteMark again = table.walk(key_of(1), answer_to(3), 2'000, 8);
  EXPECT_EQ(again.route, mark.route);
  EXPECT_EQ(again.version, mark.version);
  EXPECT_EQ(table.at(mark).walked, 2'000u);
  EXPECT_EQ(table.at(mark).epoch, 8u);
}

TEST(RouteTable, AnotherAnswerMakesTheMarksOfTheOldOneVoid) {
  RouteTable table(kSeed);
  const RouteMark first = table.walk(key_of(1), answer_to(3, 10), 0, 1);
  const RouteMark moved = table.walk(key_of(1), answer_to(4, 10), 0, 1);
  EXPECT_EQ(moved.route, first.route);
  EXPECT_FALSE(table.is_current(first));
  const RouteMark judged_anew = table.walk(key_of(1), answer_to(4, 11), 0, 1);
  EXPECT_FALSE(table.is_current(moved));
  EXPECT_TRUE(table.is_current(judged_anew));
}

TEST(RouteTable, TheMarkOfNothingFitsNoPacket) {
  RouteTable table(kSeed);
  const std::array<uint8_t, 16> frame{};
  for (const uint32_t origin : {0u, 1u, 0x80000000u}) {
    EXPECT_FALSE(table.at({}).key.is_of(frame.data(), origin));
  }
  EXPECT_TRUE(table.is_current({}));
}

TEST(RouteTable, AKeyIsThatOfItsMacsAndOriginOnly) {
  std::array<uint8_t, 16> frame{};
  for (size_t i = 0; i < frame.size(); ++i) frame[i] = static_cast<uint8_t>(i);
  const RouteKey key = RouteKey::of(frame.data(), 9);
  EXPECT_TRUE(key.is_of(frame.data(), 9));
  EXPECT_FALSE(key.is_of(frame.data(), 8));
  for (size_t i = 0; i < frame.size(); ++i) {
    auto other = frame;
    other[i] ^= 1;
    EXPECT_EQ(key.is_of(other.data(), 9), i >= 12) << i;
  }
}

TEST(RouteTable, AFullSetGivesAwayWhatWasLongestNotWalkedAndItsMarksAreVoid) {
  RouteTable table(kSeed);
  std::vector<RouteMark> marks;
  // Twice as many as there is room for.
  for (uint32_t n = 0; n < 2 * RouteTable::kRoutes; ++n) {
    marks.push_back(table.walk(key_of(n), answer_to(3), n, 1));
  }
  size_t current = 0;
  for (uint32_t n = 0; n < marks.size(); ++n) {
    if (!table.is_current(marks[n])) continue;
    ++current;
    EXPECT_EQ(table.at(marks[n]).walked, n);
  }
  EXPECT_LE(current, RouteTable::kRoutes);
  EXPECT_GT(current, RouteTable::kRoutes * 95 / 100);
  EXPECT_FALSE(table.is_current(marks.front()));
  EXPECT_TRUE(table.is_current(marks.back()));
}

// A mark that outlived 65,536 changes of its slot would look current again.
TEST(RouteTable, NoOldMarkComesTrueAgainHoweverOftenItsRouteChanges) {
  RouteTable table(kSeed);
  const RouteMark old = table.walk(key_of(1), answer_to(3, 1), 0, 1);
  Generation nic = 1;
  uint32_t refused = 0;
  for (int i = 0; i < 200'000; ++i) {
    const RouteMark mark = table.walk(key_of(1), answer_to(3, ++nic), 0, 1);
    ASSERT_FALSE(table.is_current(old) && old.route != 0) << i;
    if (mark.route != 0) continue;
    ++refused;
    // While it is refused the route leads nowhere.
    EXPECT_EQ(table.at(old).epoch, 0u);
  }
  EXPECT_GT(refused, 0u);
  table.note_all_swept();
  EXPECT_NE(table.walk(key_of(1), answer_to(3, ++nic), 0, 1).route, 0);
}

}  // namespace
}  // namespace butterfly
