// SPDX-License-Identifier: Apache-2.0
#include "wire/tunnel_class.h"

#include <gtest/gtest.h>

#include <optional>

#include "wire/checksum.h"

namespace butterfly::wire {
namespace {

using Bytes = std::vector<uint8_t>;

Bytes frame_v4(uint8_t tos) {
  Bytes bytes(kEthernetHeaderLen + sizeof(Ipv4Header) + 8);
  view_at<EthernetHeader>(std::span(bytes), 0)->type = kTypeIpv4;
  auto* ip = view_at<Ipv4Header>(std::span(bytes), kEthernetHeaderLen);
  ip->version_ihl = 0x45;
  ip->tos = tos;
  ip->total_length = 28;
  ip->ttl = 9;
  ip->checksum = checksum_finish(
      checksum_add(std::span(bytes).subspan(kEthernetHeaderLen, sizeof(Ipv4Header))));
  return bytes;
}
Bytes frame_v6(uint8_t traffic_class) {
  Bytes bytes(kEthernetHeaderLen + sizeof(Ipv6Header));
  view_at<EthernetHeader>(std::span(bytes), 0)->type = kTypeIpv6;
  auto* ip = view_at<Ipv6Header>(std::span(bytes), kEthernetHeaderLen);
  ip->version_class_flow = 6U << 28 | uint32_t{traffic_class} << 20 | 0xabcde;
  return bytes;
}

// RFC 6040, figure 4: rows are the inner field, columns the outer one; -1: dropped.
constexpr int kTable[4][4] = {
    // not capable, capable 1, capable 0, CE
    {0, 0, 0, -1},  // not capable
    {1, 1, 1, 3},   // capable 1
    {2, 1, 2, 3},   // capable 0
    {3, 3, 3, 3},   // CE
};

TEST(TunnelClass, WhatLeavesATunnelIsAsTheTableOfTheRfcHasIt) {
  for (uint8_t inner = 0; inner < 4; ++inner) {
    for (uint8_t outer = 0; outer < 4; ++outer) {
      for (const uint8_t dscp : {uint8_t{0}, uint8_t{0xb8}}) {
        const int wanted = kTable[inner][outer];
        const auto tos = static_cast<uint8_t>(dscp | inner);
        for (Bytes frame : {frame_v4(tos), frame_v6(tos)}) {
          const Bytes before = frame;
          ASSERT_EQ(take_outer_ecn(static_cast<Ecn>(outer), frame), wanted >= 0);
          const int after = traffic_class_of(frame);
          EXPECT_EQ(after, wanted < 0 ? tos : dscp | wanted) << int{inner} << ", " << int{outer};
          if (after == tos) {
            EXPECT_EQ(frame, before);
          }
          // Whether a look at the outer field alone says that nothing can change.
          if (after != tos || wanted < 0) {
            EXPECT_TRUE(may_mark(static_cast<Ecn>(outer)));
          }
          const auto* ip = view_at<Ipv4Header>(std::span<const uint8_t>(frame), kEthernetHeaderLen);
          if (ip->version() == 4) {
            EXPECT_TRUE(ipv4_checksum_holds(*ip));
          } else {
            EXPECT_EQ(view_at<Ipv6Header>(std::span<const uint8_t>(frame), kEthernetHeaderLen)
                              ->version_class_flow &
                          0xfffff,
                      0xabcdeu);
          }
        }
      }
    }
  }
}

TEST(TunnelClass, WhatIsNotIpOrEndsTooEarlyHasNone) {
  Bytes arp = frame_v4(3);
  view_at<EthernetHeader>(std::span(arp), 0)->type = kTypeArp;
  const Bytes before = arp;
  EXPECT_EQ(traffic_class_of(std::span<const uint8_t>(arp)), 0);
  EXPECT_TRUE(take_outer_ecn(Ecn::congested, arp));
  EXPECT_EQ(arp, before);
  for (const Bytes& whole : {frame_v4(0), frame_v6(0)}) {
    for (size_t length = 0; length < kEthernetHeaderLen + sizeof(Ipv4Header); ++length) {
      Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
      EXPECT_TRUE(take_outer_ecn(Ecn::congested, cut)) << length;
      EXPECT_EQ(traffic_class_of(std::span<const uint8_t>(cut)), 0);
    }
  }
}

}  // namespace
}  // namespace butterfly::wire
