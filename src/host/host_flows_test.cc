// SPDX-License-Identifier: Apache-2.0
// Connections listed, counted, flushed, and taken along to another host, as an operator does it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <set>
#include <thread>

#include "host/host_test_support.h"

namespace butterfly {
namespace {

using test::nic_intent;
using testing::HasSubstr;

bool always() { return true; }

// One host in manual mode, with the nics a and b, whose rules let everything pass.
class OneHost {
 public:
  explicit OneHost(unsigned lcores, uint64_t seed = 1, bool has_b = true, uint32_t capacity = 4096,
                   IdleMode mode = IdleMode::manual) {
    HostOptions options;
    options.cpus.assign(lcores, 0);
    options.mode = mode;
    options.flow_capacity = capacity;
    options.hash_seed = wire::HashSeed{{seed, 7}};
    host = std::move(*Host::create(std::move(options), test::pool(), ports));
    intent.groups.set("open", test::open_group());
    intent.nics["a"] = nic_intent("a", "52:54:00:00:00:01", "10.0.0.1", {"open"});
    if (has_b) intent.nics["b"] = nic_intent("b", "52:54:00:00:00:02", "10.0.0.2", {"open"});
    EXPECT_TRUE(host->apply(intent).ok());
    if (mode == IdleMode::manual) host->run_round(now);
  }
  // Feeds it at `nic`; how many frames come out at `to`.
  size_t pass(const std::string& nic, const std::string& to, const std::string& layers) {
    const bool from_a = nic == "a";
    ports.links.at(nic)->feed(test::bytes_of(
        std::string("eth(src=52:54:00:00:00:0") + (from_a ? "1" : "2") + ", dst=52:54:00:00:00:0" +
        (from_a ? "2" : "1") + ")/ipv4(src=10.0.0." + (from_a ? "1" : "2") + ", dst=10.0.0." +
        (from_a ? "2" : "1") + ")/" + layers));
    for (int i = 0; i < 4; ++i) host->run_round(now);
    return ports.links.at(to)->take().size();
  }
  // Makes its port anew, as a guest's.
  void plug_in(const std::string& nic) {
    intent.nics[nic].type = NicType::vhost_user;
    EXPECT_TRUE(host->apply(intent).ok());
  }
  void open_udp(uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
      EXPECT_EQ(pass("a", "b", "udp(sport=" + std::to_string(1000 + i) + ", dport=53)"), 1u);
    }
  }
  void handshake() {
    EXPECT_EQ(pass("a", "b", "tcp(sport=40000, dport=80, flags=S, seq=1000, win=1000)"), 1u);
    EXPECT_EQ(pass("b", "a", "tcp(sport=80, dport=40000, flags=SA, seq=5000, ack=1001, win=2000)"),
              1u);
    EXPECT_EQ(pass("a", "b", "tcp(sport=40000, dport=80, flags=A, seq=1001, ack=5001, win=1000)"),
              1u);
  }
  std::vector<FlowReport> list(const FlowQuery& query = {}) {
    std::vector<FlowReport> all;
    const Status status = host->list_flows(
        query,
        [&](const std::vector<FlowReport>& some) {
          all.insert(all.end(), some.begin(), some.end());
          return true;
        },
        always);
    EXPECT_TRUE(status.ok()) << status;
    return all;
  }
  std::vector<NicFlow> exported(const std::string& nic) {
    std::vector<NicFlow> all;
    EXPECT_TRUE(host->export_flows(
                        nic,
                        [&](Vni, const std::vector<NicFlow>& some) {
                          all.insert(all.end(), some.begin(), some.end());
                          return true;
                        },
                        always)
                    .ok());
    return all;
  }

  TimeMs now = 1'000'000;
  test::ScriptedPorts ports;
  Intent intent;
  std::unique_ptr<Host> host;
};

class HostFlowsTest : public ::testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Lcores, HostFlowsTest, ::testing::Values(1, 3));

