// SPDX-License-Identifier: Apache-2.0
#include "wire/router_advertisement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace butterfly::wire {
namespace {

using Bytes = std::vector<uint8_t>;
using ::testing::ElementsAreArray;

const Ipv6 kPrefix{{0xfd, 0, 0, 7}};
const Ipv6 kServer{{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5}};

TEST(RouterAdvertisement, IsByteForByteWhatTheRfcsSay) {
  RouterAdvertisement told;
  told.is_managed = told.has_other = true;
  told.router_lifetime_s = 1800;
  told.prefix = kPrefix;
  told.prefix_length = 64;
  told.is_on_link = told.is_autonomous = true;
  told.prefix_lifetime_s = 86'400;
  told.mtu = 1430;
  told.dns = {kServer};
  told.domains = {"a.bc"};
  told.dns_lifetime_s = 1800;
  Bytes wanted{134, 0, 0,  0,    64, 0xc0, 0x07, 0x08, 0, 0, 0,    0,    0, 0, 0, 0,  //
               5,   1, 0,  0,    0,  0,    0x05, 0x96,                                //
               3,   4, 64, 0xc0, 0,  1,    0x51, 0x80, 0, 1, 0x51, 0x80, 0, 0, 0, 0};
  wanted.insert(wanted.end(), kPrefix.bytes.begin(), kPrefix.bytes.end());
  wanted.insert(wanted.end(), {25, 3, 0, 0, 0, 0, 0x07, 0x08});
  wanted.insert(wanted.end(), kServer.bytes.begin(), kServer.bytes.end());
  wanted.insert(wanted.end(), {31, 2, 0, 0, 0, 0, 0x07, 0x08, 1, 'a', 2, 'b', 'c', 0, 0, 0});
  EXPECT_THAT(make_router_advertisement(told), ElementsAreArray(wanted));
}

TEST(RouterAdvertisement, WhatIsNotToldIsLeftOut) {
  RouterAdvertisement told;
  told.prefix = kPrefix;
  told.prefix_length = 48;
  Bytes wanted{134, 0, 0,  0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
               3,   4, 48, 0, 0,  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  wanted.insert(wanted.end(), kPrefix.bytes.begin(), kPrefix.bytes.end());
  EXPECT_THAT(make_router_advertisement(told), ElementsAreArray(wanted));
}

}  // namespace
}  // namespace butterfly::wire
