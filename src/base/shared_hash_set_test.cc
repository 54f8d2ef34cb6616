// SPDX-License-Identifier: Apache-2.0
#include "base/shared_hash_set.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace butterfly {
namespace {

struct Mixed {
  uint64_t operator()(uint64_t key) const {
    key = (key ^ key >> 31) * 0x9e3779b97f4a7c15;
    return (key ^ key >> 29) * 0xbf58476d1ce4e5b9;
  }
};
// All of one home, in a few pages: the longest way to a key, round the end of its page.
struct Crowded {
  uint64_t operator()(uint64_t key) const { return uint64_t{127} << 57 | (key & 0xf); }
};

template <typename Hash>
void compare(const SharedHashSet<uint64_t, Hash>& set, const std::set<uint64_t>& wanted,
             uint64_t limit) {
  ASSERT_EQ(set.size(), wanted.size());
  for (uint64_t key = 0; key < limit; ++key) ASSERT_EQ(set.contains(key), wanted.contains(key));
  std::set<uint64_t> seen;
  set.for_each([&](uint64_t key) { EXPECT_TRUE(seen.insert(key).second) << key; });
  ASSERT_EQ(seen, wanted);
}

template <typename Hash>
void compare_histories(uint64_t limit, int steps) {
  std::mt19937_64 dice(3);
  SharedHashSet<uint64_t, Hash> set;
  std::set<uint64_t> wanted;
  std::vector<std::pair<SharedHashSet<uint64_t, Hash>, std::set<uint64_t>>> copies;
  for (int step = 0; step < steps; ++step) {
    const uint64_t key = dice() % limit;
    if (dice() % 5 < 3) {
      ASSERT_EQ(set.insert(key), wanted.insert(key).second);
    } else {
      ASSERT_EQ(set.erase(key), wanted.erase(key) == 1);
    }
    if (step % (steps / 8) == 0) copies.emplace_back(set, wanted);
  }
  compare(set, wanted, limit);
  for (const auto& [copy, then] : copies) compare(copy, then, limit);
}

TEST(SharedHashSet, HoldsWhatASetHoldsAndLeavesCopiesAsTheyWere) {
  compare_histories<Mixed>(20'000, 60'000);
  compare_histories<Crowded>(300, 5'000);
}

TEST(SharedHashSet, IsEmptyAtFirstAndAgain) {
  SharedHashSet<uint64_t, Mixed> set;
  EXPECT_FALSE(set.contains(0));
  EXPECT_FALSE(set.erase(0));
  EXPECT_TRUE(set.insert(0));
  EXPECT_FALSE(set.insert(0));
  EXPECT_TRUE(set.erase(0));
  EXPECT_TRUE(set.empty());
  EXPECT_FALSE(set.contains(0));
}

}  // namespace
}  // namespace butterfly
