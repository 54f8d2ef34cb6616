// SPDX-License-Identifier: Apache-2.0
#include "tables/storm_limits.h"

#include <gtest/gtest.h>

namespace butterfly {
namespace {

using Verdict = StormLimits::Verdict;
using enum FloodKind;

constexpr PortId kNic{3};
constexpr PortId kOther{4};

class StormLimitsTest : public ::testing::Test {
 protected:
  void limit(SwitchKnob knob, uint32_t rate) {
    settings_.set(knob, rate);
    limits_.set_limits(settings_);
  }
  // How many of `count` frames pass at that moment.
  int passing(int count, PortId from, FloodKind kind, TimeMs now, uint16_t segment = 5) {
    int passed = 0;
    for (int i = 0; i < count; ++i) {
      passed += limits_.take(from, segment, kind, now) == Verdict::passes;
    }
    return passed;
  }
  SwitchSettings settings_;
  StormLimits limits_;
};

TEST_F(StormLimitsTest, WithoutALimitAllPasses) {
  EXPECT_EQ(passing(100'000, kNic, broadcast, 7), 100'000);
}

TEST_F(StormLimitsTest, ASecondsWorthPassesAtOnceAndThenTheRate) {
  limit(SwitchKnob::nic_broadcast_per_s, 10);
  EXPECT_EQ(passing(50, kNic, broadcast, 5), 10);
  EXPECT_EQ(passing(50, kNic, broadcast, 104), 0);
  EXPECT_EQ(passing(50, kNic, broadcast, 105), 1);
  EXPECT_EQ(passing(50, kNic, broadcast, 605), 5);
  EXPECT_EQ(passing(50, kNic, broadcast, 60'605), 10) << "no more is saved up";
}

TEST_F(StormLimitsTest, EachNicAndKindHasItsOwn) {
  limit(SwitchKnob::nic_broadcast_per_s, 10);
  limit(SwitchKnob::nic_unknown_per_s, 3);
  EXPECT_EQ(passing(50, kNic, broadcast, 5), 10);
  EXPECT_EQ(passing(50, kNic, unknown, 5), 3);
  EXPECT_EQ(passing(50, kNic, multicast, 5), 50);
  EXPECT_EQ(passing(50, kOther, broadcast, 5), 10);
  EXPECT_EQ(passing(50, kUplinkPort, broadcast, 5), 50) << "no nic's";
}

TEST_F(StormLimitsTest, ASegmentsLimitCountsWhatItsNicsAndPeersSendTogether) {
  limit(SwitchKnob::segment_multicast_per_s, 10);
  limit(SwitchKnob::nic_multicast_per_s, 4);
  EXPECT_EQ(passing(50, kNic, multicast, 5), 4);
  EXPECT_EQ(limits_.take(kNic, 5, multicast, 5), Verdict::nic_limit);
  EXPECT_EQ(passing(50, kUplinkPort, multicast, 5), 6) << "what the nic refused costs nothing";
  EXPECT_EQ(limits_.take(kOther, 5, multicast, 5), Verdict::segment_limit);
  EXPECT_EQ(passing(50, kUplinkPort, multicast, 5, /*segment=*/6), 10);
}

TEST_F(StormLimitsTest, ALimitThatChangesCountsAtOnce) {
  limit(SwitchKnob::nic_broadcast_per_s, kMostFloodedPerSecond);
  EXPECT_EQ(passing(20, kNic, broadcast, 5), 20);
  limit(SwitchKnob::nic_broadcast_per_s, 10);
  EXPECT_EQ(passing(20, kNic, broadcast, 5), 0) << "it has used more";
  limit(SwitchKnob::nic_broadcast_per_s, 0);
  EXPECT_EQ(passing(20, kNic, broadcast, 5), 20);
}

}  // namespace
}  // namespace butterfly
