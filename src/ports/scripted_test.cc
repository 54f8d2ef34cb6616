// SPDX-License-Identifier: Apache-2.0
#include "ports/scripted.h"

#include <gtest/gtest.h>

#include <numeric>

#include "support/eal.h"
#include "support/packet_text.h"

namespace butterfly {
namespace {

using Frame = ScriptedLink::Frame;

Frame frame_of_length(size_t length) {
  Frame frame(length);
  std::iota(frame.begin(), frame.end(), uint8_t{0});
  return frame;
}

class ScriptedPortTest : public ::testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(test::pool().in_use(), before_); }

  const uint32_t before_ = test::pool().in_use();
  std::shared_ptr<ScriptedLink> link_ = std::make_shared<ScriptedLink>();
  ScriptedPort port_{link_, test::pool()};
  std::array<Packet*, kBurst> burst_;
};

TEST_F(ScriptedPortTest, WhatIsFedIsReceivedInOrderAndWhatIsSentIsTaken) {
  const std::vector<Frame> frames{frame_of_length(60), frame_of_length(1514),
                                  frame_of_length(2 * kBufferData + 1)};
  for (const Frame& frame : frames) link_->feed(frame);
  ASSERT_EQ(port_.receive(0, burst_), 3);
  for (size_t i = 0; i < frames.size(); ++i) EXPECT_EQ(test::contents(*burst_[i]), frames[i]);
  EXPECT_EQ(burst_[2]->nb_segs, 3);
  EXPECT_EQ(port_.transmit(0, std::span(burst_.data(), 3)).taken, 3);
  EXPECT_EQ(link_->take(), frames);
  EXPECT_TRUE(link_->take().empty());
}

TEST_F(ScriptedPortTest, AnEndlessFrameComesWhileNoOtherWaits) {
  link_->feed(frame_of_length(60));
  link_->feed_endlessly(frame_of_length(61));
  ASSERT_EQ(port_.receive(0, burst_), kBurst);
  EXPECT_EQ(test::contents(*burst_[0]), frame_of_length(60));
  EXPECT_EQ(test::contents(*burst_[kBurst - 1]), frame_of_length(61));
  free_packets(burst_);
  EXPECT_EQ(link_->waiting(), 0u);
  link_->feed_endlessly({});
  EXPECT_EQ(port_.receive(0, burst_), 0);
}

TEST_F(ScriptedPortTest, AFullRingTakesWhatFitsAndLeavesTheRestToTheCaller) {
  link_->set_room(1);
  burst_[0] = test::make_packet(frame_of_length(60));
  burst_[1] = test::make_packet(frame_of_length(61));
  const Port::Sent sent = port_.transmit(0, std::span(burst_.data(), 2));
  EXPECT_EQ(sent.taken, 1);
  EXPECT_EQ(sent.refusal, Port::Refusal::ring_full);
  free_packets(std::span(&burst_[1], 1));
}

TEST_F(ScriptedPortTest, NobodyThereMeansNothingReceivedAndEverythingRefused) {
  link_->set_connected(false);
  link_->feed(frame_of_length(60));
  EXPECT_FALSE(port_.is_connected());
  EXPECT_EQ(port_.receive(0, burst_), 0);
  burst_[0] = test::make_packet(frame_of_length(60));
  EXPECT_EQ(port_.transmit(0, std::span(burst_.data(), 1)).refusal, Port::Refusal::not_connected);
  free_packets(std::span(burst_.data(), 1));
  EXPECT_EQ(link_->waiting(), 1u);
}

TEST_F(ScriptedPortTest, AFrameLongerThanThePortCarriesIsRefused) {
  link_->set_longest(1514);
  burst_[0] = test::make_packet(frame_of_length(1515));
  EXPECT_EQ(port_.transmit(0, std::span(burst_.data(), 1)).refusal, Port::Refusal::too_long);
  free_packets(std::span(burst_.data(), 1));
}

}  // namespace
}  // namespace butterfly
