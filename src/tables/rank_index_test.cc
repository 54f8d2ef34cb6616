// SPDX-License-Identifier: Apache-2.0
#include "tables/rank_index.h"

#include <gtest/gtest.h>

#include <random>

namespace butterfly {
namespace {

template <typename T>
void compare(const std::vector<T>& sorted, const std::vector<T>& asked) {
  const RankIndex<T> index(sorted);
  ASSERT_EQ(index.size(), sorted.size());
  for (size_t i = 0; i < sorted.size(); ++i) ASSERT_TRUE(index.at(i) == sorted[i]) << i;
  for (const T& x : asked) {
    const auto wanted = std::upper_bound(sorted.begin(), sorted.end(), x) - sorted.begin();
    ASSERT_EQ(index.rank(x), static_cast<size_t>(wanted)) << sorted.size();
  }
}

// Sizes at which a block or a level begins; the smallest and the greatest number there and not.
template <typename T>
void compare_sizes(T limit) {
  std::mt19937_64 dice(1);
  const T greatest = static_cast<T>(~T{0});
  for (const size_t size : {0, 1, 2, 15, 16, 17, 255, 256, 257, 4095, 4096, 4097, 5000}) {
    std::vector<T> sorted;
    for (size_t i = 0; i < size; ++i) sorted.push_back(static_cast<T>(dice()) % limit);
    if (size > 2) sorted.back() = greatest;
    std::sort(sorted.begin(), sorted.end());
    std::vector<T> asked{0, 1, greatest, static_cast<T>(greatest - 1)};
    for (const T& number : sorted) {
      asked.push_back(number);
      asked.push_back(number + 1);
      asked.push_back(number - 1);
    }
    compare(sorted, asked);
  }
}

TEST(RankIndex, CountsAsASearchDoes) {
  compare_sizes<uint32_t>(0xffff'ffff);
  compare_sizes<uint32_t>(50);  // many equal ones
  compare_sizes<Uint128>(50);
  compare_sizes<Uint128>(Uint128{1} << 64);
}

TEST(RankIndex, ComparesAllBitsOfAnIpv6Address) {
  const Uint128 high = Uint128{1} << 100;
  compare<Uint128>({1, 2, high, high + 1, high * 2}, {0, 1, high - 1, high, high + 5, high * 2});
}

TEST(RankIndex, ManyOfTheGreatestNumberAreAllCounted) {
  compare<uint32_t>(std::vector<uint32_t>(40, 0xffff'ffff), {0, 0xffff'fffe, 0xffff'ffff});
}

}  // namespace
}  // namespace butterfly
