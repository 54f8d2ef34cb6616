// SPDX-License-Identifier: Apache-2.0
// What the firewall notes of packets that start connections: hits of rules, and events.
#include <gtest/gtest.h>

#include "bricks/firewall_test_support.h"

namespace butterfly::test {
namespace {

const std::string kIn =
    "eth(src=52:54:00:00:00:09, dst=52:54:00:00:00:05)/ipv4(src=10.0.0.9, dst=10.0.0.5)/";
const std::string kOut =
    "eth(src=52:54:00:00:00:05, dst=52:54:00:00:00:09)/ipv4(src=10.0.0.5, dst=10.0.0.9)/";
const std::string kAsk = "udp(sport=4000, dport=53)";
const std::string kAnswer = "udp(sport=53, dport=4000)";

Rule counted(uint32_t slot, uint8_t protocol = 17, uint16_t port = 53) {
  Rule rule = allow_port(protocol, port);
  rule.id = "rule-" + std::to_string(slot);
  rule.hits_slot = slot;
  return rule;
}
std::shared_ptr<const Procedure> procedure(bool log, uint8_t min_ttl = 0) {
  Procedure procedure;
  procedure.name = "p";
  procedure.log = log;
  procedure.min_ttl = min_ttl;
  return std::make_shared<const Procedure>(procedure);
}
std::vector<Event> events_of(FirewallWorld& world) {
  std::vector<Event> events;
  for (Event event; world.lcore.events().take(event);) events.push_back(event);
  return events;
}
void watch_starts(FirewallWorld& world) {
  EventWants wants;
  wants.per_second = 100;
  wants.starts = wants.any_port = true;
  world.lcore.events().arm(wants);
  world.lcore.set_logging(world.lcore.events().begin_round());
}

TEST(FirewallStarts, OnlyTheFirstPacketOfAConnectionIsAHit) {
  FirewallWorld world;
  world.set_vm({counted(1)}, {counted(2)});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(world.in(kIn + kAsk), "pass");
  EXPECT_EQ(world.out(kOut + kAnswer), "pass");
  EXPECT_EQ(world.lcore.hits().read(1), 1u);
  EXPECT_EQ(world.lcore.hits().read(2), 0u);
  world.in(kIn + "udp(sport=4001, dport=53)");
  world.out(kOut + "udp(sport=4002, dport=53)");
  EXPECT_EQ(world.lcore.hits().read(1), 2u);
  EXPECT_EQ(world.lcore.hits().read(2), 1u);
}

TEST(FirewallStarts, WhatIsRefusedIsNoHit) {
  FirewallWorld world;
  world.set_vm({counted(1)}, {});
  EXPECT_EQ(world.in(kIn + "udp(sport=4000, dport=54)"), "denied");
  EXPECT_EQ(world.out(kOut + kAsk), "denied");
  EXPECT_EQ(world.lcore.hits().read(1), 0u);
}

TEST(FirewallStarts, AConnectionJudgedAgainIsNoHit) {
  FirewallWorld world;
  world.set_vm({counted(1)}, {});
  world.in(kIn + kAsk);
  world.set_vm({counted(1), counted(3, 6, 80)}, {});
  EXPECT_EQ(world.in(kIn + kAsk), "pass");
  EXPECT_EQ(world.lcore.hits().read(1), 1u);
}

TEST(FirewallStarts, APortUsedAgainIsAHitAgain) {
  FirewallWorld world;
  world.set_vm({counted(1, 6, 80)}, {});
  world.in(kIn + "tcp(sport=4000, dport=80, flags=S, seq=1000)");
  world.out(kOut + "tcp(sport=80, dport=4000, flags=RA, seq=0, ack=1001)");
  EXPECT_EQ(world.in(kIn + "tcp(sport=4000, dport=80, flags=S, seq=9000)"), "pass");
  EXPECT_EQ(world.lcore.hits().read(1), 2u);
}

TEST(FirewallStarts, AStartIsToldWhenItsRulesProcedureSaysLog) {
  FirewallWorld world;
  world.procedures.set(5, procedure(/*log=*/true));
  Rule rule = counted(1);
  rule.procedure = 5;
  world.set_vm({rule, counted(2, 6, 80)}, {});
  world.in(kIn + "udp(sport=3999, dport=53)");
  watch_starts(world);
  world.in(kIn + kAsk);
  world.in(kIn + kAsk);
  world.in(kIn + "tcp(sport=4000, dport=80, flags=S)");
  const std::vector<Event> events = events_of(world);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, EventKind::ingress_start);
  EXPECT_STREQ(events[0].rule.data(), "rule-1");
  EXPECT_STREQ(events[0].group.data(), "web");
  EXPECT_EQ(events[0].in_port, kUplinkPort);
  EXPECT_EQ(events[0].out_port, kVmPort);
  EXPECT_EQ(events[0].vni, Vni{7});
}

TEST(FirewallStarts, AProcedureThatOnlyLogsIsNotRememberedByTheConnection) {
  FirewallWorld world;
  world.procedures.set(5, procedure(/*log=*/true));
  world.procedures.set(6, procedure(/*log=*/true, /*min_ttl=*/64));
  Rule only_logs = counted(1);
  only_logs.procedure = 5;
  Rule does_more = counted(2, 17, 54);
  does_more.procedure = 6;
  world.set_vm({only_logs, does_more}, {});
  world.in(kIn + kAsk);
  world.in(kIn + "udp(sport=4000, dport=54)");
  EXPECT_EQ(world.starts.lasting(5), 0u);
  EXPECT_EQ(world.starts.lasting(6), 6u);
  const auto remembered = [&](const std::string& text) {
    return world.flows.history(*world.flow_of(text)).verdict(Role::responder).procedure;
  };
  EXPECT_EQ(remembered(kIn + kAsk), 0u);
  EXPECT_EQ(remembered(kIn + "udp(sport=4000, dport=54)"), 6u);
}

}  // namespace
}  // namespace butterfly::test
