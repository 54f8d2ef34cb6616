// SPDX-License-Identifier: Apache-2.0
#include "wire/outer_spread.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace butterfly::wire {
namespace {

// The outer headers of a tunnel, as far as they count.
std::vector<uint8_t> frame_of(bool is_v4, uint8_t peer, uint16_t source_port) {
  std::vector<uint8_t> frame(is_v4 ? 50 : 70);
  frame[12] = is_v4 ? 0x08 : 0x86;
  frame[13] = is_v4 ? 0x00 : 0xdd;
  const size_t port = is_v4 ? 34 : 54;
  frame[port - 1] = peer;
  frame[port] = static_cast<uint8_t>(source_port >> 8);
  frame[port + 1] = static_cast<uint8_t>(source_port);
  return frame;
}

class OuterSpread : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Families, OuterSpread, ::testing::Bool());

TEST_P(OuterSpread, GivesEachLinkItsShareOfTheFlows) {
  for (const uint32_t links : {2u, 3u, 8u}) {
    std::array<int, 8> counts{};
    constexpr int kFlows = 8192;
    for (int i = 0; i < kFlows; ++i) {
      const auto frame = frame_of(GetParam(), 7, static_cast<uint16_t>(0xc000 + i));
      const uint32_t link = outer_spread(frame, links);
      ASSERT_LT(link, links);
      ASSERT_EQ(outer_spread(frame, links), link);
      ++counts[link];
    }
    for (uint32_t link = 0; link < links; ++link) {
      EXPECT_NEAR(counts[link], kFlows / links, kFlows / links / 5) << link << " of " << links;
    }
  }
}

TEST_P(OuterSpread, KnowsPeersApart) {
  std::array<int, 2> counts{};
  for (uint8_t peer = 0; peer < 200; ++peer)
    ++counts[outer_spread(frame_of(GetParam(), peer, 9), 2)];
  EXPECT_GT(counts[0], 60);
  EXPECT_GT(counts[1], 60);
}

TEST(OuterSpread, LooksAtNoMoreThanThereIs) {
  const auto whole = frame_of(false, 1, 1);
  for (size_t length = 14; length < whole.size(); ++length) {
    EXPECT_LT(
        outer_spread(std::vector(whole.begin(), whole.begin() + static_cast<long>(length)), 8), 8u);
  }
}

}  // namespace
}  // namespace butterfly::wire
