// SPDX-License-Identifier: Apache-2.0
#include "wire/flow_id.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <utility>

namespace butterfly::wire {
namespace {

constexpr HashSeed kSeed{{0x0123456789abcdef, 0xfedcba9876543210}};

FlowKey random_key(std::mt19937_64& generator) {
  FlowKey key;
  for (uint64_t& word : key.words) word = generator();
  return key;
}

// GF(2^128) as the definition has it: shift and subtract, bit by bit.
struct Element {
  uint64_t low = 0;
  uint64_t high = 0;

  Element plus(Element other) const { return {low ^ other.low, high ^ other.high}; }
  Element times(Element other) const {
    Element product;
    Element shifted = *this;
    for (int bit = 0; bit < 128; ++bit) {
      const uint64_t word = bit < 64 ? other.low : other.high;
      if (word >> (bit % 64) & 1) product = product.plus(shifted);
      const bool carry = shifted.high >> 63 != 0;
      shifted = {shifted.low << 1, shifted.high << 1 | shifted.low >> 63};
      if (carry) shifted.low ^= 0x87;
    }
    return product;
  }
};

TEST(FlowId, OfIpv4IsTheKey) {
  const FlowHasher hasher(kSeed);
  const FlowKey key{{1, 2, 3, 4, 5}};
  EXPECT_EQ(hasher.id_of(key, Family::v4), (FlowId{{1, 2}}));
}

// The point itself is a digest: that of a key whose tail is 1.
TEST(FlowId, OfIpv6IsThePolynomialAtThePoint) {
  const FlowHasher hasher(kSeed);
  const auto digest = [&hasher](const FlowKey& key) {
    const FlowId id = hasher.id_of(key, Family::v6);
    return Element{id.words[0], id.words[1]};
  };
  const Element point = digest({{0, 0, 0, 0, 1}});
  std::mt19937_64 generator(1);
  for (int i = 0; i < 1'000; ++i) {
    const FlowKey key = random_key(generator);
    const Element expected = Element{key.words[0], key.words[1]}
                                 .times(point)
                                 .plus({key.words[2], key.words[3]})
                                 .times(point)
                                 .plus({key.words[4], 0})
                                 .times(point);
    EXPECT_EQ(digest(key).low, expected.low);
    EXPECT_EQ(digest(key).high, expected.high);
  }
}

TEST(FlowId, EveryBitOfAnIpv6KeyCounts) {
  const FlowHasher hasher(kSeed);
  std::mt19937_64 generator(2);
  const FlowKey key = random_key(generator);
  std::set<std::pair<uint64_t, uint64_t>> seen;
  const auto note = [&](const FlowKey& k) {
    const FlowId id = hasher.id_of(k, Family::v6);
    return seen.insert({id.words[0], id.words[1]}).second;
  };
  EXPECT_TRUE(note(key));
  for (size_t bit = 0; bit < 320; ++bit) {
    FlowKey other = key;
    other.words[bit / 64] ^= uint64_t{1} << bit % 64;
    EXPECT_TRUE(note(other)) << bit;
  }
}

TEST(FlowId, AnotherSeedMakesAnotherDigestAndHash) {
  const FlowHasher one(kSeed);
  const FlowHasher two(HashSeed{{1, 2}});
  const FlowKey key{{1, 2, 3, 4, 5}};
  EXPECT_FALSE(one.id_of(key, Family::v6) == two.id_of(key, Family::v6));
  EXPECT_NE(one.hash_of({{1, 2}}), two.hash_of({{1, 2}}));
}

}  // namespace
}  // namespace butterfly::wire
