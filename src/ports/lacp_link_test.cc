// SPDX-License-Identifier: Apache-2.0
// Two ends of a link, and ends that are silent. Against another implementation: record 0033.
#include "ports/lacp_link.h"

#include <gtest/gtest.h>

namespace butterfly {
namespace {

const Mac kOurs = *Mac::parse("02:00:00:00:00:01");
const Mac kTheirs = *Mac::parse("02:00:00:00:00:02");

class LacpLinkTest : public ::testing::Test {
 protected:
  // A tenth of a second on a cable that works.
  void tick(bool cable = true) {
    now_ += 100;
    us_.look(true, now_);
    them_.look(true, now_);
    us_.select(us_.has_partner() && we_may_);
    them_.select(them_.has_partner() && they_may_);
    auto from_us = us_.next_frame(kOurs, now_);
    auto from_them = them_.next_frame(kTheirs, now_);
    sent_ += from_us.has_value();
    if (from_us) last_ = from_us->actor.state;
    if (cable && from_us) them_.take(*from_us, now_);
    if (cable && from_them) us_.take(*from_them, now_);
  }
  void run(TimeMs ms, bool cable = true) {
    for (TimeMs passed = 0; passed < ms; passed += 100) tick(cable);
  }

  LacpLink us_{kOurs, 1, true};
  LacpLink them_{kTheirs, 7, true};
  bool we_may_ = true;  // be in the aggregate
  bool they_may_ = true;
  TimeMs now_ = 0xffffff00;  // about to wrap
  int sent_ = 0;
  uint8_t last_ = 0;
};

TEST_F(LacpLinkTest, CarriesNothingUntilBothHaveAgreed) {
  EXPECT_FALSE(us_.collects());
  EXPECT_FALSE(us_.distributes());
  run(1000);
  EXPECT_TRUE(us_.collects() && us_.distributes());
  EXPECT_TRUE(them_.collects() && them_.distributes());
  EXPECT_EQ(us_.partner().system, kTheirs);
  EXPECT_EQ(us_.partner().port, 7);
  tick();
  run(1000);
  EXPECT_EQ(last_, 0x3f) << "active, fast, aggregated, in sync, collecting, distributing";
}

TEST_F(LacpLinkTest, NobodySendsBeforeTheOtherCollects) {
  for (int i = 0; i < 20; ++i) {
    tick();
    EXPECT_TRUE(!us_.distributes() || them_.collects()) << i;
    EXPECT_TRUE(!them_.distributes() || us_.collects()) << i;
  }
  EXPECT_TRUE(us_.distributes());
}

TEST_F(LacpLinkTest, SpeaksOnceASecondWhenAllIsSaid) {
  run(3000);
  sent_ = 0;
  run(10'000);
  EXPECT_GE(sent_, 9);
  EXPECT_LE(sent_, 11);
}

TEST_F(LacpLinkTest, SpeaksEvery30SecondsToOneThatAsksForNoMore) {
  them_ = LacpLink(kTheirs, 7, false);
  run(3000);
  EXPECT_TRUE(us_.distributes());
  sent_ = 0;
  run(60'000);
  EXPECT_LE(sent_, 3);
  EXPECT_TRUE(us_.distributes()) << "it speaks every second, as we ask";
}

TEST_F(LacpLinkTest, IsLeftAfterThreeSecondsOfSilence) {
  run(2000);
  run(2000, /*cable=*/false);
  EXPECT_TRUE(us_.distributes());
  run(1500, /*cable=*/false);
  EXPECT_FALSE(us_.collects() || us_.distributes());
  EXPECT_TRUE(us_.has_partner()) << "its place is kept";
  EXPECT_EQ(last_ & wire::kLacpExpired, wire::kLacpExpired);
  run(3000, /*cable=*/false);
  EXPECT_FALSE(us_.has_partner());
  EXPECT_EQ(last_ & wire::kLacpDefaulted, wire::kLacpDefaulted);
  run(2000);
  EXPECT_TRUE(us_.distributes());
}

TEST_F(LacpLinkTest, IsLeftAtOnceWithoutCarrier) {
  run(2000);
  now_ += 100;
  us_.look(false, now_);
  EXPECT_FALSE(us_.collects() || us_.distributes());
  EXPECT_FALSE(us_.next_frame(kOurs, now_)) << "into no cable";
  run(2000);
  EXPECT_TRUE(us_.distributes());
}

TEST_F(LacpLinkTest, IsNotUsedWhenItIsNotSelected) {
  we_may_ = false;
  run(2000);
  EXPECT_TRUE(us_.has_partner());
  EXPECT_FALSE(us_.collects() || us_.distributes());
  EXPECT_FALSE(them_.collects()) << "they are not told that we are in sync";
}

TEST_F(LacpLinkTest, FollowsThePartnerThatLeavesTheAggregate) {
  run(2000);
  they_may_ = false;
  run(500);
  EXPECT_FALSE(us_.collects() || us_.distributes());
  EXPECT_TRUE(us_.has_partner());
}

TEST_F(LacpLinkTest, DoesNotAgreeWithOneThatTakesItForAnother) {
  wire::LacpParty partner{0x8000, kTheirs, 1, 0x8000, 7, 0x3f};
  wire::LacpParty us{0x8000, kOurs, 1, 0x8000, 2, 0x3f};  // that is another link of ours
  us_.look(true, now_);
  us_.take(wire::make_lacp(kTheirs, partner, us), now_);
  us_.select(true);
  EXPECT_FALSE(us_.collects());
  us.port = 1;
  us_.take(wire::make_lacp(kTheirs, partner, us), now_);
  EXPECT_TRUE(us_.distributes());
}

TEST_F(LacpLinkTest, IsNoPartnerOfItself) {
  run(500, /*cable=*/false);
  LacpLink other(kOurs, 2, true);
  other.look(true, now_);
  us_.take(*other.next_frame(kOurs, now_), now_);
  EXPECT_FALSE(us_.has_partner());
}

TEST_F(LacpLinkTest, WantsAPartnerThatAggregates) {
  const wire::LacpParty partner{0x8000, kTheirs, 1,
                                0x8000, 7,       wire::kLacpActive | wire::kLacpSynchronization};
  us_.look(true, now_);
  us_.take(wire::make_lacp(kTheirs, partner, {}), now_);
  EXPECT_FALSE(us_.has_partner());
}

TEST_F(LacpLinkTest, IsNotDrivenToFloodItsPartner) {
  run(2000);
  sent_ = 0;
  for (int i = 0; i < 100; ++i) {  // it never knows us
    tick();
    us_.take(wire::make_lacp(kTheirs, us_.partner(), {}), now_);
  }
  EXPECT_LE(sent_, 3 * 11);
}

}  // namespace
}  // namespace butterfly
