// SPDX-License-Identifier: Apache-2.0
// Shared maps and sets beside std::map and std::set, over random histories.
#include "base/shared_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <tuple>
#include <vector>

namespace butterfly {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

using Map = SharedMap<int, std::string>;
using Difference = std::vector<std::tuple<int, std::string, std::string>>;

Difference difference(const Map& before, const Map& after) {
  Difference found;
  Map::for_each_difference(before, after, [&](const auto* old_one, const auto* now) {
    const int key = old_one ? old_one->first : now->first;
    found.emplace_back(key, old_one ? old_one->second : "none", now ? now->second : "none");
  });
  return found;
}

TEST(SharedMap, HoldsWhatWasPutInTheOrderOfTheKeys) {
  Map map;
  EXPECT_THAT(map, IsEmpty());
  map[3] = "c";
  map[1] = "a";
  map.set(2, "b");
  map[1] += "!";
  EXPECT_THAT(map, ElementsAre(Pair(1, "a!"), Pair(2, "b"), Pair(3, "c")));
  EXPECT_EQ(map.lower_bound(2)->second, "b");
  EXPECT_EQ(map.lower_bound(4), map.end());
  EXPECT_EQ(map.erase(2), 1u);
  EXPECT_EQ(map.erase(2), 0u);
  EXPECT_EQ(map.find(2), map.end());
  EXPECT_THAT(map, SizeIs(2));
}

TEST(SharedMap, ACopyStaysAsItWas) {
  Map map{{1, "a"}, {2, "b"}};
  const Map copy = map;
  map[1] = "changed";
  map.erase(2);
  EXPECT_THAT(copy, ElementsAre(Pair(1, "a"), Pair(2, "b")));
  EXPECT_THAT(map, ElementsAre(Pair(1, "changed")));
}

TEST(SharedMap, AValueThatIsPutAgainIsNoDifference) {
  const Map before{{1, "a"}, {2, "b"}};
  Map after = before;
  after[1] = "a";
  EXPECT_EQ(before, after);
  EXPECT_THAT(difference(before, after), IsEmpty());
  after[2] = "c";
  after[3] = "d";
  after.erase(1);
  EXPECT_FALSE(before == after);
  EXPECT_THAT(
      difference(before, after),
      ElementsAre(std::tuple(1, "a", "none"), std::tuple(2, "b", "c"), std::tuple(3, "none", "d")));
}

// Many histories; what a map holds, and what it differs from an older one in, as std::map has it.
TEST(SharedMap, IsWhatStdMapIsOverRandomHistories) {
  std::mt19937 dice(1);
  for (int history = 0; history < 200; ++history) {
    Map map, old_map;
    std::map<int, std::string> model, old_model;
    const int keys = 1 << dice() % 10;
    for (int step = 0; step < 300; ++step) {
      const int key = static_cast<int>(dice() % static_cast<unsigned>(keys));
      const std::string value(1, static_cast<char>('a' + dice() % 3));
      if (dice() % 3 == 0) {
        ASSERT_EQ(map.erase(key), model.erase(key));
      } else {
        map[key] = value;
        model[key] = value;
      }
      if (dice() % 50 == 0) {
        old_map = map;
        old_model = model;
      }
    }
    ASSERT_EQ(map.size(), model.size());
    ASSERT_TRUE(std::equal(map.begin(), map.end(), model.begin(), model.end()));
    Difference wanted;
    for (int key = 0; key < keys; ++key) {
      const auto a = old_model.find(key);
      const auto b = model.find(key);
      const std::string was = a == old_model.end() ? "none" : a->second;
      const std::string is = b == model.end() ? "none" : b->second;
      if (was != is) wanted.emplace_back(key, was, is);
    }
    ASSERT_EQ(difference(old_map, map), wanted);
    ASSERT_EQ(old_map == map, wanted.empty());
  }
}

struct CountedKey {
  int value;
  static inline int compared = 0;
  friend bool operator<(const CountedKey& a, const CountedKey& b) {
    ++compared;
    return a.value < b.value;
  }
  friend bool operator==(const CountedKey&, const CountedKey&) = default;
};

TEST(SharedMap, FindsADifferenceWithoutLookingAtTheRest) {
  SharedMap<CountedKey, int> before;
  for (int i = 0; i < 100'000; ++i) before.set({i}, i);
  auto after = before;
  after[{50'000}] = -1;
  after.erase({7});
  CountedKey::compared = 0;
  int found = 0;
  SharedMap<CountedKey, int>::for_each_difference(before, after, [&](auto*, auto*) { ++found; });
  EXPECT_EQ(found, 2);
  EXPECT_LT(CountedKey::compared, 500);
}

TEST(SharedSet, HoldsEachItemOnce) {
  SharedSet<int> set{2, 1, 2};
  const SharedSet<int> before = set;
  set.insert(3);
  set.insert(1);
  EXPECT_EQ(set.erase(2), 1u);
  EXPECT_EQ(set.erase(2), 0u);
  EXPECT_THAT(set, ElementsAre(1, 3));
  EXPECT_THAT(before, ElementsAre(1, 2));
  EXPECT_TRUE(set.contains(3));
  EXPECT_FALSE(before == set);
  std::vector<std::pair<bool, int>> changes;  // whether it came, and what
  SharedSet<int>::for_each_difference(before, set, [&](const int* old_one, const int* now) {
    changes.emplace_back(now != nullptr, now ? *now : *old_one);
  });
  EXPECT_THAT(changes, ElementsAre(Pair(false, 2), Pair(true, 3)));
}

}  // namespace
}  // namespace butterfly