TEST_P(HostFlowsTest, AListShowsWhoHowFarAndHowMuch) {
  OneHost one(GetParam());
  one.handshake();
  one.now += 1600;
  const auto flows = one.list();
  ASSERT_EQ(flows.size(), 1u);
  const FlowReport& flow = flows[0];
  EXPECT_EQ(to_string(flow.record.tuple), "tcp 10.0.0.1:40000 > 10.0.0.2:80");
  EXPECT_EQ(flow.record.vni, Vni{42});
  EXPECT_EQ(flow.record.state(), FlowState::established);
  EXPECT_EQ(flow.record.tally(Role::initiator).packets, 2u);
  EXPECT_EQ(flow.record.tally(Role::responder).packets, 1u);
  EXPECT_EQ(flow.judge(Role::initiator).nic, "a");
  EXPECT_EQ(flow.judge(Role::responder).nic, "b");
  EXPECT_TRUE(flow.judge(Role::responder).is_current);
  EXPECT_NEAR(flow.record.left_ms, 86'400'000u, 32u);
}

TEST_P(HostFlowsTest, AVerdictIsNotCurrentOnceTheRulesHaveChanged) {
  OneHost one(GetParam());
  one.open_udp(1);
  RuleIntent rule;
  rule.direction = RuleDirection::ingress;
  rule.protocol = 6;
  one.intent.groups["late"].name = "late";
  one.intent.groups["late"].rules[rule_id(rule)] = rule;
  one.intent.nics["b"].groups = {"late"};
  ASSERT_TRUE(one.host->apply(one.intent).ok());
  const auto flows = one.list();
  ASSERT_EQ(flows.size(), 1u);
  EXPECT_TRUE(flows[0].judge(Role::initiator).is_current);
  EXPECT_FALSE(flows[0].judge(Role::responder).is_current);
}

TEST_P(HostFlowsTest, AVerdictIsNotCurrentOnceTheGuardListHasChanged) {
  OneHost one(GetParam());
  one.open_udp(1);
  one.intent.guard["k"].key = "k";
  one.intent.guard["k"].vni = Vni{7};  // somebody else's
  ASSERT_TRUE(one.host->apply(one.intent).ok());
  EXPECT_TRUE(one.list().at(0).judge(Role::initiator).is_current);
  one.intent.guard["k"].vni = Vni{42};
  ASSERT_TRUE(one.host->apply(one.intent).ok());
  EXPECT_FALSE(one.list().at(0).judge(Role::initiator).is_current);
  EXPECT_FALSE(one.list().at(0).judge(Role::responder).is_current);
}

TEST_P(HostFlowsTest, EveryFlowIsShownOnceAndAnExpiredOneNever) {
  OneHost one(GetParam());
  one.open_udp(1300);
  std::set<std::string> seen;
  for (const FlowReport& flow : one.list()) seen.insert(to_string(flow.record.tuple));
  EXPECT_EQ(seen.size(), 1300u);
  EXPECT_EQ(one.list().size(), 1300u);
  one.now += 31'000;
  EXPECT_EQ(one.pass("a", "b", "udp(sport=1, dport=53)"), 1u);
  EXPECT_EQ(one.list().size(), 1u);
}

