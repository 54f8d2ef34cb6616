// SPDX-License-Identifier: Apache-2.0
// What is told of drops, and what is only counted.
#include "graph/event_log.h"

#include <gtest/gtest.h>

#include <vector>

#include "graph/run_brick.h"
#include "support/eal.h"

namespace butterfly {
namespace {

constexpr size_t kKey = EventSampler::key_of(3, 1);
constexpr size_t kOther = EventSampler::key_of(EventKind::egress_start);

TEST(EventSampler, TellsTheFirstAndThenEveryNthOfAKind) {
  EventSampler sampler;
  sampler.set(3, 1000);
  std::vector<bool> told;
  for (int i = 0; i < 7; ++i) told.push_back(sampler.admit(kKey, 0).has_value());
  EXPECT_EQ(told, (std::vector{true, false, false, true, false, false, true}));
  EXPECT_TRUE(sampler.admit(kOther, 0)) << "another kind has a first of its own";
}

TEST(EventSampler, SaysHowManyOfAKindWereKeptBackSinceTheLast) {
  EventSampler sampler;
  sampler.set(3, 1000);
  EXPECT_EQ(sampler.admit(kKey, 0), 0u);
  sampler.admit(kOther, 0);
  sampler.admit(kKey, 0);
  sampler.admit(kKey, 0);
  EXPECT_EQ(sampler.admit(kKey, 0), 2u);
}

TEST(EventSampler, TellsSoManyASecondAndLosesNoCount) {
  EventSampler sampler;
  sampler.set(1, 2);
  int told = 0;
  for (int i = 0; i < 10; ++i) told += sampler.admit(kKey, 999 + 1000).has_value() ? 1 : 0;
  EXPECT_EQ(told, 2);
  EXPECT_FALSE(sampler.admit(kKey, 1999 + 999));
  EXPECT_EQ(sampler.admit(kKey, 1999 + 1000), 9u);
}

TEST(EventSampler, OneEventMayStandForMany) {
  EventSampler sampler;
  sampler.set(10, 1000);
  EXPECT_EQ(sampler.admit(kKey, 0, 5), 4u);
  EXPECT_FALSE(sampler.admit(kKey, 0, 9));
  EXPECT_EQ(sampler.admit(kKey, 0, 1), 9u);
  sampler.keep_back(kKey, UINT32_MAX);
  EXPECT_EQ(sampler.admit(kKey, 0, 7), UINT32_MAX - 1);
}

TEST(EventSampler, ATimeThatRunsBackALittleBeginsNoSecond) {
  EventSampler sampler;
  sampler.set(1, 1);
  EXPECT_TRUE(sampler.admit(kKey, 5000));
  EXPECT_FALSE(sampler.admit(kKey, 4999));
  EXPECT_FALSE(sampler.admit(kKey, 5999));
  EXPECT_TRUE(sampler.admit(kKey, 6000));
}

// Away: lengths that three divides. Else on.
class Thirds {
 public:
  enum class Out : uint8_t { on, away };
  static constexpr std::array kOuts{OutInfo{"on", Edge::forward, "not a third"},
                                    OutInfo{"away", Edge::drop, "a third"}};
  static constexpr BrickInfo kInfo{"thirds", kOuts};
  using Trace = NoTrace;
  Out operator()(Packet& packet, Trace*) noexcept {
    return packet.length() % 3 == 0 ? Out::away : Out::on;
  }
};
constexpr std::array kEndOuts{OutInfo{"kept", Edge::forward, "seen by the test"}};
constexpr BrickInfo kEndInfo{"end", kEndOuts};
void let_go(Node&, std::span<Packet*> burst, Lcore& lcore) {
  for (Packet* packet : burst) lcore.drop(*packet);
}

enum class Loop { usual, splitting };

class EventLogTest : public ::testing::TestWithParam<Loop> {
 protected:
  EventLogTest() {
    node_ = GetParam() == Loop::usual ? &graph_.add("thirds", thirds_)
                                      : &graph_.add_splitting("thirds", thirds_);
    Node& end = graph_.add_sink("end", kEndInfo, nullptr, let_go, let_go);
    graph_.connect(*node_, Thirds::Out::on, end);
    EXPECT_TRUE(graph_.seal(lcore_).ok());
    wants_.per_second = 10'000;
    wants_.any_port = true;
    wants_.outs[node_->index()] = 1U << static_cast<size_t>(Thirds::Out::away);
  }
  // One round with packets of these lengths, from `port`.
  void round(const std::vector<uint16_t>& lengths, PortId port = PortId{7}) {
    lcore_.set_logging(lcore_.events().begin_round());
    for (const uint16_t length : lengths) {
      Packet* packet = test::pool().alloc();
      ASSERT_NE(packet, nullptr);
      std::memset(rte_pktmbuf_append(packet, length), length, length);
      packet->reset_facts(port, Vni{42});
      node_->push(*packet, lcore_);
    }
    graph_.run(lcore_);
    lcore_.flush_freed();
  }
  std::vector<Event> take() {
    std::vector<Event> events;
    for (Event event; lcore_.events().take(event);) events.push_back(event);
    return events;
  }

