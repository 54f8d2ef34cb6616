// SPDX-License-Identifier: Apache-2.0
#include "tables/flow_index.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <vector>

namespace butterfly {
namespace {

// The entries and the hashes that they were inserted with.
class FlowIndexTest : public ::testing::Test {
 protected:
  static constexpr uint32_t kCapacity = 60'000;

  bool insert(uint32_t entry, uint32_t hash) {
    if (!index_.insert(hash, entry)) return false;
    hashes_[entry] = hash;
    index_.grow(
        static_cast<uint32_t>(hashes_.size()), [this](uint32_t e) { return hashes_.at(e); },
        [this](uint32_t e) { EXPECT_TRUE(hashes_.contains(e)); });
    return true;
  }
  void erase(uint32_t entry) {
    index_.erase(hashes_.at(entry), entry);
    hashes_.erase(entry);
  }
  bool finds(uint32_t entry, uint32_t hash) const {
    return index_.find(hash, [entry](uint32_t e) { return e == entry; }) == entry;
  }
  void expect_all_found() const {
    for (const auto& [entry, hash] : hashes_) ASSERT_TRUE(finds(entry, hash)) << entry;
  }
  // Sweeps to the end; every entry seen.
  std::set<uint32_t> sweep(uint32_t buckets, uint32_t drop_every = 0) {
    std::set<uint32_t> seen;
    const auto keep = [&](uint32_t entry) {
      EXPECT_TRUE(seen.insert(entry).second);
      if (drop_every == 0 || entry % drop_every != 0) return true;
      hashes_.erase(entry);
      return false;
    };
    while (!index_.sweep(
        buckets, [](uint32_t) {}, keep)) {
    }
    return seen;
  }

  FlowIndex index_{kCapacity};
  std::map<uint32_t, uint32_t> hashes_;
  std::mt19937 random_{1};
};

TEST_F(FlowIndexTest, WhatIsInsertedIsFoundWhileItGrowsToItsCapacity) {
  for (uint32_t entry = 0; entry < kCapacity; ++entry) {
    ASSERT_TRUE(insert(entry, static_cast<uint32_t>(random_())));
    const uint32_t earlier = static_cast<uint32_t>(random_()) % (entry + 1);
    ASSERT_TRUE(finds(earlier, hashes_[earlier])) << entry << " " << earlier;
    if (entry % 10'000 == 0) expect_all_found();
  }
  expect_all_found();
  EXPECT_EQ(sweep(7).size(), kCapacity);
}

TEST_F(FlowIndexTest, MostAreFoundByAGuess) {
  for (uint32_t entry = 0; entry < kCapacity; ++entry) {
    insert(entry, static_cast<uint32_t>(random_()));
    if (entry != kCapacity / 2 && entry != kCapacity - 1) continue;
    size_t right = 0;
    for (const auto& [e, hash] : hashes_)
      right += FlowIndex::guess(index_.fetch(hash), hash) == e ? 1 : 0;
    EXPECT_GT(right, hashes_.size() * 9 / 10);
  }
}

TEST_F(FlowIndexTest, EntriesOfOneHashAreToldApartHoweverMany) {
  for (uint32_t entry = 0; entry < 500; ++entry) ASSERT_TRUE(insert(entry, 0x40001234));
  for (uint32_t entry = 0; entry < 5'000; ++entry) {
    ASSERT_TRUE(insert(1'000 + entry, static_cast<uint32_t>(random_())));
  }
  expect_all_found();
  for (uint32_t entry = 0; entry < 500; entry += 2) erase(entry);
  expect_all_found();
  EXPECT_FALSE(finds(0, 0x40001234));
}

TEST_F(FlowIndexTest, ASweepSeesEveryEntryOnceAndTakesOutWhatIsNotKept) {
  for (uint32_t entry = 0; entry < 9'000; ++entry) insert(entry, static_cast<uint32_t>(random_()));
  EXPECT_EQ(sweep(5).size(), 9'000u);
  EXPECT_EQ(sweep(5, /*drop_every=*/3).size(), 9'000u);
  EXPECT_EQ(hashes_.size(), 6'000u);
  expect_all_found();
  EXPECT_EQ(sweep(1'000).size(), 6'000u);
}

// Between two ends of a sweep nothing may be missed, though buckets split meanwhile.
TEST_F(FlowIndexTest, NothingIsMissedByASweepWhileItGrows) {
  uint32_t next = 0;
  for (; next < 6'000; ++next) insert(next, static_cast<uint32_t>(random_()));
  std::set<uint32_t> seen;
  uint32_t before = next;
  for (int step = 0; next < kCapacity; ++step) {
    for (int i = 0; i < 3; ++i, ++next) insert(next, static_cast<uint32_t>(random_()));
    const bool is_end = index_.sweep(
        4, [](uint32_t) {}, [&seen](uint32_t entry) { return seen.insert(entry), true; });
    if (!is_end) continue;
    for (uint32_t entry = 0; entry < before; ++entry) ASSERT_TRUE(seen.contains(entry)) << entry;
    seen.clear();
    before = next;
  }
}

TEST_F(FlowIndexTest, ItAgreesWithAMapOverRandomSteps) {
  for (int step = 0; step < 300'000; ++step) {
    const uint32_t entry = static_cast<uint32_t>(random_()) % kCapacity;
    if (hashes_.contains(entry)) {
      ASSERT_TRUE(finds(entry, hashes_[entry]));
      if (random_() % 3 == 0) erase(entry);
    } else {
      ASSERT_TRUE(insert(entry, static_cast<uint32_t>(random_())));
    }
    if (step % 64 == 0)
      index_.sweep(
          1, [](uint32_t) {}, [](uint32_t) { return true; });
  }
  expect_all_found();
}

}  // namespace
}  // namespace butterfly
