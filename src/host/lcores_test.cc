// SPDX-License-Identifier: Apache-2.0
// Two lcores under traffic and changes at once; meant to be run under TSan as well.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "graph/handoff.h"
#include "host/host_test_support.h"
#include "support/await.h"

namespace butterfly {
namespace {

using test::await;
using test::nic_intent;

class LcoresTest : public ::testing::Test {
 protected:
  void start(IdleMode mode, unsigned lcores = 2, bool shortcut = true, bool balance = false) {
    HostOptions options;
    options.balance = balance;
    options.look_ms = 50;
    options.cpus.clear();
    for (unsigned i = 0; i < lcores; ++i) options.cpus.push_back(i % 2);
    options.shortcut = shortcut;
    options.mode = mode;
    options.flow_capacity = 4096;
    host_ = std::move(*Host::create(std::move(options), test::pool(), ports_));
    intent_.groups.set("open", test::open_group());
    intent_.nics["a"] = nic_intent("a", "52:54:00:00:00:01", "10.0.0.1", {"open"});
    intent_.nics["b"] = nic_intent("b", "52:54:00:00:00:02", "10.0.0.2", {"open"});
    ASSERT_TRUE(host_->apply(intent_).ok());
  }
  // A datagram of flow `flow`, number `number`, from a to b or back.
  static std::vector<uint8_t> datagram(bool from_a, uint32_t flow, uint32_t number) {
    const std::string text =
        std::string("eth(src=52:54:00:00:00:0") + (from_a ? "1" : "2") + ", dst=52:54:00:00:00:0" +
        (from_a ? "2" : "1") + ")/ipv4(src=10.0.0." + (from_a ? "1" : "2") + ", dst=10.0.0." +
        (from_a ? "2" : "1") + ")/udp(sport=" + std::to_string(from_a ? 4000 + flow : 53) +
        ", dport=" + std::to_string(from_a ? 53 : 4000 + flow) + ")/payload(len=16)";
    std::vector<uint8_t> bytes = test::bytes_of(text);
    std::memcpy(bytes.data() + bytes.size() - 8, &flow, 4);
    std::memcpy(bytes.data() + bytes.size() - 4, &number, 4);
    return bytes;
  }
  // Collects what came out at the nic; every flow's numbers must rise.
  void collect(const std::string& nic) {
    for (const auto& frame : ports_.links.at(nic)->take()) {
      uint32_t flow = 0;
      uint32_t number = 0;
      std::memcpy(&flow, frame.data() + frame.size() - 8, 4);
      std::memcpy(&number, frame.data() + frame.size() - 4, 4);
      auto& last = last_[nic][flow];
      if (number <= last) ++reordered_;
      last = number;
      ++arrived_[nic];
    }
  }

