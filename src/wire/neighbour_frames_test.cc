// SPDX-License-Identifier: Apache-2.0
#include "wire/neighbour_frames.h"

#include <gtest/gtest.h>

#include <vector>

namespace butterfly::wire {
namespace {

TEST(LinkLayerOption, IsFoundBehindOtherOptions) {
  const std::vector<uint8_t> options{5,  1, 0, 0, 0, 0, 5, 0xdc,                          // MTU
                                     14, 2, 0, 0, 0, 0, 0, 0,    0, 0, 0, 0, 0, 0, 0, 0,  // nonce
                                     1,  1, 2, 0, 0, 0, 0, 9};
  Mac mac;
  EXPECT_TRUE(read_link_layer_option(options, kNdSourceLinkLayer, mac));
  EXPECT_EQ(mac.to_string(), "02:00:00:00:00:09");
  EXPECT_TRUE(read_link_layer_option(options, kNdTargetLinkLayer, mac));
  EXPECT_TRUE(mac.is_zero());
}

TEST(LinkLayerOption, OptionsWithoutLengthOrBeyondTheEndAreRefused) {
  Mac mac;
  EXPECT_TRUE(read_link_layer_option({}, kNdSourceLinkLayer, mac));
  EXPECT_FALSE(read_link_layer_option(std::vector<uint8_t>{1, 0, 2, 0, 0, 0, 0, 9}, 1, mac));
  EXPECT_FALSE(read_link_layer_option(std::vector<uint8_t>{1, 2, 2, 0, 0, 0, 0, 9}, 1, mac));
  EXPECT_FALSE(read_link_layer_option(std::vector<uint8_t>{1, 1, 2, 0, 0, 0, 0}, 1, mac));
}

TEST(MacOfGroup, IsTheLast32BitsBehind3333) {
  const Ipv6 address{{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0x12, 0xab, 0xcd, 0xef}};
  EXPECT_EQ(mac_of_group(address.solicited_node()).to_string(), "33:33:ff:ab:cd:ef");
}

}  // namespace
}  // namespace butterfly::wire