TEST_P(HostFlowsTest, FiltersChooseByEveryField) {
  OneHost one(GetParam());
  one.handshake();
  one.open_udp(2);
  EXPECT_EQ(one.pass("b", "a", "tcp(sport=7000, dport=22, flags=S)"), 1u);
  const auto count = [&](const FlowQuery& query) { return one.list(query).size(); };
  const auto with = [](auto set) {
    FlowQuery query;
    set(query);
    return query;
  };
  EXPECT_EQ(count({}), 4u);
  EXPECT_EQ(count(with([](auto& q) { q.nic = "a"; })), 4u);
  EXPECT_EQ(count(with([](auto& q) { q.nic = "a", q.filter.role = Role::responder; })), 1u);
  EXPECT_EQ(count(with([](auto& q) { q.filter.vni = Vni{42}; })), 4u);
  EXPECT_EQ(count(with([](auto& q) { q.filter.vni = Vni{43}; })), 0u);
  EXPECT_EQ(count(with([](auto& q) { q.filter.protocol = 17; })), 2u);
  EXPECT_EQ(count(with([](auto& q) { q.filter.address = Ipv4{{10, 0, 0, 2}}; })), 4u);
  EXPECT_EQ(count(with([](auto& q) { q.filter.address = Ipv4{{10, 0, 0, 3}}; })), 0u);
  EXPECT_EQ(count(with([](auto& q) {
              q.filter.address = Ipv4{{10, 0, 0, 2}};
              q.filter.role = Role::initiator;
            })),
            1u);
  EXPECT_EQ(count(with([](auto& q) { q.filter.port = 80; })), 1u);
  EXPECT_EQ(count(with([](auto& q) { q.filter.port = 40000; })), 1u);
  EXPECT_EQ(count(with([](auto& q) { q.filter.state = FlowState::established; })), 1u);
  EXPECT_EQ(count(with([](auto& q) { q.filter.state = FlowState::opening; })), 3u);
  EXPECT_EQ(count(with([](auto& q) { q.filter.half_open = true; })), 1u);

  const auto counts = one.host->count_flows({}, always);
  ASSERT_TRUE(counts.ok());
  EXPECT_EQ(counts->by[6][static_cast<size_t>(FlowState::established)], 1u);
  EXPECT_EQ(counts->by[6][static_cast<size_t>(FlowState::opening)], 1u);
  EXPECT_EQ(counts->by[17][static_cast<size_t>(FlowState::opening)], 2u);
}

TEST_P(HostFlowsTest, AFilterThatNamesNobodyIsRefused) {
  OneHost one(GetParam());
  FlowQuery query;
  query.nic = "x";
  EXPECT_EQ(one.host->count_flows(query, always).status().message(),
            "nic 'x': not found (wanted one of ours)");
  query = {};
  query.filter.role = Role::initiator;
  EXPECT_EQ(one.host->flush_flows(query, always).status().message(),
            "connections: a role of nobody (wanted a nic or an address with it)");
}

TEST_P(HostFlowsTest, AFlushedConnectionIsGoneAtOnceAndOthersStay) {
  OneHost one(GetParam());
  one.handshake();
  one.open_udp(200);
  FlowQuery tcp;
  tcp.filter.protocol = 6;
  const auto flushed = one.host->flush_flows(tcp, always);
  ASSERT_TRUE(flushed.ok());
  EXPECT_EQ(*flushed, 1u);
  EXPECT_EQ(one.pass("a", "b", "tcp(sport=40000, dport=80, flags=A, seq=1001, ack=5001)"), 0u);
  EXPECT_EQ(one.list().size(), 200u);
  EXPECT_EQ(*one.host->flush_flows({}, always), 200u);
  EXPECT_TRUE(one.list().empty());
  one.handshake();
}

TEST_P(HostFlowsTest, NobodyWaitsNoLongerThanTheNextStep) {
  OneHost one(GetParam());
  one.open_udp(3);
  EXPECT_EQ(one.host->count_flows({}, [] { return false; }).status().code(),
            absl::StatusCode::kCancelled);
  size_t calls = 0;
  const auto once = [&](const std::vector<FlowReport>&) {
    ++calls;
    return false;
  };
  EXPECT_TRUE(one.host->list_flows({}, once, always).ok());
  EXPECT_EQ(calls, 1u);
}

