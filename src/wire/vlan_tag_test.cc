// SPDX-License-Identifier: Apache-2.0
#include "wire/vlan_tag.h"

#include <gtest/gtest.h>

#include <array>
#include <numeric>
#include <vector>

namespace butterfly::wire {
namespace {

TEST(VlanTag, GoesInAndOutOfAFrame) {
  std::vector<uint8_t> frame(60);
  std::iota(frame.begin(), frame.end(), uint8_t{0});
  std::vector<uint8_t> bytes(kVlanTagLength);
  bytes.insert(bytes.end(), frame.begin(), frame.end());
  put_vlan_tag(bytes, 4094);
  EXPECT_EQ(std::vector(bytes.begin(), bytes.begin() + 12),
            std::vector(frame.begin(), frame.begin() + 12));
  EXPECT_EQ(std::vector(bytes.begin() + 12, bytes.begin() + 16),
            (std::vector<uint8_t>{0x81, 0x00, 0x0f, 0xfe}));
  EXPECT_EQ(std::vector(bytes.begin() + 16, bytes.end()),
            std::vector(frame.begin() + 12, frame.end()));
  EXPECT_TRUE(has_vlan_tag(bytes));
  EXPECT_FALSE(take_vlan_tag(bytes, 4093)) << "another VLAN's";
  ASSERT_TRUE(take_vlan_tag(bytes, 4094));
  EXPECT_EQ(std::vector(bytes.begin() + kVlanTagLength, bytes.end()), frame);
}

TEST(VlanTag, IsOfItsVlanWhateverThePriority) {
  std::array<uint8_t, 60> bytes{};
  bytes[12] = 0x81;
  bytes[14] = 0xe0;  // priority 7
  bytes[15] = 100;
  EXPECT_TRUE(take_vlan_tag(bytes, 100));
}

TEST(VlanTag, IsNotWhereAFrameIsTooShortForIt) {
  std::array<uint8_t, 17> bytes{};
  bytes[12] = 0x81;
  bytes[15] = 100;
  EXPECT_FALSE(has_vlan_tag(bytes));
  EXPECT_FALSE(take_vlan_tag(bytes, 100));
  EXPECT_FALSE(has_vlan_tag({}));
}

}  // namespace
}  // namespace butterfly::wire
