// SPDX-License-Identifier: Apache-2.0
#include "host/poll_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>

namespace butterfly {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class FakePort : public Port {
 public:
  uint16_t receive(uint16_t, std::span<Packet*>) noexcept override { return 0; }
  Sent transmit(uint16_t, std::span<Packet*>) noexcept override { return {}; }
  bool is_connected() const noexcept override { return true; }
  Armed arm() noexcept override {
    ++asked;
    return answer;
  }

  Armed answer = Armed::yes;
  int asked = 0;
};

class PollPlanTest : public ::testing::Test {
 protected:
  static constexpr bool kCanWake = true;

  void add(uint16_t count, bool can_wake = kCanWake, bool is_uplink = false) {
    for (uint16_t i = 0; i < count; ++i) {
      ports_.push_back(std::make_unique<FakePort>());
      plan_.add(
          {ports_.back().get(), PortId{static_cast<uint16_t>(ports_.size())}, Vni{1}, 0, is_uplink},
          can_wake);
    }
  }
  // The ports looked at in a round; `waiting` says how many packets each brings.
  std::vector<uint16_t> round() {
    std::vector<uint16_t> looked;
    plan_.look_at_busy(
        [&](const PolledPort& port) {
          looked.push_back(port.id.value);
          return waiting_[port.id.value];
        },
        [&](PortId id) { return std::exchange(charged_[id.value], 0); });
    return looked;
  }
  void grow_idle() {
    for (int i = 0; i < PollPlan::kEmptyToIdle; ++i) round();
  }
  FakePort& port(uint16_t id) { return *ports_[id - 1u]; }
  // Arms, and says which ports were asked.
  std::vector<uint16_t> arm() {
    for (auto& port : ports_) port->asked = 0;
    is_empty_ = plan_.arm(0);
    std::vector<uint16_t> asked;
    for (size_t i = 0; i < ports_.size(); ++i) {
      if (ports_[i]->asked != 0) asked.push_back(static_cast<uint16_t>(i + 1));
    }
    return asked;
  }

  PollPlan plan_;
  std::map<uint16_t, uint32_t> waiting_;
  std::map<uint16_t, uint32_t> charged_;
  bool is_empty_ = false;

