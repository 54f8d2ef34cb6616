// SPDX-License-Identifier: Apache-2.0
#include "wire/flow_key.h"

#include <gtest/gtest.h>

#include <set>

#include "wire/flow_id.h"

namespace butterfly::wire {
namespace {

constexpr HashSeed kSeed{{0x0123456789abcdef, 0xfedcba9876543210}};

Endpoint endpoint(std::string_view address, uint16_t port) {
  return {IpAddress::parse(address).value(), port};
}
FiveTuple reversed(const FiveTuple& t) {
  const bool is_icmp = t.protocol == (t.source.address.is_v4() ? 1 : 58);
  return {t.destination, t.source, t.protocol, is_icmp && !t.is_answer};
}

struct Case {
  const char* name;
  Family family;
  FiveTuple tuple;
};
uint32_t hash_of(const FlowKey& key, Family family, const HashSeed& seed) {
  const FlowHasher hasher(seed);
  return hasher.hash_of(hasher.id_of(key, family));
}
const Case kCases[] = {
    {"v4", Family::v4, {endpoint("10.0.0.1", 40000), endpoint("10.0.0.2", 80), 6}},
    {"v4, byte order matters", Family::v4, {endpoint("10.0.0.2", 1), endpoint("9.0.0.10", 2), 17}},
    {"v4, one host", Family::v4, {endpoint("10.0.0.1", 256), endpoint("10.0.0.1", 1), 6}},
    {"v6", Family::v6, {endpoint("fd00::2", 53), endpoint("fd00::1", 5353), 17}},
    {"v6, differ late", Family::v6, {endpoint("fd00::ff", 7), endpoint("fd00::1:0", 7), 58}},
    {"v4, a ping", Family::v4, {endpoint("10.0.0.2", 9), endpoint("10.0.0.1", 8), 1}},
    {"v4, an answer", Family::v4, {endpoint("10.0.0.2", 8), endpoint("10.0.0.1", 9), 1, true}},
    {"v4, a ping to itself", Family::v4, {endpoint("10.0.0.1", 8), endpoint("10.0.0.1", 8), 1}},
    {"v4, not its ICMP", Family::v4, {endpoint("10.0.0.2", 0), endpoint("10.0.0.1", 0), 58}},
};

TEST(FlowKeyTest, BothDirectionsShareOneKeyAndOneHash) {
  for (const auto& c : kCases) {
    bool there = false;
    bool back = false;
    const FlowKey key = make_flow_key(c.tuple, Vni{7}, there);
    const FlowKey other = make_flow_key(reversed(c.tuple), Vni{7}, back);
    EXPECT_TRUE(key.equals(other, c.family)) << c.name;
    EXPECT_NE(there, back) << c.name;
    EXPECT_EQ(hash_of(key, c.family, kSeed), hash_of(other, c.family, kSeed)) << c.name;
  }
}

// The id of a ping may be the number of its type, or look like anything that the key has besides.
TEST(FlowKeyTest, PingsOfBothEndsAreDifferentFlowsWhateverTheirIds) {
  for (const char* asked : {"10.0.0.1", "10.0.0.3"}) {
    std::set<std::pair<uint64_t, uint64_t>> keys;
    size_t made = 0;
    for (const int id : {0, 8, 9, 255, 256, 0x8000, 0x8008, 0xffff}) {
      for (const int type : {8, 13}) {
        for (const bool back : {false, true}) {
          const Endpoint asking = endpoint(back ? asked : "10.0.0.2", static_cast<uint16_t>(id));
          const Endpoint answering =
              endpoint(back ? "10.0.0.2" : asked, static_cast<uint16_t>(type));
          bool high = false;
          const FlowKey key = make_flow_key({asking, answering, 1}, Vni{7}, high);
          keys.emplace(key.words[0], key.words[1]);
          ++made;
        }
      }
    }
    EXPECT_EQ(keys.size(), made) << asked;
  }
}

TEST(FlowKeyTest, TheTupleComesBackInTheDirectionAskedFor) {
  for (const auto& c : kCases) {
    bool high = false;
    const FlowKey key = make_flow_key(c.tuple, Vni{0xabcdef}, high);
    for (const bool from_high : {high, !high}) {
      const FiveTuple want = from_high == high ? c.tuple : reversed(c.tuple);
      const FiveTuple got = five_tuple_of(key, c.family, from_high);
      EXPECT_EQ(got.source, want.source) << c.name;
      EXPECT_EQ(got.destination, want.destination) << c.name;
      EXPECT_EQ(got.protocol, want.protocol) << c.name;
      EXPECT_EQ(got.is_answer, want.is_answer) << c.name;
    }
    EXPECT_EQ(vni_of(key, c.family), Vni{0xabcdef}) << c.name;
  }
}

TEST(FlowKeyTest, EveryPartOfTheKeyCounts) {
  for (const auto& c : kCases) {
    std::vector<FiveTuple> others(5, c.tuple);
    others[0].source.port = static_cast<uint16_t>(c.tuple.source.port ^ 0x101);
    others[1].destination.port = static_cast<uint16_t>(c.tuple.destination.port ^ 1);
    others[2].protocol = 132;
    others[3].source.address =
        IpAddress::parse(c.family == Family::v4 ? "1.2.3.4" : "1::4").value();
    others[4].destination.address =
        IpAddress::parse(c.family == Family::v4 ? "200.2.3.4" : "fe00::4").value();
    bool high = false;
    const FlowKey key = make_flow_key(c.tuple, Vni{7}, high);
    const uint32_t hash = hash_of(key, c.family, kSeed);
    for (const auto& other : others) {
      const FlowKey changed = make_flow_key(other, Vni{7}, high);
      EXPECT_FALSE(key.equals(changed, c.family)) << c.name;
      EXPECT_NE(hash, hash_of(changed, c.family, kSeed)) << c.name;
    }
    const FlowKey other_tenant = make_flow_key(c.tuple, Vni{8}, high);
    EXPECT_FALSE(key.equals(other_tenant, c.family)) << c.name;
    EXPECT_NE(hash, hash_of(other_tenant, c.family, kSeed)) << c.name;
  }
}

TEST(FlowKeyTest, ThePartsThatAFamilyDoesNotUseDoNotCount) {
  bool high = false;
  FlowKey key = make_flow_key(kCases[0].tuple, Vni{7}, high);
  FlowKey dirty = key;
  dirty.words[2] = dirty.words[3] = dirty.words[4] = 0xdead;
  EXPECT_TRUE(key.equals(dirty, Family::v4));
  EXPECT_EQ(hash_of(key, Family::v4, kSeed), hash_of(dirty, Family::v4, kSeed));
}

TEST(FlowKeyTest, ATupleReadsLikeASentence) {
  EXPECT_EQ(to_string(kCases[0].tuple), "tcp 10.0.0.1:40000 > 10.0.0.2:80");
  EXPECT_EQ(to_string(kCases[3].tuple), "udp [fd00::2]:53 > [fd00::1]:5353");
  EXPECT_EQ(to_string(kCases[4].tuple), "icmpv6 fd00::ff > fd00::1:0 id 7");
  EXPECT_EQ(to_string({endpoint("10.0.0.1", 0), endpoint("10.0.0.2", 0), 47}),
            "protocol 47 10.0.0.1 > 10.0.0.2");
}

TEST(FlowKeyTest, TheHashSpreadsNeighbouringFlowsOverAllItsBits) {
  std::set<uint32_t> low;
  std::set<uint32_t> high;
  for (uint16_t port = 0; port < 1024; ++port) {
    bool from_high = false;
    const FlowKey key = make_flow_key(
        {endpoint("10.0.0.1", static_cast<uint16_t>(32768 + port)), endpoint("10.0.0.2", 80), 6},
        Vni{7}, from_high);
    const uint32_t hash = hash_of(key, Family::v4, kSeed);
    low.insert(hash & 0xffff);
    high.insert(hash >> 16);
  }
  // 1,024 balls into 65,536 bins meet about 8 times.
  EXPECT_GT(low.size(), 1000u);
  EXPECT_GT(high.size(), 1000u);
}

TEST(FlowKeyTest, AnotherSeedGivesAnotherHash) {
  bool high = false;
  const FlowKey key = make_flow_key(kCases[0].tuple, Vni{7}, high);
  const HashSeed one = random_hash_seed();
  const HashSeed two = random_hash_seed();
  EXPECT_TRUE(one.words[0] != two.words[0] || one.words[1] != two.words[1]);
  EXPECT_NE(hash_of(key, Family::v4, kSeed), hash_of(key, Family::v4, {{1, 2}}));
}

}  // namespace
}  // namespace butterfly::wire