  Lcore lcore_{0, test::pool()};
  Thirds thirds_;
  Graph graph_;
  Node* node_;
  EventWants wants_;
};

TEST_P(EventLogTest, HasWhatIsKnownOfADroppedPacket) {
  lcore_.events().arm(wants_);
  lcore_.set_now(12'345);
  round({61, 63, 300});
  const std::vector<Event> events = take();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].kind, EventKind::drop);
  EXPECT_EQ(events[0].node, node_->index());
  EXPECT_EQ(events[0].out, 1u);
  EXPECT_EQ(events[0].time, 12'345u);
  EXPECT_EQ(events[0].length, 63u);
  EXPECT_EQ(events[0].head_length, 63u);
  EXPECT_EQ(events[0].head[62], 63u);
  EXPECT_EQ(events[0].in_port, PortId{7});
  EXPECT_EQ(events[0].out_port, kNoPort);
  EXPECT_EQ(events[0].vni, Vni{42});
  EXPECT_EQ(events[0].rule[0], '\0');
  EXPECT_EQ(events[1].length, 300u);
  EXPECT_EQ(events[1].head_length, Event::kHead);
}

TEST_P(EventLogTest, IsEmptyWhenNobodyWatches) {
  round({63, 66});
  lcore_.events().arm(wants_);
  round({63});
  lcore_.events().disarm();
  round({66});
  EXPECT_EQ(take().size(), 1u);
}

TEST_P(EventLogTest, HasOnlyTheOutsAndPortsThatAreWanted) {
  wants_.any_port = false;
  wants_.add_port(PortId{9});
  lcore_.events().arm(wants_);
  round({63}, PortId{7});
  round({63}, kNoPort);
  round({66}, PortId{9});
  ASSERT_EQ(take().size(), 1u);
  wants_.outs = {};
  lcore_.events().arm(wants_);
  round({66}, PortId{9});
  EXPECT_TRUE(take().empty());
}

TEST_P(EventLogTest, WhatFindsNoRoomIsCountedInTheNextOne) {
  lcore_.events().arm(wants_);
  for (uint32_t i = 0; i < EventLog::kEvents + 5; ++i) round({63});
  EXPECT_EQ(take().size(), EventLog::kEvents);
  round({63});
  const std::vector<Event> events = take();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kept_back, 5u);
}

TEST_P(EventLogTest, WhatOneWatcherWasNotToldIsNotCountedForALaterOne) {
  wants_.sample_every = 100;
  lcore_.events().arm(wants_);
  round({63, 63, 63});
  lcore_.events().disarm();
  lcore_.events().arm(wants_);
  take();
  round({63});
  const std::vector<Event> events = take();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kept_back, 0u);
}

TEST_P(EventLogTest, AChangeOfWhatIsWantedLosesNoCount) {
  wants_.sample_every = 100;
  lcore_.events().arm(wants_);
  round({63, 63, 63});
  take();
  wants_.sample_every = 1;
  lcore_.events().arm(wants_);
  round({63});
  const std::vector<Event> events = take();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kept_back, 2u);
}

INSTANTIATE_TEST_SUITE_P(Loops, EventLogTest, ::testing::Values(Loop::usual, Loop::splitting),
                         [](const auto& test) {
                           return test.param == Loop::usual ? "Usual" : "Splitting";
                         });

}  // namespace
}  // namespace butterfly
