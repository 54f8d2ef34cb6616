// SPDX-License-Identifier: Apache-2.0
#include "ports/frame_ring.h"

#include <gtest/gtest.h>

#include <vector>

namespace butterfly {
namespace {

std::vector<uint8_t> frame_of(size_t length, uint8_t value) {
  return std::vector<uint8_t>(length, value);
}

TEST(FrameRing, GivesBackWhatWasPutInItsOrder) {
  FrameRing ring;
  FrameRing::Frame frame;
  EXPECT_FALSE(ring.take(frame));
  for (uint8_t round = 0; round < 50; ++round) {
    ring.put(round % 8, round % 2 == 0, frame_of(60u + round, round));
    ring.put(7, false, frame_of(1, 0xff));
    ASSERT_TRUE(ring.take(frame));
    EXPECT_EQ(frame.member, round % 8);
    EXPECT_EQ(frame.is_plain, round % 2 == 0);
    EXPECT_EQ(std::vector<uint8_t>(frame.span().begin(), frame.span().end()),
              frame_of(60u + round, round));
    ASSERT_TRUE(ring.take(frame));
    EXPECT_EQ(frame.length, 1);
    EXPECT_FALSE(ring.take(frame));
  }
}

TEST(FrameRing, LosesWhatComesWhenItIsFull) {
  FrameRing ring;
  FrameRing::Frame frame;
  for (uint8_t i = 0; i < FrameRing::kSlots + 3; ++i) ring.put(0, true, frame_of(1, i));
  for (uint8_t i = 0; i < FrameRing::kSlots; ++i) {
    ASSERT_TRUE(ring.take(frame));
    EXPECT_EQ(frame.bytes[0], i);
  }
  EXPECT_FALSE(ring.take(frame));
}

TEST(FrameRing, KeepsTheHeadOfALongFrame) {
  FrameRing ring;
  FrameRing::Frame frame;
  ring.put(0, true, frame_of(FrameRing::kBytes + 1, 5));
  ASSERT_TRUE(ring.take(frame));
  EXPECT_EQ(frame.span().size(), FrameRing::kBytes);
}

}  // namespace
}  // namespace butterfly
