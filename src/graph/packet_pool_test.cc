// SPDX-License-Identifier: Apache-2.0
#include "graph/packet_pool.h"

#include <numeric>

#include "support/underlay.h"

namespace butterfly {
namespace {

using test::OwnedPacket;

std::vector<uint8_t> counting(size_t count) {
  std::vector<uint8_t> bytes(count);
  std::iota(bytes.begin(), bytes.end(), uint8_t{0});
  return bytes;
}

TEST(TruncatePacket, KeepsTheFirstBytesAndGivesBackTheOtherSegments) {
  const auto bytes = counting(1000);
  const uint32_t before = test::pool().in_use();
  for (const uint16_t length :
       std::initializer_list<uint16_t>{0, 1, 99, 100, 101, 500, 501, 1000}) {
    const OwnedPacket packet(test::make_packet(bytes));
    test::split(*packet, 500);
    test::split(*packet, 100);
    truncate_packet(*packet, length);
    EXPECT_EQ(packet->length(), length);
    EXPECT_EQ(test::contents(*packet), std::vector(bytes.begin(), bytes.begin() + length));
    const unsigned wanted = length > 500 ? 3 : length > 100 ? 2 : 1;
    EXPECT_EQ(packet->nb_segs, wanted) << length;
    EXPECT_EQ(test::pool().in_use(), before + wanted) << length;
    EXPECT_EQ(rte_mbuf_check(packet.get(), 1, nullptr), 0);
  }
}

TEST(TruncatePacket, ACopyIsCutWithoutTouchingTheOriginal) {
  const auto bytes = counting(300);
  const OwnedPacket original(test::make_packet(bytes));
  const OwnedPacket copy(clone_with_headroom(*original, test::pool()));
  truncate_packet(*copy, 50);
  EXPECT_EQ(copy->length(), 50u);
  EXPECT_EQ(test::contents(*original), bytes);
}

TEST(CopyPacket, HasBytesOfItsOwnAndKeepsFactsAndRequests) {
  const auto bytes = counting(5000);
  const uint32_t before = test::pool().in_use();
  {
    const OwnedPacket original(test::make_large_packet(bytes));
    original->vni = Vni{9};
    original->ol_flags |= RTE_MBUF_F_RX_LRO;
    original->tso_segsz = 500;
    const OwnedPacket clone(clone_with_headroom(*original, test::pool()));
    const OwnedPacket copy(copy_packet(*clone, test::pool()));
    EXPECT_TRUE(clone->shares_bytes());
    EXPECT_TRUE(original->shares_bytes());
    EXPECT_FALSE(copy->shares_bytes());
    EXPECT_EQ(test::contents(*copy), bytes);
    for (const OwnedPacket* packet : {&clone, &copy}) {
      EXPECT_EQ((*packet)->vni, Vni{9});
      EXPECT_TRUE((*packet)->is_super_frame());
      EXPECT_EQ((*packet)->tso_segsz, 500u);
    }
    copy->bytes()[0] = 99;
    EXPECT_EQ(test::contents(*original), bytes);
  }
  EXPECT_EQ(test::pool().in_use(), before);
}

TEST(SplitPacket, MovesNoByteAndGivesEverythingBack) {
  const auto bytes = counting(3000);
  const uint32_t before = test::pool().in_use();
  const uint32_t large_before = test::large_pool().in_use();
  for (const uint16_t at : std::initializer_list<uint16_t>{0, 1, 53, 3000}) {
    const OwnedPacket packet(test::make_large_packet(bytes));
    ASSERT_TRUE(split_packet(*packet, at, test::pool()));
    EXPECT_EQ(packet->data_len, at);
    EXPECT_EQ(packet->length(), bytes.size());
    EXPECT_EQ(test::contents(*packet), bytes);
    EXPECT_EQ(rte_mbuf_check(packet.get(), 1, nullptr), 0);
  }
  EXPECT_EQ(test::pool().in_use(), before);
  EXPECT_EQ(test::large_pool().in_use(), large_before);
}

TEST(SplitPacket, OfAChainSplitsTheFirstSegment) {
  const auto bytes = counting(1000);
  const uint32_t before = test::pool().in_use();
  {
    const OwnedPacket packet(test::make_packet(bytes));
    ASSERT_EQ(rte_pktmbuf_chain(packet.get(), test::make_packet(bytes)), 0);
    auto twice = bytes;
    twice.insert(twice.end(), bytes.begin(), bytes.end());
    ASSERT_TRUE(split_packet(*packet, 53, test::pool()));
    EXPECT_EQ(packet->data_len, 53);
    EXPECT_EQ(packet->nb_segs, 3);
    EXPECT_EQ(test::contents(*packet), twice);
    EXPECT_EQ(rte_mbuf_check(packet.get(), 1, nullptr), 0);
  }
  EXPECT_EQ(test::pool().in_use(), before);
}

}  // namespace
}  // namespace butterfly
