// SPDX-License-Identifier: Apache-2.0
#include "base/byte_order.h"

#include <gtest/gtest.h>

#include <array>

#include "base/clock.h"

namespace butterfly {
namespace {

TEST(BigEndianTest, BytesLieInNetworkOrder) {
  const be32 number = 0x01020304;
  std::array<uint8_t, 4> bytes;
  std::memcpy(bytes.data(), &number, sizeof bytes);
  EXPECT_EQ(bytes, (std::array<uint8_t, 4>{1, 2, 3, 4}));
  EXPECT_EQ(number, 0x01020304u);
  EXPECT_EQ(number.raw(), 0x04030201u);
}

TEST(BigEndianTest, AnUnalignedMemberReadsAndWrites) {
  struct Odd {
    uint8_t first;
    be16 port;
    be64 word;
  };
  static_assert(sizeof(Odd) == 11);
  Odd odd{};
  odd.port = 4789;
  odd.word = 0x1122334455667788;
  EXPECT_EQ(odd.port, 4789);
  EXPECT_EQ(odd.word, 0x1122334455667788u);
}

TEST(ClockTest, AnAgeIsRightAcrossTheWrap) {
  EXPECT_EQ(age_ms(5, 0xfffffffb), 10u);
  EXPECT_EQ(age_ms(1000, 400), 600u);
}

}  // namespace
}  // namespace butterfly
