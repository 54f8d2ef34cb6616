// SPDX-License-Identifier: Apache-2.0
// The firewall with a guard list: who is asked first, and what the answer leaves behind.
#include <gtest/gtest.h>

#include "bricks/firewall_test_support.h"

namespace butterfly::test {
namespace {

using Action = GuardRule::Action;

const std::string kIn =
    "eth(src=52:54:00:00:00:09, dst=52:54:00:00:00:05)/ipv4(src=10.0.0.9, dst=10.0.0.5)/";
const std::string kOut =
    "eth(src=52:54:00:00:00:05, dst=52:54:00:00:00:09)/ipv4(src=10.0.0.5, dst=10.0.0.9)/";
const std::string kRequest = "udp(sport=4000, dport=53)";
const std::string kReply = "udp(sport=53, dport=4000)";

std::shared_ptr<GuardRule> guard_rule(const std::string& key, Action action) {
  auto rule = std::make_shared<GuardRule>();
  rule->match.id = key;
  rule->action = action;
  return rule;
}

// As the host does it: the nics whose verdicts may change have newer policies.
void set_guard(FirewallWorld& world, std::vector<std::shared_ptr<const GuardRule>> rules) {
  world.guard = GuardList(std::move(rules));
  world.set_nic("vm", kVmPort, kVmMac, world.nics.find(kVmPort)->policy.groups);
}

void make_rejecting(FirewallWorld& world) {
  auto nic = std::make_shared<Nic>(*world.nics.find(kVmPort));
  nic->policy.rejects = true;
  world.nics.set(nic);
}

TEST(FirewallGuard, ATraceNamesTheGuardRuleThatDecided) {
  FirewallWorld world;
  world.set_vm({allow()}, {});
  set_guard(world, {guard_rule("no-dns", Action::deny)});
  EXPECT_EQ(world.in(kIn + kRequest), "guard-denied");
  EXPECT_EQ(Firewall::format(world.note), "guard rule no-dns");
  set_guard(world, {guard_rule("dns", Action::allow)});
  EXPECT_EQ(world.in(kIn + kRequest), "pass");
  EXPECT_EQ(Firewall::format(world.note), "guard rule dns");
  set_guard(world, {guard_rule("dns", Action::groups)});
  EXPECT_EQ(world.in(kIn + kRequest), "pass");
  EXPECT_EQ(Firewall::format(world.note), "rule 0123456789abcdef of group web");
}

TEST(FirewallGuard, AnEmptyListAndOneThatDoesNotFitLeaveItToTheGroups) {
  FirewallWorld world;
  world.set_vm({allow_port(17, 53)}, {});
  EXPECT_EQ(world.in(kIn + kRequest), "pass");
  auto tcp_only = guard_rule("tcp", Action::deny);
  tcp_only->match.protocol = wire::kProtoTcp;
  set_guard(world, {tcp_only});
  EXPECT_EQ(world.in(kIn + kRequest), "pass");
  EXPECT_EQ(world.in(kIn + "udp(sport=4000, dport=54)"), "denied");
  EXPECT_EQ(world.in(kIn + "tcp(sport=4000, dport=53)"), "guard-denied");
}

TEST(FirewallGuard, ARefusalStaysSilentAlsoOfALiveConnection) {
  FirewallWorld world;
  world.set_vm({allow()}, {});
  EXPECT_EQ(world.in(kIn + kRequest), "pass");
  EXPECT_EQ(world.out(kOut + kReply), "pass");
  set_guard(world, {guard_rule("nothing", Action::deny)});
  make_rejecting(world);
  EXPECT_EQ(world.in(kIn + kRequest), "revoked");
  EXPECT_EQ(Firewall::format(world.note), "guard rule nothing");
  EXPECT_EQ(world.out(kOut + kReply), "revoked");
  EXPECT_EQ(world.in(kIn + "udp(sport=4001, dport=53)"), "guard-denied");
  // Rejected packets pass on, to be answered: those that the groups refuse.
  set_guard(world, {guard_rule("nothing", Action::groups)});
  world.set_vm({}, {});
  make_rejecting(world);
  EXPECT_EQ(world.in(kIn + "udp(sport=4001, dport=53)"), "pass");
}

TEST(FirewallGuard, AConnectionThatItAllowsHasNoProcedureAnyMore) {
  FirewallWorld world;
  world.set_vm({allow([](Rule& rule) { rule.procedure = 5; })}, {});
  EXPECT_EQ(world.in(kIn + kRequest), "pass");
  const Flow* flow = world.flow_of(kIn + kRequest);
  EXPECT_EQ(world.flows.history(*flow).verdict(Role::responder).procedure, 5);
  set_guard(world, {guard_rule("dns", Action::allow)});
  EXPECT_EQ(world.in(kIn + kRequest), "pass");
  EXPECT_EQ(world.flows.history(*flow).verdict(Role::responder).procedure, 0);
}

TEST(FirewallGuard, AnIcmpErrorGoesWithItsConnection) {
  FirewallWorld world;
  world.set_vm({}, {allow()});
  EXPECT_EQ(world.out(kOut + kRequest), "pass");
  auto no_errors = guard_rule("no-errors", Action::deny);
  no_errors->match.protocol = wire::kProtoIcmp;
  no_errors->match.family = wire::Family::v4;
  set_guard(world, {no_errors});
  const std::string error =
      kIn + "icmp(type=3, code=3)/ipv4(src=10.0.0.5, dst=10.0.0.9)/" + kRequest;
  EXPECT_EQ(world.in(error), "pass");
  set_guard(world, {guard_rule("nothing", Action::deny)});
  EXPECT_EQ(world.in(error), "revoked");
}

}  // namespace
}  // namespace butterfly::test
