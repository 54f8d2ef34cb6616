// SPDX-License-Identifier: Apache-2.0
// Watching drops and starts: what is told, to whom, and how it ends.
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "host/host_test_support.h"

namespace butterfly {
namespace {

using test::nic_intent;

constexpr const char* kToB = "eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/";
constexpr const char* kPing = "ipv4(src=10.0.0.1, dst=10.0.0.2)/icmp(type=8, id=7)";

std::string udp_to(uint16_t port, uint16_t from = 4000) {
  return std::string(kToB) + "ipv4(src=10.0.0.1, dst=10.0.0.2)/udp(sport=" + std::to_string(from) +
         ", dport=" + std::to_string(port) + ")";
}

class HostLogTest : public ::testing::Test {
 protected:
  void start(unsigned lcores = 1, IdleMode mode = IdleMode::manual) {
    HostOptions options;
    options.cpus.assign(lcores, 0);
    options.mode = mode;
    options.flow_capacity = 1024;
    host_ = std::move(*Host::create(std::move(options), test::pool(), ports_));
    intent_.nics["a"] = nic_intent("a", "52:54:00:00:00:01", "10.0.0.1");
    intent_.nics["b"] = nic_intent("b", "52:54:00:00:00:02", "10.0.0.2", {"open"});
    intent_.nics["d"] = nic_intent("d", "52:54:00:00:00:04", "10.0.0.4");
    intent_.groups["open"].name = "open";
    rule_.protocol = uint8_t{17};
    rule_.first_port = rule_.last_port = 53;
    rule_.procedure = "tell";
    intent_.groups["open"].rules[rule_id(rule_)] = rule_;
    intent_.procedures["tell"].name = "tell";
    intent_.procedures["tell"].log = true;
    ASSERT_TRUE(host_->apply(intent_).ok());
  }
  void send(const std::string& nic, const std::string& packet) {
    ports_.links.at(nic)->feed(test::bytes_of(packet));
  }
  void run() {
    for (int i = 0; i < 3; ++i) host_->run_round(++now_);
  }
  // Watches while `act` is called once, and until `query.count` have come or nothing more does.
  std::vector<LogReport> watch(const LogQuery& query, const std::function<void()>& act) {
    std::vector<LogReport> reports;
    int looks = 0;
    const Status status = host_->watch_log(
        query,
        [&](const LogReport& report) {
          reports.push_back(report);
          return true;
        },
        [&] {
          if (looks == 0) act();
          run();
          return ++looks < 3;
        });
    EXPECT_TRUE(status.ok()) << status;
    return reports;
  }
  std::string refusal(const LogQuery& query) {
    return std::string(host_
                           ->watch_log(
                               query, [](const LogReport&) { return true; }, [] { return false; })
                           .message());
  }
  static LogQuery drops() {
    LogQuery query;
    query.starts = false;
    return query;
  }