 private:
  std::vector<std::unique_ptr<FakePort>> ports_;
};

TEST_F(PollPlanTest, AllAreLookedAtUntilTheyHaveLongBeenEmpty) {
  add(200);
  for (int i = 1; i < PollPlan::kEmptyToIdle; ++i) EXPECT_THAT(round(), SizeIs(200));
  round();
  EXPECT_THAT(round(), SizeIs(PollPlan::kIdleLooks));
}

TEST_F(PollPlanTest, EachIdlePortHasItsTurn) {
  add(200);
  grow_idle();
  std::map<uint16_t, int> looks;
  for (uint32_t i = 0; i < 200 / PollPlan::kIdleLooks; ++i) {
    for (const uint16_t id : round()) ++looks[id];
  }
  EXPECT_THAT(looks, SizeIs(200));
}

TEST_F(PollPlanTest, OfAFewIdlePortsOneInEightIsLookedAt) {
  add(9);
  grow_idle();
  EXPECT_THAT(round(), SizeIs(2));
}

TEST_F(PollPlanTest, OneIdlePortAmongManyBusyOnesIsNotForgotten) {
  add(300);
  for (uint16_t id = 1; id <= 300; ++id) waiting_[id] = id == 150 ? 0 : 1;
  grow_idle();
  for (uint32_t i = 0; i < PollPlan::kIdleTurns; ++i) EXPECT_THAT(round(), Contains(150));
}

TEST_F(PollPlanTest, PacketsBuyLooksAtIdlePorts) {
  add(400);
  waiting_[7] = 32;
  grow_idle();
  const auto looked = round();
  EXPECT_EQ(looked.front(), 7);
  EXPECT_THAT(looked, SizeIs(1 + PollPlan::kIdleLooks + 32 / PollPlan::kPacketsALook));
}

TEST_F(PollPlanTest, AnIdlePortThatBringsAPacketIsBusyAgain) {
  add(200);
  grow_idle();
  waiting_[150] = 1;
  while (round().front() != 150) {
  }
  waiting_[150] = 0;
  EXPECT_EQ(round().front(), 150);
}

TEST_F(PollPlanTest, APortWaitsUntilTheOthersHaveHadWhatItsPacketsCost) {
  add(2);
  waiting_ = {{1, 32}, {2, 32}};
  round();  // the plan has begun
  charged_[1] = 3 * kBurst;
  for (int i = 0; i < 3; ++i) EXPECT_THAT(round(), ElementsAre(2));
  EXPECT_THAT(round(), ElementsAre(1, 2));
}

TEST_F(PollPlanTest, NobodyWaitsForThoseWhoHaveNothing) {
  add(2);
  waiting_[1] = 32;
  round();  // the plan has begun
  charged_[1] = 300 * kBurst;
  EXPECT_THAT(round(), ElementsAre(2, 1));
  EXPECT_THAT(round(), ElementsAre(1, 2)) << "its debt is forgotten";
}

TEST_F(PollPlanTest, ADebtHasABound) {
  add(2);
  waiting_ = {{1, 32}, {2, 32}};
  round();  // the plan has begun
  charged_[1] = UINT32_MAX - kBurst;
  uint32_t rounds = 0;
  while (round().front() != 1) ++rounds;
  EXPECT_EQ(rounds, PollPlan::kMostDebt / kBurst);
}

TEST_F(PollPlanTest, TheUplinkServesAllAndNeverWaits) {
  add(1, kCanWake, /*is_uplink=*/true);
  add(1);
  waiting_ = {{1, 32}, {2, 32}};
  round();  // the plan has begun
  charged_[1] = 10 * kBurst;
  EXPECT_THAT(round(), ElementsAre(1, 2));
}

TEST_F(PollPlanTest, TheUplinkAndWhatCannotWakeUsAreNeverIdle) {
  add(1, kCanWake, /*is_uplink=*/true);
  add(1, !kCanWake);
  add(100);
  grow_idle();
  const auto looked = round();
  EXPECT_THAT(std::span(looked).first(2), ElementsAre(1, 2));
}

TEST_F(PollPlanTest, AllPortsMeansAll) {
  add(100);
  grow_idle();
  waiting_[100] = 3;
  uint32_t looks = 0;
  EXPECT_EQ(plan_.look_at_all([&](const PolledPort& port) {
    ++looks;
    return waiting_[port.id.value];
  }),
            3u);
  EXPECT_EQ(looks, 100u);
}

TEST_F(PollPlanTest, ASleepAsksOnlyThoseThatAreNoLongerArmed) {
  add(5);
  EXPECT_THAT(arm(), SizeIs(5));
  EXPECT_TRUE(is_empty_);
  EXPECT_THAT(arm(), IsEmpty());
  waiting_[3] = 1;
  round();  // port 3 goes back to being polled
  EXPECT_THAT(arm(), ElementsAre(3));
  plan_.wake(PortId{5});
  EXPECT_THAT(arm(), ElementsAre(5));
}

TEST_F(PollPlanTest, WhereNobodyIsThereSomebodyMayComeUnnoticed) {
  add(2);
  port(2).answer = Port::Armed::nobody_there;
  arm();
  EXPECT_THAT(arm(), ElementsAre(2));
  EXPECT_TRUE(is_empty_);
}

TEST_F(PollPlanTest, APortWithPacketsWaitingForbidsSleepAndIsLookedAtNext) {
  add(200);
  grow_idle();
  port(120).answer = Port::Armed::packets_wait;
  arm();
  EXPECT_FALSE(is_empty_);
  EXPECT_EQ(round().front(), 120);
  EXPECT_THAT(arm(), ElementsAre(120));
}

TEST_F(PollPlanTest, TheLastLookIsAtThoseJustArmed) {
  add(4);
  arm();
  plan_.wake(PortId{2});
  arm();
  std::vector<uint16_t> looked;
  plan_.look_at_armed([&](const PolledPort& port) {
    looked.push_back(port.id.value);
    return 1u;
  });
  EXPECT_THAT(looked, ElementsAre(2));
  EXPECT_THAT(arm(), ElementsAre(2)) << "a packet came: it may not wake us again";
}

TEST_F(PollPlanTest, AWakeFromAPortThatIsGoneIsNothing) {
  add(1);
  arm();
  plan_.wake(PortId{9});
  plan_.wake(kNoPort);
  EXPECT_THAT(arm(), IsEmpty());
}

// A slot's nic before this one, or a time when another lcore polled it.
TEST_F(PollPlanTest, WhatWasChargedBeforeThePlanBeganIsNotOwed) {
  add(2);
  waiting_[1] = waiting_[2] = 32;
  charged_[2] = PollPlan::kMostDebt;
  EXPECT_THAT(round(), ElementsAre(1, 2));
  EXPECT_THAT(round(), ElementsAre(1, 2));
  charged_[2] = 32;
  EXPECT_THAT(round(), ElementsAre(1));
}

}  // namespace
}  // namespace butterfly
