// SPDX-License-Identifier: Apache-2.0
#include "tables/origin.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

namespace butterfly {
namespace {

TEST(OriginTest, NoTwoPlacesHaveTheSameOrigin) {
  std::set<Origin> seen;
  for (const PortId port : {kUplinkPort, PortId{1}, PortId{kMaxPorts - 1}, kNoPort}) {
    EXPECT_TRUE(seen.insert(origin_of(port)).second) << port.value;
  }
  for (const uint16_t segment : std::array<uint16_t, 3>{0, 1, kMaxSegments - 1}) {
    for (const PeerId peer : {PeerId{0}, PeerId{1}, PeerId{kMaxPeers - 1}, kNoPeer}) {
      EXPECT_TRUE(seen.insert(origin_of(segment, peer)).second) << segment << ' ' << peer.value;
    }
  }
}

}  // namespace
}  // namespace butterfly
