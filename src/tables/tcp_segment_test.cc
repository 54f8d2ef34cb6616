// SPDX-License-Identifier: Apache-2.0
// What is read of a TCP header.
#include <gtest/gtest.h>

#include <vector>

#include "tables/tcp_state.h"
#include "wire/headers.h"

namespace butterfly::tcp {
namespace {

std::vector<uint8_t> header_with(std::vector<uint8_t> options, uint8_t flags = wire::kTcpSyn) {
  std::vector<uint8_t> bytes{0x9c, 0x40, 0, 22,    0,    0, 3, 0xe8, 0, 0,
                             0,    9,    0, flags, 0x20, 0, 0, 0,    0, 0};
  while (options.size() % 4 != 0) options.push_back(0);
  bytes[12] = static_cast<uint8_t>((20 + options.size()) / 4 << 4);
  bytes.insert(bytes.end(), options.begin(), options.end());
  return bytes;
}

uint8_t scale_in(const std::vector<uint8_t>& options, uint8_t flags = wire::kTcpSyn) {
  const auto bytes = header_with(options, flags);
  return read_segment(bytes, static_cast<uint16_t>(bytes.size())).scale;
}

TEST(TcpSegment, HeaderFieldsAndPayloadAreRead) {
  auto bytes = header_with({}, wire::kTcpAck | wire::kTcpFin);
  const Segment segment = read_segment(bytes, static_cast<uint16_t>(bytes.size() + 100));
  EXPECT_EQ(segment.sequence, 1000u);
  EXPECT_EQ(segment.acknowledgement, 9u);
  EXPECT_EQ(segment.end, 1101u);
  EXPECT_EQ(segment.window, 0x2000);
}

TEST(TcpSegment, TheWindowScaleIsFoundAmongOptionsAndCutTo14) {
  EXPECT_EQ(scale_in({3, 3, 7}), 7);
  EXPECT_EQ(scale_in({2, 4, 5, 0xb4, 1, 3, 3, 9}), 9);
  EXPECT_EQ(scale_in({3, 3, 200}), 14);
  EXPECT_EQ(scale_in({3, 3, 7}, wire::kTcpAck), kNoScale);  // only a SYN offers
}

TEST(TcpSegment, OptionsThatLieAboutTheirLengthEndTheList) {
  EXPECT_EQ(scale_in({}), kNoScale);
  EXPECT_EQ(scale_in({3, 0, 7}), kNoScale);
  EXPECT_EQ(scale_in({3, 1, 7}), kNoScale);
  EXPECT_EQ(scale_in({3, 4, 7, 1}), kNoScale);
  EXPECT_EQ(scale_in({0, 3, 3, 7}), kNoScale);
  EXPECT_EQ(scale_in({1, 1, 1, 3}), kNoScale);
  EXPECT_EQ(scale_in({8, 200, 3, 3, 7}), kNoScale);
}

TEST(TcpSegment, AHeaderThatIsCutShortHasNoFlags) {
  auto bytes = header_with({3, 3, 7});
  EXPECT_EQ(read_segment({bytes.data(), 19}, 19).flags, 0);
  EXPECT_EQ(read_segment({bytes.data(), 20}, 24).flags, 0);
  EXPECT_EQ(read_segment(bytes, 20).flags, 0);
  bytes[12] = 0x40;
  EXPECT_EQ(read_segment(bytes, 24).flags, 0);
}

}  // namespace
}  // namespace butterfly::tcp
