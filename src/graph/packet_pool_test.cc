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

}  // namespace
}  // namespace butterfly
