// SPDX-License-Identifier: Apache-2.0
#include "tables/flow_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include "wire/headers.h"

namespace butterfly {
namespace {

using wire::Family;
using wire::FlowKey;

// A flow may live that much longer than its timeout.
constexpr TimeMs kLate = 2u << kSeenShift;

constexpr wire::HashSeed kSeed{{0x0123456789abcdef, 0xfedcba9876543210}};

FlowKey key_of(uint32_t n, Family family = Family::v4) {
  wire::FiveTuple tuple{
      {Ipv4::from_u32(0x0a000001), 1}, {Ipv4::from_u32(0x0b000000 + n), 2}, wire::kProtoUdp};
  if (family == Family::v6) {
    Ipv6 six{{0xfd}};
    tuple.source.address = six;
    for (size_t i = 0; i < 4; ++i) six.bytes[15 - i] = static_cast<uint8_t>(n >> 8 * i);
    six.bytes[1] = 1;
    tuple.destination.address = six;
  }
  bool source_is_high = false;
  return wire::make_flow_key(tuple, Vni{7}, source_is_high);
}
const wire::FlowHasher kHasher(kSeed);

wire::FlowId id_of(uint32_t n, Family family = Family::v4) {
  return kHasher.id_of(key_of(n, family), family);
}
uint32_t hash_of(uint32_t n, Family family = Family::v4) {
  return kHasher.hash_of(id_of(n, family));
}
Flow* find(FlowTable& table, uint32_t n, TimeMs now = 0, Family family = Family::v4) {
  return table.find(id_of(n, family), hash_of(n, family), now);
}
Flow* insert_at(FlowTable& table, uint32_t n, uint32_t hash, TimeMs now,
                Family family = Family::v4) {
  Flow* flow = table.insert(key_of(n, family), family, id_of(n, family), hash, now);
  if (flow) flow->timeout = TimeoutClass::udp_new;
  return flow;
}
Flow* insert(FlowTable& table, uint32_t n, TimeMs now = 0, Family family = Family::v4) {
  return insert_at(table, n, hash_of(n, family), now, family);
}

TEST(FlowTable, AFlowIsFoundByItsKeyAndNoOther) {
  FlowTable table(100, kSeed);
  EXPECT_EQ(find(table, 1, 5), nullptr);
  Flow* flow = insert(table, 1, 5);
  ASSERT_NE(flow, nullptr);
  EXPECT_EQ(table.tally(*flow, Role::initiator).packets, 0u);
  EXPECT_EQ(find(table, 1, 5), flow);
  EXPECT_EQ(find(table, 2, 5), nullptr);
  EXPECT_EQ(find(table, 1, 5, Family::v6), nullptr);
  EXPECT_EQ(table.size(), 1u);
}

TEST(FlowTable, BothFamiliesShareTheTable) {
  FlowTable table(100, kSeed);
  for (uint32_t n = 0; n < 50; ++n) {
    insert(table, n);
    insert(table, n, 0, Family::v6);
  }
  for (uint32_t n = 0; n < 50; ++n) {
    ASSERT_NE(find(table, n), nullptr);
    ASSERT_NE(find(table, n, 0, Family::v6), nullptr);
    EXPECT_EQ(find(table, n, 0, Family::v6)->family(), Family::v6);
    for (const Family family : {Family::v4, Family::v6}) {
      EXPECT_TRUE(table.key_of(*find(table, n, 0, family)).equals(key_of(n, family), family));
    }
  }
}

TEST(FlowTable, ItFillsToItsCapacityAndThenRefuses) {
  for (const uint32_t capacity : {1U, 7U, 1000U, 200000U}) {
    FlowTable table(capacity, kSeed);
    for (uint32_t n = 0; n < capacity; ++n) ASSERT_NE(insert(table, n), nullptr) << n;
    EXPECT_EQ(table.size(), capacity);
    EXPECT_EQ(insert(table, capacity), nullptr);
    for (uint32_t n = 0; n < capacity; ++n) ASSERT_NE(find(table, n), nullptr) << n;
    EXPECT_EQ(find(table, capacity), nullptr);
  }
}

TEST(FlowTable, AnErasedFlowIsGoneAndItsRoomIsUsedAgain) {
  FlowTable table(3, kSeed);
  for (uint32_t n = 0; n < 3; ++n) insert(table, n);
  table.erase(*find(table, 1));
  EXPECT_EQ(find(table, 1), nullptr);
  EXPECT_EQ(table.size(), 2u);
  Flow* next = insert(table, 9);
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(next->id, id_of(9));
  EXPECT_EQ(insert(table, 10), nullptr);
}

TEST(FlowTable, AnIdleFlowIsAMissAtOnceAndFreed) {
  FlowTable table(10, kSeed);
  insert(table, 1, 1000);
  EXPECT_NE(find(table, 1, 31'000), nullptr);
  EXPECT_EQ(find(table, 1, 31'000 + kLate), nullptr);
  EXPECT_EQ(table.size(), 0u);
  const TimeMs before_wrap = 0xfffff000;
  insert(table, 2, before_wrap);
  EXPECT_NE(find(table, 2, before_wrap + 30'000), nullptr);
  EXPECT_EQ(find(table, 2, before_wrap + 30'000 + kLate), nullptr);
}

TEST(FlowTable, EachClassHasItsOwnTimeout) {
  FlowTimeouts timeouts;
  timeouts.ms[static_cast<size_t>(TimeoutClass::icmp)] = 70;
  FlowTable table(10, kSeed, timeouts);
  insert(table, 1)->timeout = TimeoutClass::tcp_established;
  insert(table, 2)->timeout = TimeoutClass::icmp;
  EXPECT_NE(find(table, 1, 86'400'000), nullptr);
  EXPECT_EQ(find(table, 1, 86'400'000 + kLate), nullptr);
  EXPECT_NE(find(table, 2, 70), nullptr);
  EXPECT_EQ(find(table, 2, 70 + kLate), nullptr);
}

TEST(FlowTable, SweepingFreesTheIdleInSmallSlices) {
  FlowTable table(1000, kSeed);
  for (uint32_t n = 0; n < 1000; ++n) insert(table, n, n < 600 ? 0 : 25'000);
  EXPECT_EQ(table.sweep(30'000, 100'000), 0u);
  const uint32_t first = table.sweep(50'000, 10);
  EXPECT_LE(first, 100u);
  uint32_t freed = first;
  for (int slice = 1; slice < 13; ++slice) freed += table.sweep(50'000, 10);  // all buckets
  EXPECT_EQ(freed, 600u);
  EXPECT_EQ(table.size(), 400u);
  EXPECT_NE(find(table, 700, 50'000), nullptr);
  EXPECT_EQ(table.sweep(80'000, 100'000), 400u);
}

TEST(FlowTable, ABurstIsLookedUpAsOneByOne) {
  FlowTable table(1000, kSeed);
  for (uint32_t n = 0; n < 1000; n += 2) insert(table, n);
  const auto find_burst = [&table](TimeMs now) {
    std::vector<Flow*> flows;
    std::vector<const void*> fetched;
    for (uint32_t n = 0; n < 32; ++n) fetched.push_back(table.fetch(hash_of(n)));
    for (uint32_t n = 0; n < 32; ++n) flows.push_back(table.guess(fetched[n], hash_of(n)));
    for (uint32_t n = 0; n < 32; ++n) {
      flows[n] = table.find_from(flows[n], id_of(n), hash_of(n), now);
    }
    return flows;
  };
  const std::vector<Flow*> flows = find_burst(0);
  for (uint32_t n = 0; n < 32; ++n) EXPECT_EQ(flows[n], find(table, n)) << n;
  EXPECT_EQ(find_burst(30'000 + kLate), std::vector<Flow*>(32));
  EXPECT_EQ(table.size(), 1000u / 2 - 16);
}

// Against std::map, with few enough keys and buckets that overflow, moves and reuse all happen.
TEST(FlowTable, ItAgreesWithAMapOverAMillionRandomSteps) {
  constexpr uint32_t kCapacity = 400;
  FlowTable table(kCapacity, kSeed);
  std::map<uint32_t, TimeMs> model;
  std::mt19937 generator(1);
  const auto random = [&generator] { return static_cast<uint32_t>(generator()); };
  TimeMs now = 0xfff00000;
  const auto is_live = [&](uint32_t n) {
    return model.contains(n) && age_ms(now, model[n]) <= 30'000;
  };
  for (int step = 0; step < 1'000'000; ++step) {
    const uint32_t n = random() % 600;
    if (step % 4 == 0) now += (random() % 4) << kSeenShift;
    Flow* flow = find(table, n, now);
    ASSERT_EQ(flow != nullptr, is_live(n)) << step;
    if (!flow) model.erase(n);
    switch (random() % 8) {
      case 0:
        if (flow) table.erase(*flow);
        model.erase(n);
        break;
      case 1:
        table.sweep(now, 4);
        break;
      case 2:
        if (flow) flow->see(model[n] = now);
        break;
      default:
        if (flow) break;
        flow = insert(table, n, now);
        if (flow) {
          model[n] = now;
        } else {
          ASSERT_EQ(table.size(), kCapacity);
        }
    }
    ASSERT_LE(table.size(), kCapacity);
  }
  now += 30'000 + kLate;
  table.sweep(now, 100'000);  // to the end of the table
  table.sweep(now, 100'000);
  EXPECT_EQ(table.size(), 0u);
}

}  // namespace
}  // namespace butterfly
