// SPDX-License-Identifier: Apache-2.0
#include "cli/pcapng.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace butterfly {
namespace {

uint32_t word(const std::string& text, size_t at) {
  uint32_t value = 0;
  std::memcpy(&value, text.data() + at, sizeof value);
  return value;
}

// The blocks of a file, each checked for its two lengths.
std::vector<std::string> blocks_of(const std::string& file) {
  std::vector<std::string> blocks;
  for (size_t at = 0; at < file.size();) {
    const uint32_t length = word(file, at + 4);
    EXPECT_EQ(length % 4, 0u);
    EXPECT_LE(at + length, file.size());
    EXPECT_EQ(word(file, at + length - 4), length);
    blocks.push_back(file.substr(at, length));
    at += length;
  }
  return blocks;
}

TEST(Pcapng, AFileBeginsWithASectionAndTwoInterfaces) {
  const auto blocks = blocks_of(Pcapng::begin("web-1", "butterfly 1.0", 2048));
  ASSERT_EQ(blocks.size(), 3u);
  EXPECT_EQ(word(blocks[0], 0), 0x0a0d0d0au);
  EXPECT_EQ(word(blocks[0], 8), 0x1a2b3c4du);
  EXPECT_NE(blocks[0].find("butterfly 1.0"), std::string::npos);
  for (const size_t i : {1u, 2u}) {
    EXPECT_EQ(word(blocks[i], 0), 1u);
    EXPECT_EQ(word(blocks[i], 8), 1u) << "Ethernet";
    EXPECT_EQ(word(blocks[i], 12), 2048u);
  }
  EXPECT_EQ(blocks[1].find("dropped"), std::string::npos);
  EXPECT_NE(blocks[2].find("web-1 dropped"), std::string::npos);
}

TEST(Pcapng, APacketHasItsTimeItsLengthsItsBytesAndItsComment) {
  for (size_t size = 60; size < 68; ++size) {
    const std::string bytes(size, 'x');
    const auto blocks = blocks_of(Pcapng::packet({.interface = Pcapng::Interface::dropped,
                                                  .direction = Pcapng::Direction::outbound,
                                                  .time_ns = 0x1122334455667788,
                                                  .length = 1500,
                                                  .bytes = bytes,
                                                  .comment = "dropped by a/b"}));
    ASSERT_EQ(blocks.size(), 1u);
    EXPECT_EQ(word(blocks[0], 0), 6u);
    EXPECT_EQ(word(blocks[0], 8), 1u);
    EXPECT_EQ(word(blocks[0], 12), 0x11223344u);
    EXPECT_EQ(word(blocks[0], 16), 0x55667788u);
    EXPECT_EQ(word(blocks[0], 20), size);
    EXPECT_EQ(word(blocks[0], 24), 1500u);
    EXPECT_EQ(blocks[0].substr(28, size), bytes);
    EXPECT_NE(blocks[0].find("dropped by a/b"), std::string::npos);
  }
}

TEST(Pcapng, WithoutOptionsThereAreNone) {
  const auto blocks = blocks_of(Pcapng::packet({.length = 60, .bytes = "abcd"}));
  ASSERT_EQ(blocks.size(), 1u);
  EXPECT_EQ(blocks[0].size(), 8u + 20 + 4 + 4);
}

TEST(Pcapng, TheEndCountsWhatIsMissing) {
  const auto blocks = blocks_of(Pcapng::end(1, 77, 5));
  ASSERT_EQ(blocks.size(), 1u);
  EXPECT_EQ(word(blocks[0], 0), 5u);
  EXPECT_EQ(word(blocks[0], 24), 77u);
  EXPECT_EQ(word(blocks[0], 36), 5u);
}

}  // namespace
}  // namespace butterfly