TEST_P(HostFlowsTest, AConnectionGoesOnInTheMiddleOnTheHostThatTheGuestMovesTo) {
  OneHost before(GetParam(), 1);
  before.handshake();
  const std::string data =
      "tcp(sport=40000, dport=80, flags=A, seq=1001, ack=5001, win=1000)/payload(len=100)";
  EXPECT_EQ(before.pass("a", "b", data), 1u);
  const auto flows = before.exported("a");
  ASSERT_EQ(flows.size(), 1u);

  OneHost after(GetParam(), 2);
  const auto report = after.host->import_flows("a", Vni{42}, flows);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->imported, 1u);
  const auto there = after.list();
  ASSERT_EQ(there.size(), 1u);
  const tcp::Track& was = flows[0].record.tcp_track;
  const tcp::Track& is = there[0].record.tcp_track;
  for (const size_t side : {0, 1}) {
    EXPECT_EQ(is.end[side], was.end[side]);
    EXPECT_EQ(is.max_end[side], was.max_end[side]);
    EXPECT_EQ(is.last_ack[side], was.last_ack[side]);
    EXPECT_EQ(there[0].record.tallies[side].packets, flows[0].record.tallies[side].packets);
    EXPECT_EQ(there[0].record.tallies[side].bytes, flows[0].record.tallies[side].bytes);
  }
  EXPECT_FALSE(there[0].judge(Role::initiator).is_current);
  // The next byte passes, what lies behind the window does not, and the answer does.
  EXPECT_EQ(after.pass("a", "b",
                       "tcp(sport=40000, dport=80, flags=A, seq=1101, ack=5001, win=1000)/"
                       "payload(len=1900)"),
            1u);
  EXPECT_EQ(after.pass("a", "b",
                       "tcp(sport=40000, dport=80, flags=A, seq=3001, ack=5001, win=1000)/"
                       "payload(len=1)"),
            0u);
  EXPECT_EQ(after.pass("b", "a",
                       "tcp(sport=80, dport=40000, flags=A, seq=5001, ack=3001, win=2000)/"
                       "payload(len=1000)"),
            1u);
  EXPECT_TRUE(after.list()[0].judge(Role::initiator).is_current);
  EXPECT_TRUE(after.list()[0].judge(Role::responder).is_current);
}

TEST_P(HostFlowsTest, TheRulesOfTheNewHostJudgeWhatCame) {
  OneHost before(GetParam(), 1);
  before.handshake();
  OneHost after(GetParam(), 2);
  after.intent.groups["shut"].name = "shut";
  after.intent.nics["a"].groups = {"shut"};
  ASSERT_TRUE(after.host->apply(after.intent).ok());
  ASSERT_TRUE(after.host->import_flows("a", Vni{42}, before.exported("a")).ok());
  EXPECT_EQ(after.pass("a", "b", "tcp(sport=40000, dport=80, flags=A, seq=1001, ack=5001)"), 0u);
}

// The other end's host has the connection already: the guest joins it there.
TEST_P(HostFlowsTest, AGuestThatMovesToItsPeersHostJoinsTheConnectionThatIsThere) {
  OneHost both(GetParam(), 1);
  both.handshake();
  const auto of_b = both.exported("b");
  const auto of_a = both.exported("a");
  OneHost after(GetParam(), 2);
  ASSERT_TRUE(after.host->import_flows("b", Vni{42}, of_b).ok());
  const auto report = after.host->import_flows("a", Vni{42}, of_a);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->kept, 1u);
  EXPECT_EQ(after.list().size(), 1u);
  EXPECT_EQ(after.pass("a", "b", "tcp(sport=40000, dport=80, flags=A, seq=1001, ack=5001)"), 1u);
  EXPECT_EQ(after.pass("b", "a", "tcp(sport=80, dport=40000, flags=A, seq=5001, ack=1001)"), 1u);
}

TEST_P(HostFlowsTest, ALiveConnectionIsReplacedOnlyByOneThatWasSeenLater) {
  OneHost before(GetParam(), 1);
  before.handshake();
  auto flows = before.exported("a");
  OneHost after(GetParam(), 2);
  after.handshake();
  flows[0].record.idle_ms = 5000;
  flows[0].record.tallies[0].packets = 77;
  EXPECT_EQ(after.host->import_flows("a", Vni{42}, flows)->kept, 1u);
  EXPECT_EQ(after.list()[0].record.tallies[0].packets, 2u);
  after.now += 60'000;
  after.host->run_round(after.now);
  EXPECT_EQ(after.host->import_flows("a", Vni{42}, flows)->renewed, 1u);
  EXPECT_EQ(after.list()[0].record.tallies[0].packets, 77u);
}

