// SPDX-License-Identifier: Apache-2.0
#include "tables/station_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace butterfly {
namespace {

TEST(StationTable, AnEmptyTableKnowsNobody) {
  const StationTable table;
  EXPECT_EQ(table.find(Mac{}), nullptr);
  EXPECT_EQ(table.find(Mac::broadcast()), nullptr);
  EXPECT_EQ(table.size(), 0u);
}

TEST(StationTable, AStationThatIsSetAgainMoves) {
  StationTable table;
  const Mac mac = Mac::from_u64(0x525400000001);
  table.set(mac, {PortId{3}, kNoPeer});
  table.set(mac, {kUplinkPort, PeerId{7}});
  ASSERT_NE(table.find(mac), nullptr);
  EXPECT_EQ(table.find(mac)->port, kUplinkPort);
  EXPECT_EQ(table.find(mac)->peer, PeerId{7});
  EXPECT_EQ(table.size(), 1u);
}

// Neighbouring MACs, MACs that differ in their first bytes only, and any.
TEST(StationTable, SaysTheSameAsAMapThatIsSlow) {
  std::mt19937_64 random(7);
  for (const int shift : {0, 24, 32}) {
    StationTable table;
    std::map<uint64_t, uint16_t> expected;
    for (uint16_t i = 0; i < 20'000; ++i) {
      const uint64_t mac = (random() % 4000) << shift & 0xffff'ffff'ffff;
      if (random() % 3 == 0) {
        table.erase(Mac::from_u64(mac));
        expected.erase(mac);
        ASSERT_EQ(table.size(), expected.size());
        continue;
      }
      table.set(Mac::from_u64(mac), {PortId{i}, PeerId{i}});
      expected[mac] = i;
      ASSERT_EQ(table.size(), expected.size());
    }
    for (uint64_t i = 0; i < 8000; ++i) {
      const uint64_t mac = i << shift & 0xffff'ffff'ffff;
      const Place* place = table.find(Mac::from_u64(mac));
      const auto it = expected.find(mac);
      ASSERT_EQ(place != nullptr, it != expected.end()) << mac;
      if (place == nullptr) continue;
      ASSERT_EQ(place->port.value, it->second) << mac;
    }
  }
}

}  // namespace
}  // namespace butterfly
