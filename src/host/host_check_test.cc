// SPDX-License-Identifier: Apache-2.0
// What would become of a packet, as the operator asks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/host_test_support.h"

namespace butterfly {
namespace {

using test::nic_intent;
using testing::ElementsAre;
using testing::HasSubstr;

// "web" lets TCP port 80 in, "db" what comes from web's group; both let everything out.
class HostCheckTest : public ::testing::Test {
 protected:
  HostCheckTest() {
    HostOptions options;
    options.mode = IdleMode::manual;
    options.flow_capacity = 1024;
    host_ = std::move(*Host::create(std::move(options), test::pool(), ports_));
    intent_.nics["web"] = nic_intent("web", "52:54:00:00:00:01", "10.0.0.1", {"web"});
    intent_.nics["db"] = nic_intent("db", "52:54:00:00:00:02", "10.0.0.2", {"db"});
    RuleIntent http;
    http.protocol = uint8_t{6};
    http.first_port = http.last_port = 80;
    add("web", http);
    RuleIntent from_web;
    from_web.protocol = uint8_t{6};
    from_web.peer_group = "web";
    add("db", from_web);
    RuleIntent out;
    out.direction = RuleDirection::egress;
    for (const char* group : {"web", "db"}) add(group, out);
    apply();
  }
  void add(const std::string& group, const RuleIntent& rule) {
    intent_.groups[group].name = group;
    intent_.groups[group].rules[rule_id(rule)] = rule;
  }
  void apply() {
    const Status status = host_->apply(intent_);
    ASSERT_TRUE(status.ok()) << status;
  }
  static CheckQuery tcp(const std::string& nic, bool is_from_nic, const std::string& peer,
                        uint16_t port) {
    CheckQuery query;
    query.nic = nic;
    query.is_from_nic = is_from_nic;
    query.peer = *IpAddress::parse(peer);
    query.protocol = 6;
    query.source_port = 40000;
    query.destination_port = port;
    return query;
  }
  // "firewall-from/allowed rule …", without the ids of rules.
  std::vector<std::string> steps(const CheckQuery& query) {
    const auto report = host_->check(query);
    if (!report.ok()) return {std::string(report.status().message())};
    std::vector<std::string> steps;
    for (const auto& step : report->packet.steps) {
      const size_t of = step.note.find(" of group ");
      steps.push_back(step.node + "/" + step.out +
                      (of == std::string::npos ? "" : step.note.substr(of)));
    }
    steps.push_back(report->passes ? "passes" : "does not pass");
    return steps;
  }

  test::ScriptedPorts ports_;
  std::unique_ptr<Host> host_;
  Intent intent_;
};

TEST_F(HostCheckTest, SomebodyElsewhereIsJudgedByTheNicItIsFor) {
  EXPECT_THAT(steps(tcp("web", false, "192.0.2.9", 80)),
              ElementsAre("firewall-to/allowed of group web", "passes"));
  EXPECT_THAT(steps(tcp("web", false, "192.0.2.9", 22)),
              ElementsAre("firewall-to/denied", "does not pass"));
}

TEST_F(HostCheckTest, BetweenTwoNicsOfTheHostBothAreAsked) {
  EXPECT_THAT(steps(tcp("web", true, "10.0.0.2", 5432)),
              ElementsAre("antispoof/genuine", "firewall-from/allowed of group web",
                          "firewall-to/allowed of group db", "passes"));
  EXPECT_EQ(steps(tcp("web", true, "10.0.0.2", 5432)), steps(tcp("db", false, "10.0.0.1", 5432)));
  EXPECT_THAT(steps(tcp("db", true, "10.0.0.1", 22)),
              ElementsAre("antispoof/genuine", "firewall-from/allowed of group db",
                          "firewall-to/denied", "does not pass"));
}

TEST_F(HostCheckTest, AForeignAddressIsStoppedWhereItsPacketsWouldBe) {
  CheckQuery query = tcp("web", true, "192.0.2.9", 80);
  query.address = *IpAddress::parse("10.0.0.77");
  EXPECT_THAT(steps(query), ElementsAre("antispoof/wrong-source-ip", "does not pass"));
}

TEST_F(HostCheckTest, TheGuardListAndRejectAnswerAsTheyWouldInLife) {
  GuardIntent guard;
  guard.key = "no-http";
  guard.action = GuardIntent::Action::deny;
  guard.match.direction = RuleDirection::ingress;
  guard.match.protocol = uint8_t{6};
  intent_.guard["no-http"] = guard;
  intent_.groups["web"].reject = true;
  apply();
  const auto report = host_->check(tcp("web", false, "192.0.2.9", 80));
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->packet.steps.back().out, "guard-denied");
  EXPECT_EQ(report->packet.steps.back().note, "guard rule no-http");
  intent_.guard.erase("no-http");
  apply();
  EXPECT_THAT(steps(tcp("web", false, "192.0.2.9", 22)),
              ElementsAre("firewall-to/rejected", "does not pass"));
}

TEST_F(HostCheckTest, NothingIsCountedAndNothingIsRemembered) {
  const auto hits = [&] {
    uint64_t sum = 0;
    const auto all = host_->rule_hits("web");
    for (const RuleHits& one : *all) sum += *one.hits;
    return sum;
  };
  const uint32_t in_use = test::pool().in_use();
  for (int i = 0; i < 10; ++i)
    EXPECT_TRUE(host_->check(tcp("web", false, "192.0.2.9", 80))->passes);
  EXPECT_EQ(hits(), 0u);
  EXPECT_EQ(test::pool().in_use(), in_use);
  const CounterReport counters = host_->counters();
  for (const OutReport& out : counters.outs) EXPECT_EQ(out.packets, 0u) << out.node;
  EXPECT_EQ(host_->report().lcores[0].flows, 0u);
}

TEST_F(HostCheckTest, EveryProtocolAndBothFamilies) {
  intent_.nics["web"].addresses.insert(*IpAddress::parse("fd00::1"));
  add("web", RuleIntent{});
  apply();
  for (const char* peer : {"192.0.2.9", "2001:db8::9"}) {
    for (const int protocol : {6, 17, 132, 47, 50, 0xfd}) {
      CheckQuery query = tcp("web", false, peer, 80);
      query.protocol = static_cast<uint8_t>(protocol);
      EXPECT_EQ(steps(query).back(), "passes") << peer << " protocol " << protocol;
    }
  }
  CheckQuery ping = tcp("web", false, "2001:db8::9", 0);
  ping.protocol = 58;
  ping.icmp_type = 128;
  EXPECT_EQ(steps(ping).back(), "passes");
}

TEST_F(HostCheckTest, WhatCannotBeAskedIsRefused) {
  EXPECT_THAT(steps(tcp("nobody", false, "192.0.2.9", 80)),
              ElementsAre("nic 'nobody': not found (wanted one of ours)"));
  EXPECT_THAT(steps(tcp("web", false, "2001:db8::9", 80)),
              ElementsAre("nic 'web': check: no address of the family of 2001:db8::9 (wanted one "
                          "of its own)"));
  CheckQuery error = tcp("web", false, "192.0.2.9", 0);
  error.protocol = 1;
  error.icmp_type = 3;
  EXPECT_THAT(steps(error), ElementsAre(HasSubstr("begins no connection")));
}

}  // namespace
}  // namespace butterfly
