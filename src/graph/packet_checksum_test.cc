// SPDX-License-Identifier: Apache-2.0
#include "graph/packet_checksum.h"

#include "support/underlay.h"

namespace butterfly {
namespace {

using test::OwnedPacket;

std::vector<uint8_t> counting(size_t count) {
  std::vector<uint8_t> bytes(count);
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<uint8_t>(i * 37 + 255);
  return bytes;
}

TEST(PacketSum, DoesNotDependOnWhereSegmentsEnd) {
  const auto bytes = counting(1500);
  const uint16_t wanted = wire::checksum_finish(wire::checksum_add(std::span(bytes).subspan(33)));
  for (const uint16_t first : std::initializer_list<uint16_t>{32, 33, 34, 35, 700, 701, 1499}) {
    const OwnedPacket packet(test::make_packet(bytes));
    test::split(*packet, first);
    EXPECT_EQ(wire::checksum_finish(packet_sum(*packet, 33, 1467)), wanted) << first;
  }
}

TEST(PacketSum, ContinuesOverEmptyAndOddSegments) {
  const auto bytes = counting(999);
  const OwnedPacket packet(test::make_packet(bytes));
  test::split(*packet, 501);
  test::split(*packet, 100);
  test::split(*packet, 77);
  test::split(*packet, 0);
  EXPECT_EQ(wire::checksum_finish(packet_sum(*packet, 0, 999)),
            wire::checksum_finish(wire::checksum_add(bytes)));
}

TEST(PacketSum, CountsOnlyWhatItIsAskedFor) {
  const OwnedPacket packet(test::make_packet(counting(100)));
  EXPECT_EQ(wire::checksum_finish(packet_sum(*packet, 10, 20)),
            wire::checksum_finish(wire::checksum_add(packet->bytes().subspan(10, 20))));
}

TEST(Ipv4Checksum, HoldsForARightHeaderWithAndWithoutOptionsOnly) {
  for (const char* options : {"", "options=0101010101010100"}) {
    const auto bytes = test::bytes_of("eth/ipv4(" + std::string(options) + ")/udp");
    const size_t length = static_cast<size_t>(bytes[14] & 15) * 4;
    std::vector<uint8_t> header(bytes.begin() + 14, bytes.begin() + 14 + length);
    EXPECT_TRUE(ipv4_checksum_holds(header));
    for (size_t i = 0; i < length; ++i) {
      header[i] ^= 0x10;
      EXPECT_FALSE(ipv4_checksum_holds(header)) << i;
      header[i] ^= 0x10;
    }
  }
}

}  // namespace
}  // namespace butterfly