  TimeMs now_ = 1'000'000;
  test::ScriptedPorts ports_;
  Intent intent_;
  RuleIntent rule_;
  std::unique_ptr<Host> host_;
};

TEST_F(HostLogTest, ADropIsToldWithWhatIsKnownOfIt) {
  start();
  const auto before = std::chrono::system_clock::now() - std::chrono::seconds(1);
  const auto reports = watch({}, [&] { send("a", udp_to(54)); });
  ASSERT_EQ(reports.size(), 1u);
  const LogReport& drop = reports[0];
  EXPECT_TRUE(drop.is_drop);
  EXPECT_EQ(drop.brick + "/" + drop.out, "firewall-to/denied");
  EXPECT_EQ(drop.sentence, "no rule of the nic's security groups allows it");
  EXPECT_EQ(drop.from, "a");
  EXPECT_EQ(drop.to, "b");
  EXPECT_EQ(drop.vni, Vni{42});
  EXPECT_EQ(drop.lcore, 0);
  EXPECT_EQ(drop.frame.protocol, 17);
  EXPECT_EQ(drop.frame.source->to_string(), "10.0.0.1");
  EXPECT_EQ(drop.frame.source_port, 4000);
  EXPECT_EQ(drop.frame.destination_port, 54);
  EXPECT_EQ(drop.rule, "");
  EXPECT_EQ(drop.kept_back, 0u);
  EXPECT_GT(drop.time, before);
  EXPECT_LT(drop.time, std::chrono::system_clock::now() + std::chrono::seconds(1));
}

TEST_F(HostLogTest, WhatTheGuardListRefusesIsToldWithTheRule) {
  start();
  GuardIntent guard;
  guard.key = "no-dns-from-a";
  guard.action = GuardIntent::Action::deny;
  guard.match.direction = RuleDirection::ingress;
  guard.match.protocol = uint8_t{17};
  guard.match.first_port = guard.match.last_port = 53;
  const auto deny = [&] {
    intent_.guard[guard.key] = guard;
    ASSERT_TRUE(host_->apply(intent_).ok());
  };
  const auto reports = watch(drops(), [&] {
    send("a", udp_to(53));  // passes, and is cut by the rule
    run();
    deny();
    send("a", udp_to(53));
    run();
    send("a", udp_to(53, 4001));
    run();
    send("a", udp_to(54));  // no rule allows it, and none denies it
  });
  ASSERT_EQ(reports.size(), 3u);
  EXPECT_EQ(reports[0].out, "revoked");
  EXPECT_EQ(reports[0].rule, "no-dns-from-a");
  EXPECT_EQ(reports[1].out, "guard-denied");
  EXPECT_EQ(reports[1].rule, "no-dns-from-a");
  EXPECT_EQ(reports[1].group, "");
  EXPECT_EQ(reports[2].out, "denied");
  EXPECT_EQ(reports[2].rule, "");
}

TEST_F(HostLogTest, WhatExceedsARateIsToldWithItsProcedure) {
  start();
  ProcedureIntent& procedure = intent_.procedures["tell"];
  procedure.log = false;
  procedure.packets_per_s = 1;
  ASSERT_TRUE(host_->apply(intent_).ok());
  const auto reports = watch(drops(), [&] {
    for (int i = 0; i < 5; ++i) send("a", udp_to(53));
    send("a", udp_to(54));
  });
  ASSERT_GE(reports.size(), 2u);
  EXPECT_EQ(reports.front().out, "denied");
  EXPECT_EQ(reports.front().procedure, "");
  EXPECT_EQ(reports.back().brick + "/" + reports.back().out, "procedure/over-rate");
  EXPECT_EQ(reports.back().procedure, "tell");
  EXPECT_EQ(reports.back().rule, "");
}

TEST_F(HostLogTest, AStartIsToldWithItsRule) {
  start();
  const auto reports = watch({}, [&] {
    send("a", udp_to(53));
    run();
    send("b", std::string("eth(src=52:54:00:00:00:02, dst=52:54:00:00:00:01)/") +
                  "ipv4(src=10.0.0.2, dst=10.0.0.1)/udp(sport=53, dport=4000)");
    run();
    send("a", udp_to(53));
  });
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_FALSE(reports[0].is_drop);
  EXPECT_EQ(reports[0].brick + "/" + reports[0].out, "firewall-to/allowed");
  EXPECT_EQ(reports[0].rule, rule_id(rule_));
  EXPECT_EQ(reports[0].group, "open");
  EXPECT_EQ(reports[0].to, "b");
}

TEST_F(HostLogTest, AProcedureThatOnlyLogsLeavesTheShortcutOpen) {
  start();
  for (int i = 0; i < 6; ++i) {
    send("a", udp_to(53));
    run();
  }
  uint64_t by_shortcut = 0, by_procedure = 0;
  for (const OutReport& out : host_->counters().outs) {
    if (out.node == "flow" && out.out == "to-guest") by_shortcut = out.packets;
    if (out.node == "procedure") by_procedure += out.packets;
  }
  EXPECT_GE(by_shortcut, 3u);
  EXPECT_EQ(by_procedure, 0u);
}

TEST_F(HostLogTest, OnlyWhatIsAskedForIsTold) {
  start();
  const auto act = [&] {
    send("a", udp_to(54));
    send("a", udp_to(53));
    send("a", std::string(kToB) + "vlan");
    send("d",
         "eth(src=52:54:00:00:00:04, dst=52:54:00:00:00:01)/ipv4(src=10.0.0.9, dst=10.0.0.1)/"
         "udp(sport=1, dport=2)");
  };
  const auto outs = [&](const LogQuery& query) {
    std::multiset<std::string> names;
    for (const LogReport& report : watch(query, act)) names.insert(report.brick + "/" + report.out);
    return names;
  };
  using Names = std::multiset<std::string>;
  EXPECT_EQ(outs(drops()),
            (Names{"parse/vlan-tag", "antispoof/wrong-source-ip", "firewall-to/denied"}));
  LogQuery query = drops();
  query.nic = "d";
  EXPECT_EQ(outs(query), Names{"antispoof/wrong-source-ip"});
  query.nic = "b";
  EXPECT_EQ(outs(query), Names{"firewall-to/denied"});
  query = drops();
  query.brick = "parse";
  query.out = "vlan-tag";
  EXPECT_EQ(outs(query), Names{"parse/vlan-tag"});
  query.nic = "d";
  EXPECT_EQ(outs(query), Names{});
}

TEST_F(HostLogTest, RefusesWhatIsNotThere) {
  start();
  LogQuery query;
  query.nic = "x";
  EXPECT_EQ(refusal(query), "nic 'x': not found (wanted one of ours)");
  query = {};
  query.brick = "fireball";
  query.out = "denied";
  EXPECT_TRUE(
      refusal(query).starts_with("log: no brick 'fireball' drops anything (wanted one of parse, "))
      << refusal(query);
  query.brick = "antispoof";
  EXPECT_TRUE(refusal(query).starts_with(
      "log: brick 'antispoof' has no out 'denied' that drops (wanted one of "))
      << refusal(query);
  query.out = "genuine";  // one that does not drop
  EXPECT_FALSE(refusal(query).empty());
  query.drops = false;
  EXPECT_EQ(refusal(query), "log: an out, but no drops (wanted both or neither)");
  query = {};
  query.drops = query.starts = false;
  EXPECT_EQ(refusal(query), "log: of nothing (wanted drops or starts)");
  query = {};
  query.per_second = 10'001;
  EXPECT_EQ(refusal(query), "log: 10001 a second (wanted 1..10000)");
  query = {};
  query.sample_every = 0;
  EXPECT_EQ(refusal(query), "log: one of 0 (wanted one of 1..1000000)");
}

TEST_F(HostLogTest, MoreThanTheRateIsCountedInTheNextOne) {
  start();
  LogQuery query = drops();
  query.per_second = 4;
  const auto reports = watch(query, [&] {
    for (int i = 0; i < 30; ++i) send("a", udp_to(54));
    run();
    now_ += 1000;
    send("a", udp_to(54));
  });
  ASSERT_EQ(reports.size(), 5u);
  EXPECT_EQ(reports[3].kept_back, 0u);
  EXPECT_EQ(reports[4].kept_back, 26u);
}

TEST_F(HostLogTest, OfManyEveryNthIsTold) {
  start();
  LogQuery query = drops();
  query.sample_every = 10;
  const auto reports = watch(query, [&] {
    for (int i = 0; i < 31; ++i) send("a", udp_to(54));
  });
  ASSERT_EQ(reports.size(), 4u);
  EXPECT_EQ(reports[3].kept_back, 9u);
}

TEST_F(HostLogTest, EndsAfterSoManyAndWhenTheSinkHasEnough) {
  start();
  LogQuery query = drops();
  query.count = 2;
  const auto act = [&] {
    for (int i = 0; i < 5; ++i) send("a", udp_to(54));
  };
  EXPECT_EQ(watch(query, act).size(), 2u);
  int told = 0;
  bool fed = false;
  EXPECT_TRUE(host_
                  ->watch_log(
                      drops(), [&](const LogReport&) { return ++told < 3; },
                      [&] {
                        if (!std::exchange(fed, true)) act();
                        run();
                        return true;
                      })
                  .ok());
  EXPECT_EQ(told, 3);
  EXPECT_EQ(watch(drops(), [] {}).size(), 0u) << "what an earlier one left";
}

// The second begins and ends while the first watches.
TEST_F(HostLogTest, EachOfSeveralIsToldWhatItWants) {
  start();
  LogQuery curious = drops();
  LogQuery modest = drops();
  modest.sample_every = 3;
  modest.nic = "b";
  std::vector<LogReport> of_modest;
  const auto of_curious = watch(curious, [&] {
    of_modest = watch(modest, [&] {
      for (int i = 0; i < 7; ++i) send("a", udp_to(54));
      send("a", std::string(kToB) + "vlan");
    });
    send("a", udp_to(54));
  });
  EXPECT_EQ(of_curious.size(), 9u);
  ASSERT_EQ(of_modest.size(), 3u);
  EXPECT_EQ(of_modest[2].kept_back, 2u);
}

TEST_F(HostLogTest, NoMoreThanSixteenWatch) {
  start();
  std::function<std::string(size_t)> nested = [&](size_t depth) {
    std::string message;
    bool first = true;
    const Status status = host_->watch_log(
        drops(), [](const LogReport&) { return true; },
        [&] {
          if (std::exchange(first, false)) message = nested(depth + 1);
          return false;
        });
    return status.ok() ? message : std::to_string(depth) + " " + std::string(status.message());
  };
  EXPECT_EQ(nested(0), "16 log: 16 watch already (wanted at most so many)");
  EXPECT_TRUE(watch(drops(), [] {}).empty()) << "they are gone";
}

TEST_F(HostLogTest, ANicThatGoesKeepsItsNameInWhatItDidAndIsFollowedWhenItComesAgain) {
  start();
  LogQuery query = drops();
  query.nic = "a";
  const auto reports = watch(query, [&] {
    send("a", udp_to(54));
    run();
    Intent without = intent_;
    without.nics.erase("a");
    ASSERT_TRUE(host_->apply(without).ok());
    Intent other = without;  // takes a slot that is free
    other.nics["e"] = nic_intent("e", "52:54:00:00:00:05", "10.0.0.5");
    ASSERT_TRUE(host_->apply(other).ok());
    other.nics["a"] = intent_.nics.at("a");
    ASSERT_TRUE(host_->apply(other).ok());
    send("a", udp_to(55));
    send("e",
         "eth(src=52:54:00:00:00:05, dst=52:54:00:00:00:02)/ipv4(src=10.0.0.5, dst=10.0.0.2)/"
         "udp(sport=1, dport=54)");
  });
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0].from, "a");
  EXPECT_EQ(reports[0].frame.destination_port, 54);
  EXPECT_EQ(reports[1].from, "a");
  EXPECT_EQ(reports[1].frame.destination_port, 55);
}

