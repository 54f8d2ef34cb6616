// SPDX-License-Identifier: Apache-2.0
#include "host/learnt_peers.h"

#include <gtest/gtest.h>

namespace butterfly {
namespace {

IpAddress address(uint8_t number) { return Ipv4{{192, 0, 2, number}}; }

// Segments 7 and 8 learn their peers, 9 does not; 192.0.2.5 is configured.
class LearntPeersTest : public ::testing::Test {
 protected:
  LearntPeersTest() {
    for (const uint32_t vni : {7, 8, 9}) {
      SegmentIntent segment;
      segment.vni = Vni{vni};
      segment.learn_peers = vni != 9;
      intent_.segments.set(segment.vni, segment);
    }
    intent_.peers.set(address(5), {address(5), {Vni{9}}});
  }
  bool take(uint8_t number, uint32_t vni) {
    return learnt_.take({{address(number), Vni{vni}}}, intent_, all_, now_);
  }
  bool forget(bool in_use) {
    return learnt_.forget(
        intent_, [in_use](const IpAddress&) { return in_use; }, now_);
  }
  std::set<Vni> vnis(uint8_t number) {
    const Intent whole = learnt_.add_to(intent_);
    const auto peer = whole.peers.find(address(number));
    return peer == whole.peers.end() ? std::set<Vni>() : peer->second.vnis;
  }

  Intent intent_;
  LearntPeers learnt_;
  std::function<bool(const IpAddress&)> all_ = [](const IpAddress&) { return true; };
  TimeMs now_ = 1'000;
};

TEST_F(LearntPeersTest, WhoSpeaksForASegmentThatLearnsIsItsPeer) {
  EXPECT_TRUE(take(66, 7));
  EXPECT_FALSE(take(66, 7)) << "no news";
  EXPECT_TRUE(take(66, 8));
  EXPECT_EQ(vnis(66), (std::set{Vni{7}, Vni{8}}));
  EXPECT_FALSE(take(66, 9));
  EXPECT_FALSE(take(67, 9)) << "does not learn";
  EXPECT_FALSE(take(68, 10)) << "unknown";
}

TEST_F(LearntPeersTest, AConfiguredPeerHasWhatItWasGiven) {
  EXPECT_FALSE(take(5, 7));
  EXPECT_EQ(vnis(5), std::set{Vni{9}});
}

TEST_F(LearntPeersTest, WhoCannotBeAPeerIsNone) {
  all_ = [](const IpAddress&) { return false; };
  EXPECT_FALSE(take(66, 7));
}

TEST_F(LearntPeersTest, OnlySoManyAreLearnt) {
  intent_.switching.set(SwitchKnob::learnt_peers, 1);
  EXPECT_TRUE(take(66, 7));
  EXPECT_FALSE(take(67, 7));
  EXPECT_TRUE(take(66, 8)) << "a further segment of one that is there";
  intent_.switching.set(SwitchKnob::learnt_peers, 0);
  EXPECT_FALSE(take(67, 7));
}

TEST_F(LearntPeersTest, OneThatIsNotInUseIsForgottenInTime) {
  take(66, 7);
  EXPECT_FALSE(forget(false)) << "not at once";
  now_ += LearntPeers::kLeastMs;
  EXPECT_FALSE(forget(true));
  EXPECT_TRUE(forget(false));
  EXPECT_TRUE(learnt_.empty());
}

TEST_F(LearntPeersTest, ThePeersOfASegmentThatLearnsNoMoreGo) {
  take(66, 7);
  take(66, 8);
  take(67, 7);
  intent_.segments.erase(Vni{7});
  EXPECT_TRUE(forget(true));
  EXPECT_EQ(vnis(66), std::set{Vni{8}});
  EXPECT_FALSE(learnt_.contains(address(67)));
}

TEST_F(LearntPeersTest, OneThatIsConfiguredByNowIsNotLearntAnyMore) {
  take(66, 7);
  intent_.peers.set(address(66), {address(66), {Vni{9}}});
  EXPECT_EQ(vnis(66), std::set{Vni{9}});
  EXPECT_TRUE(forget(true));
  EXPECT_TRUE(learnt_.empty());
}

TEST_F(LearntPeersTest, WhetherAnySegmentLearns) {
  EXPECT_TRUE(learns_peers(intent_));
  intent_.segments.erase(Vni{7});
  intent_.segments.erase(Vni{8});
  EXPECT_FALSE(learns_peers(intent_));
}

}  // namespace
}  // namespace butterfly