TEST_P(HostFlowsTest, WhatIsNotOfTheNicIsRefusedWhole) {
  OneHost before(GetParam(), 1);
  before.handshake();
  before.open_udp(3);
  auto flows = before.exported("a");
  OneHost after(GetParam(), 2);
  EXPECT_EQ(after.host->import_flows("x", Vni{42}, flows).status().message(),
            "nic 'x': not found (wanted one of ours)");
  EXPECT_EQ(after.host->import_flows("a", Vni{43}, flows).status().message(),
            "nic 'a': its connections are of VNI 43 (wanted its own, 42)");
  flows.back().record.tuple.source.address = Ipv4{{10, 0, 0, 9}};
  EXPECT_THAT(std::string(after.host->import_flows("a", Vni{42}, flows).status().message()),
              HasSubstr("10.0.0.9 is no address of it (wanted connections of its own addresses)"));
  EXPECT_TRUE(after.list().empty());
}

TEST_P(HostFlowsTest, WhatHasNoRoomIsRefusedWhole) {
  OneHost before(GetParam(), 1);
  before.open_udp(900);
  OneHost after(GetParam(), 2, true, 100);
  after.handshake();
  const Status status = after.host->import_flows("a", Vni{42}, before.exported("a")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no room for its 900 connections"));
  EXPECT_EQ(after.list().size(), 1u);
}

TEST_P(HostFlowsTest, AnImportHoldsTheLimitsOfTheNic) {
  OneHost before(GetParam(), 1);
  before.open_udp(20);
  OneHost after(GetParam(), 2);
  after.intent.firewall.set(Knob::nic_connections, 19);
  ASSERT_TRUE(after.host->apply(after.intent).ok());
  after.handshake();  // which lets the lcores see the change
  const Status status = after.host->import_flows("a", Vni{42}, before.exported("a")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(std::string(status.message()),
            "nic 'a': no room for its 20 connections: it would have more than nic_connections "
            "(wanted fewer of them)");
  EXPECT_EQ(after.list().size(), 1u);
  EXPECT_EQ(after.host->nic_reports()[0].flows, 1u);

  after.intent.firewall.set(Knob::nic_connections, 21);
  ASSERT_TRUE(after.host->apply(after.intent).ok());
  after.host->run_round(after.now);
  EXPECT_EQ(after.host->import_flows("a", Vni{42}, before.exported("a"))->imported, 20u);
  EXPECT_EQ(after.host->nic_reports()[0].flows, 21u);
  EXPECT_EQ(after.host->nic_reports()[1].flows, 0u);  // b has begun nothing
}

TEST_P(HostFlowsTest, AHalfOpenConnectionIsTakenAlongAsOne) {
  OneHost before(GetParam(), 1);
  EXPECT_EQ(before.pass("a", "b", "tcp(sport=40000, dport=80, flags=S, seq=1000)"), 1u);
  EXPECT_EQ(before.pass("b", "a", "tcp(sport=80, dport=40000, flags=SA, seq=5000, ack=1001)"), 1u);
  EXPECT_EQ(before.host->nic_reports()[0].half_open, 1u);
  OneHost after(GetParam(), 2);
  EXPECT_EQ(after.host->import_flows("a", Vni{42}, before.exported("a"))->imported, 1u);
  EXPECT_EQ(after.host->nic_reports()[0].half_open, 1u);
  EXPECT_EQ(after.list()[0].record.tally(Role::responder).packets, 1u);
  EXPECT_EQ(after.pass("a", "b", "tcp(sport=40000, dport=80, flags=A, seq=1001, ack=5001)"), 1u);
  EXPECT_EQ(after.host->nic_reports()[0].half_open, 0u);
  EXPECT_EQ(after.host->nic_reports()[0].flows, 1u);
}

TEST_P(HostFlowsTest, WhatWasIdleForTooLongStaysBehind) {
  OneHost before(GetParam(), 1);
  before.open_udp(1);
  auto flows = before.exported("a");
  flows[0].record.idle_ms = 31'000;
  OneHost after(GetParam(), 2);
  EXPECT_EQ(after.host->import_flows("a", Vni{42}, flows)->expired, 1u);
  EXPECT_TRUE(after.list().empty());
}

// A guest that moves is awaited until it has left; who asks later, or of a nic without a guest,
// need not wait.
TEST_P(HostFlowsTest, AWaitForAGuestEndsWhenItHasLeft) {
  OneHost one(GetParam());
  one.plug_in("a");
  one.plug_in("b");
  int asked = 0;
  const auto leaves = [&] {
    if (++asked == 3) one.ports.links.at("a")->set_connected(false);
    return true;
  };
  EXPECT_TRUE(one.host->wait_until_gone("a", leaves).ok());
  EXPECT_EQ(asked, 3);
  EXPECT_TRUE(one.host->wait_until_gone("a", [] { return false; }).ok());
  EXPECT_EQ(one.host->wait_until_gone("b", [] { return false; }).code(),
            absl::StatusCode::kCancelled);
}

TEST_P(HostFlowsTest, AWaitForAGuestThatCannotComeIsRefused) {
  OneHost one(GetParam());
  one.plug_in("b");
  EXPECT_EQ(one.host->wait_until_gone("nobody", always).message(),
            "nic 'nobody': not found (wanted one of ours)");
  EXPECT_EQ(one.host->wait_until_gone("a", always).message(),
            "nic 'a': a tap's guest never goes (wanted a vhost-user nic)");
  const auto removed = [&] {
    one.intent.nics.erase("b");
    return one.host->apply(one.intent).ok();
  };
  EXPECT_EQ(one.host->wait_until_gone("b", removed).message(),
            "nic 'b': not found (wanted one of ours)");
}

TEST_P(HostFlowsTest, SoManyGuestsAreAwaitedAndNoMore) {
  OneHost one(GetParam());
  one.plug_in("a");
  std::atomic<bool> go_on{true};
  std::atomic<size_t> waiting{0};
  std::vector<std::thread> threads;
  for (size_t i = 0; i < Host::kMaxAwaited; ++i) {
    threads.emplace_back([&] {
      bool is_counted = false;
      const Status status = one.host->wait_until_gone("a", [&] {
        if (!std::exchange(is_counted, true)) ++waiting;
        return go_on.load();
      });
      EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
    });
  }
  while (waiting != Host::kMaxAwaited) std::this_thread::yield();
  EXPECT_EQ(one.host->wait_until_gone("a", always).message(),
            "connections: 4 exports wait for their guests already (wanted at most so many)");
  go_on = false;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(one.host->wait_until_gone("a", [] { return false; }).code(),
            absl::StatusCode::kCancelled)
      << "and these make room again";
}

// Threads of their own, asleep and under traffic; meant to be run under TSan as well.
TEST(HostFlowsThreadsTest, ListsAndFlushesGoOnWhileLcoresWorkAndSleep) {
  OneHost one(3, 1, true, 4096, IdleMode::adaptive);
  EXPECT_TRUE(one.list().empty());
  std::atomic<bool> is_over{false};
  std::thread asker([&] {
    while (!is_over) {
      one.list();
      EXPECT_TRUE(one.host->flush_flows({}, always).ok());
      EXPECT_TRUE(one.host->count_flows({}, always).ok());
    }
  });
  size_t arrived = 0;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  for (uint32_t i = 0; i < 3000; ++i) {
    one.ports.links.at("a")->feed(test::bytes_of(
        "eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/ipv4(src=10.0.0.1, dst=10.0.0.2)/"
        "udp(sport=" +
        std::to_string(1000 + i % 50) + ", dport=53)"));
    if (i % 32 == 31) {
      while (arrived <= i && std::chrono::steady_clock::now() < deadline)
        arrived += one.ports.links.at("b")->take().size();
    }
  }
  is_over = true;
  asker.join();
  EXPECT_GE(arrived, 2976u);
}

}  // namespace
}  // namespace butterfly