TEST_F(HostLogTest, WhatAPortDoesNotTakeIsADropToo) {
  start();
  ports_.links.at("b")->set_connected(false);
  const auto reports = watch({}, [&] { send("a", udp_to(53)); });
  bool is_told = false;
  for (const LogReport& report : reports) {
    is_told = is_told || (report.brick == "port-out" && report.out == "not-connected" &&
                          report.from == "a" && report.to == "b");
  }
  EXPECT_TRUE(is_told);
}

uint64_t denied(const Host& host) {
  for (const OutReport& out : host.counters().outs) {
    if (out.node == "firewall-to" && out.out == "denied") return out.packets;
  }
  return 0;
}

bool await(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

// Lcores, watchers and changes at once: what is not told is counted, and nothing hangs.
TEST_F(HostLogTest, UnderTrafficAndChangesNoCountIsLost) {
  constexpr uint64_t kAtOnce = 100;
  constexpr uint64_t kNotToldYet = 50;  // the rounds in which they began, and what they keep back
  start(2, IdleMode::adaptive);
  std::atomic<bool> stopping{false};
  std::atomic<int> watching{0};
  std::array<std::atomic<uint64_t>, 3> told{};
  std::vector<std::thread> watchers;
  for (size_t i = 0; i < told.size(); ++i) {
    watchers.emplace_back([&, i] {
      LogQuery query = drops();
      query.sample_every = static_cast<uint32_t>(1 + 4 * i);
      query.per_second = LogQuery::kMaxPerSecond;
      query.nic = "b";
      bool is_counted = false;
      const Status status = host_->watch_log(
          query, [&](const LogReport& report) { return (told[i] += 1 + report.kept_back) != 0; },
          [&] {
            if (!std::exchange(is_counted, true)) ++watching;
            return !stopping.load();
          });
      EXPECT_TRUE(status.ok()) << status;
    });
  }
  EXPECT_TRUE(await([&] { return watching == 3; }));
  uint64_t fed = 0;
  const auto feed = [&] {
    for (uint64_t i = 0; i < kAtOnce; ++i, ++fed) {
      send("a", udp_to(54, static_cast<uint16_t>(1024 + fed % 60'000)));
    }
    return await([&] { return denied(*host_) == fed; });
  };
  Intent other = intent_;
  other.nics["e"] = nic_intent("e", "52:54:00:00:00:05", "10.0.0.5");
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(feed());
    EXPECT_TRUE(host_->apply(i % 2 == 0 ? other : intent_).ok());
  }
  EXPECT_TRUE(await([&] {
    return feed() && std::ranges::all_of(told, [&](const auto& count) {
             return count + kAtOnce + kNotToldYet >= fed;
           });
  }));
  stopping = true;
  for (std::thread& watcher : watchers) watcher.join();
  for (const auto& count : told) EXPECT_LE(count, fed);
  EXPECT_TRUE(test::ledger_closes(host_->counters().ledger));
}

}  // namespace
}  // namespace butterfly
