// SPDX-License-Identifier: Apache-2.0
#include "bricks/firewall.h"

#include <gtest/gtest.h>

#include "bricks/firewall_test_support.h"

namespace butterfly::test {
namespace {

const std::string kToVm = "eth(src=52:54:00:00:00:09, dst=52:54:00:00:00:05)/";
const std::string kToPeer = "eth(src=52:54:00:00:00:05, dst=52:54:00:00:00:09)/";
const std::string kToNobody = "eth(src=52:54:00:00:00:09, dst=52:54:00:00:00:aa)/";
const std::string kIn = "ipv4(src=10.0.0.9, dst=10.0.0.5)/";
const std::string kOut = "ipv4(src=10.0.0.5, dst=10.0.0.9)/";
constexpr const char* kRequest = "udp(sport=4000, dport=53)";
constexpr const char* kReply = "udp(sport=53, dport=4000)";

TEST(Firewall, BothEndsOfAFlowBetweenTwoGuestsOfAHostHaveTheirSay) {
  FirewallWorld world(FirewallWorld::Peer::local);
  world.set_vm({}, {allow()});
  world.set_nic("p", kPeerPort, kPeerMac, {group_of({}, {allow()})});
  EXPECT_EQ(world.out(kToPeer + kOut + kRequest), "denied");  // the peer lets nothing in
  EXPECT_EQ(world.flows.size(), 0u);
  world.set_nic("p", kPeerPort, kPeerMac, {group_of({allow_port(17, 53)}, {})});
  EXPECT_EQ(world.out(kToPeer + kOut + kRequest), "pass");
  EXPECT_EQ(world.in(kToVm + kIn + kReply), "pass");  // without an egress rule
  EXPECT_EQ(world.flows.size(), 1u);
}

TEST(Firewall, OneEntryHoldsTheVerdictsOfBothEndsAndEachIsAskedAgainAlone) {
  FirewallWorld world(FirewallWorld::Peer::local);
  world.set_vm({}, {allow()});
  world.out(kToPeer + kOut + kRequest);
  const Flow* flow = world.flow_of(kToPeer + kOut + kRequest);
  ASSERT_NE(flow, nullptr);
  EXPECT_TRUE(
      world.flows.history(*flow).verdict(Role::initiator).is_of(world.nics.find(kVmPort)->serial));
  EXPECT_TRUE(world.flows.history(*flow)
                  .verdict(Role::responder)
                  .is_of(world.nics.find(kPeerPort)->serial));
  world.set_nic("p", kPeerPort, kPeerMac, {group_of({}, {allow()})});
  EXPECT_EQ(world.in(kToVm + kIn + kReply), "revoked");
  EXPECT_EQ(world.out(kToPeer + kOut + kRequest), "revoked");
  world.set_nic("p", kPeerPort, kPeerMac, {group_of({allow()}, {})});
  EXPECT_EQ(world.in(kToVm + kIn + kReply), "pass");
  EXPECT_EQ(world.flows.history(*flow).verdict(Role::responder).generation,
            world.nics.find(kPeerPort)->policy.generation);
}

TEST(Firewall, ATrackedPacketAsksNoRuleAndAnAllowedOneNamesItsRuleAndGroup) {
  FirewallWorld world;
  world.set_vm({allow_port(17, 53)}, {});
  EXPECT_EQ(world.in(kToVm + kIn + kRequest), "pass");
  EXPECT_EQ(Firewall::format(world.note), "rule 0123456789abcdef of group web");
  world.note = {};
  EXPECT_EQ(world.in(kToVm + kIn + kRequest), "pass");
  EXPECT_EQ(Firewall::format(world.note), "");
}

TEST(Firewall, ANicWithoutGroupsLetsEverythingOutAndNothingIn) {
  FirewallWorld world;
  auto nic = std::make_shared<Nic>(*world.nics.find(kVmPort));
  nic->policy.allow_all_egress = true;
  world.nics.set(nic);
  EXPECT_EQ(world.in(kToVm + kIn + kRequest), "denied");
  EXPECT_EQ(world.out(kToPeer + kOut + "udp(sport=5, dport=6)"), "pass");
  EXPECT_EQ(Firewall::format(world.note), "rule no-group");
}

TEST(Firewall, TheSameAddressesBehindAnotherNicAreAnotherConnection) {
  FirewallWorld world;
  world.set_vm({allow()}, {});
  world.set_nic("third", kThirdPort, kThirdMac, {group_of({}, {allow()})});
  const std::string ssh = "tcp(sport=40000, dport=22, flags=";
  EXPECT_EQ(world.in(kToVm + kIn + ssh + "S, seq=1000)"), "pass");
  // The third nic answers in the guest's name: a start of its own, and not a SYN.
  const std::string answer = kToPeer + kOut + "tcp(sport=22, dport=40000, flags=SA, ack=1001)";
  EXPECT_EQ(world.send(kThirdPort, answer), "tcp-mid-stream");
  // What belongs to the guest's connection is nothing known at the third nic.
  const std::string to_third = "eth(src=52:54:00:00:00:09, dst=52:54:00:00:00:77)/";
  EXPECT_EQ(world.send(kUplinkPort, to_third + kIn + ssh + "S, seq=1000)"), "denied");
  EXPECT_EQ(world.send(kVmPort, answer), "pass");
}

TEST(Firewall, AReplyToAnotherNicThanTheOneThatAskedIsDropped) {
  FirewallWorld world;
  world.set_vm({}, {allow()});
  world.set_nic("third", kThirdPort, kThirdMac, {group_of({allow()}, {allow()})});
  EXPECT_EQ(world.out(kToPeer + kOut + kRequest), "pass");
  EXPECT_EQ(world.send(kUplinkPort, "eth(dst=52:54:00:00:00:77)/" + kIn + kReply), "other-nic");
  EXPECT_EQ(world.in(kToVm + kIn + kReply), "pass");
}

TEST(Firewall, OfAFloodedPacketEveryNicJudgesItsCopyAndNoneBecomesItsEnd) {
  FirewallWorld world;
  world.set_vm({allow_port(17, 53)}, {});
  world.set_nic("third", kThirdPort, kThirdMac, {group_of({}, {})});
  world.in(kToNobody + kIn + kRequest);
  EXPECT_EQ(world.copies().at(kVmPort.value), "pass");
  EXPECT_EQ(world.copies().at(kThirdPort.value), "denied");
  const Flow* flow = world.flow_of(kToVm + kIn + kRequest);
  ASSERT_NE(flow, nullptr);
  EXPECT_EQ(world.flows.history(*flow).verdict(Role::responder).serial, 0u);
  // Who answers is the end, when its ingress rules would have let the request in.
  EXPECT_EQ(world.send(kThirdPort, kToPeer + kOut + kReply), "denied");
  EXPECT_EQ(world.send(kVmPort, kToPeer + kOut + kReply), "pass");
  EXPECT_TRUE(
      world.flows.history(*flow).verdict(Role::responder).is_of(world.nics.find(kVmPort)->serial));
}

TEST(Firewall, ABroadcastFromAGuestLeavesByItsEgressRules) {
  FirewallWorld world;
  const std::string shout =
      "eth(src=52:54:00:00:00:05, dst=ff:ff:ff:ff:ff:ff)/ipv4(src=10.0.0.5, dst=10.0.0.255)/"
      "udp(sport=137, dport=137)";
  world.set_vm({}, {});
  EXPECT_EQ(world.out(shout), "denied");
  world.set_vm({}, {allow()});
  world.set_nic("third", kThirdPort, kThirdMac, {group_of({allow_port(17, 137)}, {})});
  EXPECT_EQ(world.out(shout), "pass");
  EXPECT_EQ(world.copies().at(kUplinkPort.value), "pass");
  EXPECT_EQ(world.copies().at(kThirdPort.value), "pass");
  EXPECT_EQ(world.flows.size(), 1u);
}

TEST(Firewall, DhcpClientsOfASegmentLeaveNoFlow) {
  FirewallWorld world;
  world.set_vm({}, {});
  const std::string question =
      "eth(src=52:54:00:00:00:05, dst=ff:ff:ff:ff:ff:ff)/"
      "ipv4(src=0.0.0.0, dst=255.255.255.255)/udp(sport=68, dport=67)";
  EXPECT_EQ(world.out(question), "pass");
  EXPECT_EQ(world.in(kToVm + "ipv4(src=10.0.0.1, dst=10.0.0.5)/udp(sport=67, dport=68)"), "pass");
  EXPECT_EQ(world.in(kToVm + "ipv6(src=fe80::1, dst=fe80::5)/udp(sport=547, dport=546)"), "pass");
  EXPECT_EQ(world.in(kToVm + kIn + "udp(sport=68, dport=67)"), "denied");
  EXPECT_EQ(world.flows.size(), 0u);
}

TEST(Firewall, AServerThatARuleLetsClientsAskStillMayNotAnswerAsDhcp) {
  FirewallWorld world;
  world.set_vm({allow()}, {allow()});
  EXPECT_EQ(world.in(kToVm + kIn + "udp(sport=68, dport=67)"), "pass");
  EXPECT_EQ(world.out(kToPeer + kOut + "udp(sport=67, dport=68)"), "rogue-dhcp-server");
  EXPECT_EQ(world.out(kToPeer + kOut + "udp(sport=5000, dport=68)"), "rogue-dhcp-server");
  EXPECT_EQ(world.out(kToPeer + kOut + "tcp(sport=5000, dport=68)"), "pass");
  // What a client has asked at another port is its own affair.
  EXPECT_EQ(world.in(kToVm + kIn + "udp(sport=68, dport=5000)"), "pass");
  EXPECT_EQ(world.out(kToPeer + kOut + "udp(sport=5000, dport=68)"), "pass");
}

TEST(Firewall, RouterAdvertisementsReachTheGuestOnlyUnrouted) {
  FirewallWorld world;
  world.set_vm({}, {});
  const std::string all = "eth(src=52:54:00:00:00:09, dst=52:54:00:00:00:05)/";
  EXPECT_EQ(world.in(all + "ipv6(src=fe80::1, dst=ff02::1)/nd_ra"), "pass");
  EXPECT_EQ(world.in(all + "ipv6(src=fe80::1, dst=ff02::1, hlim=254)/nd_ra"), "bad-hop-limit");
  EXPECT_EQ(world.in(all + "ipv6(src=fe80::1, dst=ff02::1)/icmp6(type=130)"), "pass");
  EXPECT_EQ(world.in(all + "ipv6(src=fe80::9, dst=ff02::2)/nd_rs"), "denied");
  EXPECT_EQ(world.out(kToPeer + "ipv6(src=fe80::5, dst=ff02::2)/nd_rs"), "pass");
  EXPECT_EQ(world.out(kToPeer + "ipv6(src=fe80::5, dst=ff02::16)/icmp6(type=143)"), "pass");
}

TEST(Firewall, UntrackedIcmpIsJudgedByTheRulesEachTime) {
  FirewallWorld world;
  Rule rule = allow([](Rule& r) { r.protocol = wire::kProtoIcmp; });
  rule.icmp_type = 40;
  world.set_vm({rule}, {});
  EXPECT_EQ(world.in(kToVm + kIn + "icmp(type=40)"), "pass");
  EXPECT_EQ(world.in(kToVm + kIn + "icmp(type=41)"), "denied");
  EXPECT_EQ(world.out(kToPeer + kOut + "icmp(type=40)"), "denied");
  EXPECT_EQ(world.flows.size(), 0u);
}

TEST(Firewall, WhatIsNotIpPassesOnlyFromTheList) {
  FirewallWorld world;
  world.set_vm({allow()}, {allow()});
  EXPECT_EQ(world.in(kToVm + "arp"), "pass");
  const std::string start = "eth(src=52:54:00:00:00:09, dst=52:54:00:00:00:05, type=";
  EXPECT_EQ(world.in(start + "0x88cc)/payload(len=46)"), "pass");
  EXPECT_EQ(world.in(start + "0x8847)/payload(len=46)"), "not-ip");
  EXPECT_EQ(world.out(start + "0x88cc)/payload(len=46)"), "not-ip");
}

TEST(Firewall, AForgedErrorMustNameTheRightSideOfTheFlow) {
  FirewallWorld world;
  world.set_vm({}, {allow()});
  world.set_nic("third", kThirdPort, kThirdMac, {group_of({allow()}, {allow()})});
  EXPECT_EQ(world.out(kToPeer + kOut + kRequest), "pass");
  const std::string error = "icmp(type=3, code=3)/" + kOut + kRequest;
  EXPECT_EQ(world.in(kToVm + kIn + error), "pass");
  // The third nic has no part in the flow, neither as its end nor as who complains about it.
  EXPECT_EQ(world.send(kUplinkPort, "eth(dst=52:54:00:00:00:77)/" + kIn + error),
            "error-unrelated");
  EXPECT_EQ(world.send(kThirdPort, kToVm + kIn + error), "error-unrelated");
}

}  // namespace
}  // namespace butterfly::test
