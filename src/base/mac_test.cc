// SPDX-License-Identifier: Apache-2.0
#include "base/mac.h"

#include <gtest/gtest.h>

namespace butterfly {
namespace {

TEST(MacTest, TextGoesInAndComesOutTheSame) {
  const auto mac = Mac::parse("52:54:00:0a:Bc:ff");
  ASSERT_TRUE(mac);
  EXPECT_EQ(mac->to_string(), "52:54:00:0a:bc:ff");
  EXPECT_EQ(Mac::parse("52-54-00-0a-bc-ff"), mac);
}

TEST(MacTest, WhatIsNotSixPairsIsRefused) {
  for (const char* text : {"", "52:54:00:00:00", "52:54:00:00:00:01:02", "52:54:00:00:00:1",
                           "525400000001", "52:54:00:00:00:0g", "52:54:00:00:00:01 ",
                           " 2:54:00:00:00:01", "52.54.00.00.00.01", "+2:54:00:00:00:01"}) {
    EXPECT_FALSE(Mac::parse(text)) << "'" << text << "'";
  }
}

TEST(MacTest, TheNumberHasTheFirstByteOnTop) {
  const Mac mac = Mac::from_u64(0x525400000102);
  EXPECT_EQ(mac.bytes[0], 0x52);
  EXPECT_EQ(mac.bytes[5], 0x02);
  EXPECT_EQ(mac.to_u64(), 0x525400000102u);
  EXPECT_EQ(Mac::from_u64(0xffff'0000'0000'0001), Mac::from_u64(1)) << "only 48 bits count";
}

TEST(MacTest, GroupBroadcastAndZeroAreTold) {
  EXPECT_TRUE(Mac::broadcast().is_group());
  EXPECT_TRUE(Mac::broadcast().is_broadcast());
  EXPECT_TRUE(Mac::parse("01:00:5e:00:00:01")->is_group());
  EXPECT_FALSE(Mac::parse("01:00:5e:00:00:01")->is_broadcast());
  EXPECT_FALSE(Mac::parse("52:54:00:00:00:01")->is_group());
  EXPECT_TRUE(Mac{}.is_zero());
  EXPECT_FALSE(Mac::from_u64(1).is_zero());
}

}  // namespace
}  // namespace butterfly
