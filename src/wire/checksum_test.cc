// SPDX-License-Identifier: Apache-2.0
#include "wire/checksum.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace butterfly::wire {
namespace {

// RFC 1071 §1 read literally: 16 bits at a time, network order.
uint16_t checksum_word_by_word(std::span<const uint8_t> bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? static_cast<uint32_t>(bytes[i]) << 8 : bytes[i];
    if (sum > 0xffff) sum -= 0xffff;
  }
  return static_cast<uint16_t>(~sum);
}

TEST(ChecksumTest, TheExampleOfTheRfcComesOut) {
  const std::vector<uint8_t> bytes{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(checksum_finish(checksum_add(bytes)), static_cast<uint16_t>(~0xddf2));
}

TEST(ChecksumTest, AHeaderWithItsChecksumInItSumsToZero) {
  const std::vector<uint8_t> header{0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
                                    0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};
  EXPECT_EQ(checksum_finish(checksum_add(header)), 0);
}

TEST(ChecksumTest, EveryLengthAgreesWithTheWordByWordSum) {
  std::mt19937 random(1);
  for (size_t length = 0; length <= 1600; ++length) {
    std::vector<uint8_t> bytes(length);
    for (auto& byte : bytes) byte = static_cast<uint8_t>(random());
    ASSERT_EQ(checksum_finish(checksum_add(bytes)), checksum_word_by_word(bytes)) << length;
  }
}

TEST(ChecksumTest, TheLargestPacketOfOnesDoesNotOverflow) {
  const std::vector<uint8_t> bytes(65535, 0xff);
  EXPECT_EQ(checksum_finish(checksum_add(bytes)), checksum_word_by_word(bytes));
}

TEST(ChecksumTest, PartsOfEvenLengthAddUpToTheWhole) {
  std::vector<uint8_t> bytes(101);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 37);
  const std::span all(bytes);
  EXPECT_EQ(checksum_finish(checksum_add(all.subspan(34), checksum_add(all.first(34)))),
            checksum_finish(checksum_add(all)));
}

TEST(ChecksumTest, ThePseudoHeaderCountsAddressesProtocolAndLength) {
  // UDP 192.168.0.1:1 > 192.168.0.2:2, 9 bytes with the payload "x": its checksum by hand.
  const std::vector<uint8_t> udp{0x00, 0x01, 0x00, 0x02, 0x00, 0x09, 0x00, 0x00, 'x'};
  const IpAddress source = Ipv4{{192, 168, 0, 1}};
  const IpAddress destination = Ipv4{{192, 168, 0, 2}};
  const uint32_t by_hand = 0xc0a8 + 0x0001 + 0xc0a8 + 0x0002 + 17 + 9 + 1 + 2 + 9 + 0x7800;
  EXPECT_EQ(checksum_finish(checksum_add(udp, pseudo_header_sum(source, destination, 17, 9))),
            static_cast<uint16_t>(~((by_hand & 0xffff) + (by_hand >> 16))));
}

TEST(ChecksumTest, AnIpv6PseudoHeaderHasALengthOf32Bits) {
  const IpAddress a = IpAddress::parse("fd00::1").value();
  const IpAddress b = IpAddress::parse("fd00::2").value();
  EXPECT_EQ(pseudo_header_sum(a, b, 58, 0x12345), 0xfd00u + 1 + 0xfd00 + 2 + 58 + 1 + 0x2345);
}

}  // namespace
}  // namespace butterfly::wire