  test::ScriptedPorts ports_;
  Intent intent_;
  std::unique_ptr<Host> host_;
  std::map<std::string, std::map<uint32_t, uint32_t>> last_;
  std::map<std::string, uint32_t> arrived_;
  uint32_t reordered_ = 0;
};

constexpr uint32_t kFlows = 64;
constexpr uint32_t kNumbers = 40;

TEST_F(LcoresTest, BothDirectionsOfAFlowMeetOnItsOwnerAndNothingIsLostOrReordered) {
  start(IdleMode::adaptive);
  for (uint32_t number = 1; number <= kNumbers; ++number) {
    for (uint32_t flow = 0; flow < kFlows; ++flow) {
      ports_.links.at("a")->feed(datagram(true, flow, number));
      ports_.links.at("b")->feed(datagram(false, flow, number));
    }
    // No more in flight than the rings between lcores hold.
    ASSERT_TRUE(await([&] {
      collect("a");
      collect("b");
      return arrived_["a"] == number * kFlows && arrived_["b"] == number * kFlows;
    })) << arrived_["a"]
        << " " << arrived_["b"];
  }
  EXPECT_EQ(reordered_, 0u);
  EXPECT_GT(host_->counters().ledger.handed_over, 0u);
  ASSERT_TRUE(await([&] { return test::ledger_closes(host_->counters().ledger); }));
}

struct Sharing {
  unsigned lcores;
  bool shortcut;
};
class FlowOrderTest : public LcoresTest, public ::testing::WithParamInterface<Sharing> {};

// Flows, directions and how many packets come at once are random; packets wait in rings, in ports
// and in graphs at the same time.
TEST_P(FlowOrderTest, NoPacketOvertakesAnotherOfItsFlowAndDirection) {
  constexpr uint32_t kDatagrams = 6'000;
  constexpr uint32_t kInFlight = HandoffRing::kSlots / 2;  // what a ring holds for sure
  start(IdleMode::adaptive, GetParam().lcores, GetParam().shortcut);
  std::minstd_rand random(GetParam().lcores);
  std::map<std::pair<bool, uint32_t>, uint32_t> sent;  // by direction and flow
  uint32_t fed = 0;
  const auto arrived = [&] {
    collect("a");
    collect("b");
    return arrived_["a"] + arrived_["b"];
  };
  while (fed < kDatagrams) {
    const auto flow = static_cast<uint32_t>(random() % kFlows);
    for (auto length = 1 + random() % 20; length > 0; --length) {
      const bool from_a = random() % 2 == 0;
      ports_.links.at(from_a ? "a" : "b")->feed(datagram(from_a, flow, ++sent[{from_a, flow}]));
      ++fed;
    }
    ASSERT_TRUE(await([&] { return fed - arrived() < kInFlight; })) << fed << " " << arrived();
  }
  ASSERT_TRUE(await([&] { return arrived() == fed; })) << fed << " " << arrived();
  EXPECT_EQ(reordered_, 0u);
  EXPECT_GT(host_->counters().ledger.handed_over, fed / 4);
  ASSERT_TRUE(await([&] { return test::ledger_closes(host_->counters().ledger); }));
}

// As above, and all the time the nics go from lcore to lcore.
TEST_P(FlowOrderTest, NoPacketIsLostOrOvertakenWhenNicsMoveBetweenLcores) {
  constexpr uint32_t kDatagrams = 6'000;
  constexpr uint32_t kInFlight = HandoffRing::kSlots / 2;
  start(IdleMode::adaptive, GetParam().lcores, GetParam().shortcut);
  std::atomic<bool> is_over{false};
  std::atomic<uint32_t> moves{0};
  std::thread mover([&] {
    for (uint32_t turn = 1; !is_over; ++turn) {
      for (const char* nic : {"a", "b"}) {
        const auto lcore = static_cast<uint16_t>((turn + (nic[0] == 'b')) % GetParam().lcores);
        EXPECT_TRUE(host_->move_nic(nic, lcore).ok());
        ++moves;
      }
    }
  });
  std::minstd_rand random(GetParam().lcores);
  std::map<std::pair<bool, uint32_t>, uint32_t> sent;
  uint32_t fed = 0;
  const auto arrived = [&] {
    collect("a");
    collect("b");
    return arrived_["a"] + arrived_["b"];
  };
  bool is_stuck = false;
  while ((fed < kDatagrams || moves < 50) && !is_stuck) {
    const auto flow = static_cast<uint32_t>(random() % kFlows);
    for (auto length = 1 + random() % 20; length > 0; --length) {
      const bool from_a = random() % 2 == 0;
      ports_.links.at(from_a ? "a" : "b")->feed(datagram(from_a, flow, ++sent[{from_a, flow}]));
      ++fed;
    }
    is_stuck = !await([&] { return fed - arrived() < kInFlight; });
  }
  is_stuck = is_stuck || !await([&] { return arrived() == fed; });
  is_over = true;
  mover.join();
  EXPECT_FALSE(is_stuck) << fed << " " << arrived();
  EXPECT_EQ(reordered_, 0u);
  ASSERT_TRUE(await([&] { return test::ledger_closes(host_->counters().ledger); }));
}

INSTANTIATE_TEST_SUITE_P(Lcores, FlowOrderTest,
                         ::testing::Values(Sharing{2, true}, Sharing{2, false}, Sharing{3, true},
                                           Sharing{3, false}),
                         [](const auto& test) {
                           return std::to_string(test.param.lcores) + "Lcores" +
                                  (test.param.shortcut ? "" : "WithoutShortcut");
                         });

TEST_F(LcoresTest, ChangesUnderTrafficLoseNoPacketOfUntouchedNics) {
  start(IdleMode::adaptive);
  uint32_t changes = 0;
  for (uint32_t number = 1; number <= kNumbers; ++number) {
    for (uint32_t flow = 0; flow < kFlows; ++flow) {
      ports_.links.at("a")->feed(datagram(true, flow, number));
    }
    // No more in flight than the ring between the lcores holds when one of them is not run for
    // long.
    ASSERT_TRUE(await([&] {
      collect("b");
      return number * kFlows - arrived_["b"] <= HandoffRing::kSlots - kFlows;
    })) << arrived_["b"];
    Intent next = intent_;
    if (number % 2 == 0) {
      next.nics["c"] = nic_intent("c", "52:54:00:00:00:03", "10.0.0.3", {"open"});
    }
    RuleIntent rule;
    rule.protocol = uint8_t{6};
    rule.first_port = rule.last_port = static_cast<uint16_t>(number);
    next.groups["open"].rules[rule_id(rule)] = rule;
    ASSERT_TRUE(host_->apply(next).ok());
    ++changes;
  }
  ASSERT_TRUE(await([&] {
    collect("b");
    return arrived_["b"] == kNumbers * kFlows;
  })) << arrived_["b"];
  EXPECT_EQ(changes, kNumbers);
  EXPECT_EQ(reordered_, 0u);
}

TEST_F(LcoresTest, ALcoreTakesOverInARoundAllThatItWasGivenBefore) {
  constexpr uint32_t kNics = 16;  // eight a lcore: more than a burst is handed over in a round
  start(IdleMode::manual);
  for (uint32_t i = 0; i < kNics; ++i) {
    const std::string id = "g" + std::to_string(i);
    const std::string mac = "52:54:00:00:01:" + std::to_string(10 + i);
    intent_.nics[id] = nic_intent(id, mac.c_str(), ("10.0.1." + std::to_string(i)).c_str());
  }
  ASSERT_TRUE(host_->apply(intent_).ok());
  for (uint32_t i = 0; i < kNics; ++i) {
    const std::string text = "eth(src=52:54:00:00:01:" + std::to_string(10 + i) +
                             ", dst=52:54:00:00:00:02)/ipv4(src=10.0.1." + std::to_string(i) +
                             ", dst=10.0.0.2)/udp(sport=";
    for (uint32_t flow = 0; flow < kBurst; ++flow) {
      ports_.links.at("g" + std::to_string(i))
          ->feed(test::bytes_of(text + std::to_string(1024 + flow) + ")"));
    }
  }
  host_->run_round(1000);
  host_->run_round(1001);
  const LedgerReport ledger = host_->counters().ledger;
  EXPECT_GT(ledger.handed_over, 4u * kBurst);
  EXPECT_EQ(ledger.taken_over, ledger.handed_over);
  EXPECT_EQ(ports_.links.at("b")->take().size(), kNics * kBurst);
}

TEST_F(LcoresTest, WhichNicMayMoveWhere) {
  intent_.nics["wide"] = nic_intent("wide", "52:54:00:00:00:0a", "10.0.0.10", {"open"});
  intent_.nics["wide"].type = NicType::vhost_user;
  intent_.nics["wide"].queues = 2;
  start(IdleMode::adaptive);
  const auto lcore_of = [&](const std::string& nic) {
    for (const NicReport& report : host_->nic_reports()) {
      if (report.id == nic) return report.lcore;
    }
    return uint16_t{99};
  };
  const uint16_t other = lcore_of("a") == 0 ? 1 : 0;
  EXPECT_EQ(host_->move_nic("a", other), ok_status());
  EXPECT_EQ(lcore_of("a"), other);
  EXPECT_EQ(host_->move_nic("a", other), ok_status()) << "it is there";
  EXPECT_EQ(host_->move_nic("nobody", 1).message(), "nic 'nobody': not found (wanted one of ours)");
  EXPECT_EQ(host_->move_nic("a", 2).message(), "nic 'a': lcore 2 is unknown (wanted 0..1)");
  EXPECT_EQ(host_->move_nic("wide", 1).message(),
            "nic 'wide': has 2 queue pairs, which lcores share (wanted one)");
  Intent next = intent_;
  next.nics["a"].addresses.insert(*IpAddress::parse("10.0.0.9"));
  EXPECT_TRUE(host_->apply(next).ok());
  EXPECT_EQ(lcore_of("a"), other) << "a change in place leaves it there";
}

// Frames that no flow owns, so that all their work is the lcore's that polls: of two nics on it one
// moves to the other, which has nothing to do.
TEST_F(LcoresTest, AFullLcoreGivesANicToAnIdleOne) {
  for (const char* nic : {"c", "d"}) {
    intent_.nics[nic] = nic_intent(nic, nic[0] == 'c' ? "52:54:00:00:00:03" : "52:54:00:00:00:04",
                                   nic[0] == 'c' ? "10.0.0.3" : "10.0.0.4");
  }
  start(IdleMode::adaptive, 2, true, /*balance=*/true);
  std::map<uint16_t, std::vector<std::string>> placed;
  for (const NicReport& report : host_->nic_reports()) placed[report.lcore].push_back(report.id);
  ASSERT_EQ(placed[0].size(), 2u);
  const auto frame = test::bytes_of("eth(src=52:54:00:00:00:77, dst=ff:ff:ff:ff:ff:ff)");
  for (const std::string& nic : placed[0]) ports_.links.at(nic)->feed_endlessly(frame);
  ASSERT_TRUE(await([&] { return host_->report().balance.moves > 0; }));
  const BalanceReport balance = host_->report().balance;
  ASSERT_TRUE(balance.last);
  EXPECT_EQ(balance.last->from, 0);
  EXPECT_EQ(balance.last->to, 1);
  EXPECT_GE(balance.last->busy_from, 75u);
  EXPECT_EQ(balance.moves, 1u);
  for (const std::string& nic : placed[0]) ports_.links.at(nic)->feed_endlessly({});
  ASSERT_TRUE(await([&] { return test::ledger_closes(host_->counters().ledger); }));
}

TEST_F(LcoresTest, SwitchedOffNothingMovesByItself) {
  start(IdleMode::adaptive, 2, true, /*balance=*/true);
  EXPECT_TRUE(host_->report().balance.is_on);
  host_->set_balancing(false);
  EXPECT_FALSE(host_->report().balance.is_on);
}

TEST_F(LcoresTest, AnIdleHostSleepsAndWakesForAChange) {
  start(IdleMode::adaptive);
  ASSERT_TRUE(await([&] {
    const HostReport report = host_->report();
    return report.lcores[0].sleeping && report.lcores[1].sleeping;
  }));
  Intent next = intent_;
  next.nics.erase("b");
  EXPECT_TRUE(host_->apply(next).ok());
  EXPECT_EQ(host_->nic_reports().size(), 1u);
}

}  // namespace
}  // namespace butterfly
