// SPDX-License-Identifier: Apache-2.0
// How often rules have let connections start, as the operator asks for it.
#include <gtest/gtest.h>

#include "host/host_test_support.h"

namespace butterfly {
namespace {

using test::nic_intent;

RuleIntent udp_port(uint16_t port, const std::string& key = "") {
  RuleIntent rule;
  rule.protocol = uint8_t{17};
  rule.first_port = rule.last_port = port;
  rule.key = key;
  return rule;
}

// "a" sends to "b" and "c", which both have the group "open". Two lcores.
class RuleHitsTest : public ::testing::Test {
 protected:
  RuleHitsTest() {
    HostOptions options;
    options.cpus = {0, 0};
    options.mode = IdleMode::manual;
    options.flow_capacity = 1024;
    host_ = std::move(*Host::create(std::move(options), test::pool(), ports_));
    intent_.nics["a"] = nic_intent("a", "52:54:00:00:00:01", "10.0.0.1");
    intent_.nics["b"] = nic_intent("b", "52:54:00:00:00:02", "10.0.0.2", {"open"});
    intent_.nics["c"] = nic_intent("c", "52:54:00:00:00:03", "10.0.0.3", {"open"});
    intent_.groups["open"].name = "open";
    add(udp_port(53));
    apply();
  }
  void add(const RuleIntent& rule) { intent_.groups["open"].rules[rule_id(rule)] = rule; }
  void remove(const RuleIntent& rule) { intent_.groups["open"].rules.erase(rule_id(rule)); }
  void apply() {
    const Status status = host_->apply(intent_);
    ASSERT_TRUE(status.ok()) << status;
  }
  // `count` new connections from a.
  void start(char to, uint32_t count, uint16_t port = 53) {
    for (uint32_t i = 0; i < count; ++i) {
      ports_.links.at("a")->feed(test::bytes_of(
          std::string("eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:0") + to +
          ")/ipv4(src=10.0.0.1, dst=10.0.0." + to + ")/udp(sport=" + std::to_string(next_port_++) +
          ", dport=" + std::to_string(port) + ")"));
    }
    for (int i = 0; i < 3; ++i) host_->run_round(++now_);
  }
  std::optional<uint64_t> hits(const RuleIntent& rule) {
    const auto all = host_->rule_hits("open");
    if (!all.ok()) return std::nullopt;
    for (const RuleHits& one : *all) {
      if (one.rule == rule_id(rule)) return one.hits;
    }
    return std::nullopt;
  }

  TimeMs now_ = 1'000'000;
  uint16_t next_port_ = 1024;
  test::ScriptedPorts ports_;
  Intent intent_;
  std::unique_ptr<Host> host_;
};

TEST_F(RuleHitsTest, AreOfAllNicsAndLcoresTogether) {
  EXPECT_EQ(hits(udp_port(53)), 0u);
  start('2', 20);
  start('3', 7);
  start('3', 5, 54);
  EXPECT_EQ(hits(udp_port(53)), 27u);
  EXPECT_GT(host_->counters().ledger.handed_over, 0u) << "only one lcore had work";
}

TEST_F(RuleHitsTest, StayThroughChangesThatKeepTheRule) {
  start('2', 3);
  add(udp_port(54));
  intent_.groups["open"].members.insert(*Cidr::parse("10.9.0.0/16"));
  intent_.groups["open"].reject = true;
  intent_.nics.erase("c");
  apply();
  EXPECT_EQ(hits(udp_port(53)), 3u);
  start('2', 2);
  EXPECT_EQ(hits(udp_port(53)), 5u);
  EXPECT_EQ(hits(udp_port(54)), 0u);
}

TEST_F(RuleHitsTest, StayWhenARuleOfTheSameKeyTakesThePlace) {
  add(udp_port(60, "dns"));
  apply();
  start('2', 4, 60);
  EXPECT_EQ(hits(udp_port(60, "dns")), 4u);
  remove(udp_port(60, "dns"));
  add(udp_port(61, "dns"));
  apply();
  start('2', 2, 61);
  EXPECT_EQ(hits(udp_port(61, "dns")), 6u);
}

TEST_F(RuleHitsTest, BeginAtNothingForARuleThatComesAgain) {
  start('2', 3);
  for (int i = 0; i < 3; ++i) {
    remove(udp_port(53));
    apply();
    EXPECT_EQ(hits(udp_port(53)), std::nullopt);
    add(udp_port(53));
    apply();
    EXPECT_EQ(hits(udp_port(53)), 0u);
    start('2', 2);
    EXPECT_EQ(hits(udp_port(53)), 2u);
  }
}

TEST_F(RuleHitsTest, OfOneRuleAreNeverTakenForThoseOfAnother) {
  start('2', 3);
  remove(udp_port(53));
  apply();
  add(udp_port(54));
  add(udp_port(55));
  apply();
  start('2', 4, 54);
  EXPECT_EQ(hits(udp_port(54)), 4u);
  EXPECT_EQ(hits(udp_port(55)), 0u);
}

TEST_F(RuleHitsTest, OfAGroupThatIsMadeAgainBeginAtNothing) {
  start('2', 3);
  const GroupIntent open = intent_.groups.at("open");
  intent_.groups.erase("open");
  apply();
  EXPECT_EQ(host_->rule_hits("open").status().message(),
            "group 'open': not found (wanted one of ours)");
  intent_.groups["open"] = open;
  apply();
  EXPECT_EQ(hits(udp_port(53)), 0u);
}

TEST_F(RuleHitsTest, OutliveAnAttemptThatFails) {
  start('2', 3);
  Intent wrong = intent_;
  wrong.groups["open"].rules.erase(rule_id(udp_port(53)));
  wrong.nics["x"] = nic_intent("x", "52:54:00:00:00:09", "10.0.0.9");
  wrong.nics["x"].tap_name = "refused";
  EXPECT_FALSE(host_->apply(wrong).ok());
  start('2', 2);
  EXPECT_EQ(hits(udp_port(53)), 5u);
}

}  // namespace
}  // namespace butterfly
