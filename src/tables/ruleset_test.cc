// SPDX-License-Identifier: Apache-2.0
#include "tables/ruleset.h"

#include <gtest/gtest.h>

#include "wire/headers.h"

namespace butterfly {
namespace {

using wire::Family;

IpAddress ip(const char* text) { return *IpAddress::parse(text); }

FlowStart tcp(const char* source, const char* destination, uint16_t port, Vni vni = Vni{1}) {
  FlowStart start;
  start.family = ip(source).is_v4() ? Family::v4 : Family::v6;
  start.tuple = {{ip(source), 40000}, {ip(destination), port}, wire::kProtoTcp};
  start.vni = vni;
  return start;
}
FlowStart other(uint8_t protocol, uint8_t icmp_type = 0, uint8_t icmp_code = 0) {
  FlowStart start = tcp("10.0.0.9", "10.0.0.5", 0);
  start.tuple.protocol = protocol;
  start.tuple.source.port = 0;
  start.icmp_type = icmp_type;
  start.icmp_code = icmp_code;
  return start;
}

Rule rule(void (*edit)(Rule&)) {
  Rule made;
  made.id = "r";
  edit(made);
  return made;
}

Policy policy_of(std::vector<Rule> ingress, std::vector<Rule> egress = {}) {
  auto group = std::make_shared<RuleGroup>();
  group->ingress = std::move(ingress);
  group->egress = std::move(egress);
  Policy policy;
  policy.groups.push_back(std::move(group));
  return policy;
}

bool lets_in(const Rule& one, const FlowStart& start) {
  return find_allowing_rule(policy_of({one}), Direction::ingress, start) != nullptr;
}

TEST(Ruleset, NothingComesInWithoutARuleAndOnlyAGrouplessNicLetsEverythingOut) {
  Policy policy;
  const FlowStart start = tcp("10.0.0.9", "10.0.0.5", 22);
  EXPECT_EQ(find_allowing_rule(policy, Direction::ingress, start), nullptr);
  EXPECT_EQ(find_allowing_rule(policy, Direction::egress, start), nullptr);
  policy.allow_all_egress = true;
  EXPECT_EQ(find_allowing_rule(policy, Direction::ingress, start), nullptr);
  EXPECT_EQ(find_allowing_rule(policy, Direction::egress, start), &kAllowAllEgress);
}

TEST(Ruleset, APortRangeIsInclusiveAtBothEndsAndOnlyForProtocolsWithPorts) {
  const Rule ports = rule([](Rule& r) {
    r.first_port = 1000;
    r.last_port = 2000;
  });
  const struct {
    uint16_t port;
    bool allowed;
  } rows[] = {{999, false}, {1000, true}, {2000, true}, {2001, false}};
  for (const auto& row : rows) {
    EXPECT_EQ(lets_in(ports, tcp("10.0.0.9", "10.0.0.5", row.port)), row.allowed) << row.port;
  }
  const Rule low = rule([](Rule& r) { r.last_port = 10; });
  EXPECT_FALSE(lets_in(low, other(47)));  // GRE has no port 0
}

TEST(Ruleset, TheProtocolMustMatchNotJustThePort) {
  const Rule ssh = rule([](Rule& r) {
    r.protocol = wire::kProtoTcp;
    r.first_port = r.last_port = 22;
  });
  FlowStart udp = tcp("10.0.0.9", "10.0.0.5", 22);
  EXPECT_TRUE(lets_in(ssh, udp));
  udp.tuple.protocol = wire::kProtoUdp;
  EXPECT_FALSE(lets_in(ssh, udp));
}

TEST(Ruleset, ARuleOfOneFamilyDoesNotOpenTheOther) {
  const Rule six = rule([](Rule& r) { r.family = Family::v6; });
  EXPECT_TRUE(lets_in(six, tcp("fd00::9", "fd00::5", 22)));
  EXPECT_FALSE(lets_in(six, tcp("10.0.0.9", "10.0.0.5", 22)));
  const Rule all_six = rule([](Rule& r) { r.peer = Cidr::parse("::/0"); });
  EXPECT_TRUE(lets_in(all_six, tcp("fd00::9", "fd00::5", 22)));
  EXPECT_FALSE(lets_in(all_six, tcp("10.0.0.9", "10.0.0.5", 22)));
  const Rule all_four = rule([](Rule& r) { r.peer = Cidr::parse("0.0.0.0/0"); });
  EXPECT_FALSE(lets_in(all_four, tcp("fd00::9", "fd00::5", 22)));
}

TEST(Ruleset, AnIcmpTypeLeavesOtherTypesAndProtocolsShut) {
  const Rule ping = rule([](Rule& r) { r.icmp_type = wire::kIcmpEcho; });
  EXPECT_TRUE(lets_in(ping, other(wire::kProtoIcmp, 8, 0)));
  EXPECT_TRUE(lets_in(ping, other(wire::kProtoIcmp, 8, 3)));
  EXPECT_FALSE(lets_in(ping, other(wire::kProtoIcmp, 13)));
  EXPECT_FALSE(lets_in(ping, other(wire::kProtoTcp)));
  EXPECT_FALSE(lets_in(ping, other(wire::kProtoIcmpv6, 8)));  // ICMPv6 inside IPv4 is no ICMP
  const Rule code = rule([](Rule& r) {
    r.icmp_type = 8;
    r.icmp_code = 0;
  });
  EXPECT_TRUE(lets_in(code, other(wire::kProtoIcmp, 8, 0)));
  EXPECT_FALSE(lets_in(code, other(wire::kProtoIcmp, 8, 3)));
}

TEST(Ruleset, ThePeerIsTheSourceComingInAndTheDestinationGoingOut) {
  const Rule nine = rule([](Rule& r) { r.peer = Cidr::parse("10.0.0.8/29"); });
  const Policy policy = policy_of({nine}, {nine});
  const FlowStart from_nine = tcp("10.0.0.9", "10.0.0.16", 80);
  const FlowStart to_nine = tcp("10.0.0.16", "10.0.0.9", 80);
  EXPECT_NE(find_allowing_rule(policy, Direction::ingress, from_nine), nullptr);
  EXPECT_EQ(find_allowing_rule(policy, Direction::ingress, to_nine), nullptr);
  EXPECT_EQ(find_allowing_rule(policy, Direction::egress, from_nine), nullptr);
  EXPECT_NE(find_allowing_rule(policy, Direction::egress, to_nine), nullptr);
}

TEST(Ruleset, AMemberCountsInItsOwnSegmentAndAListedAddressInEverySegment) {
  Rule group;
  group.members = std::make_shared<const AddressSet>(std::vector<AddressSet::Member>{
      {Vni{7}, ip("10.0.0.9")}, {Vni{0}, ip("fd00::9")}, {Vni{7}, ip("10.0.0.9")}});
  EXPECT_EQ(group.members->members().size(), 2u);
  EXPECT_TRUE(lets_in(group, tcp("10.0.0.9", "10.0.0.5", 80, Vni{7})));
  EXPECT_FALSE(lets_in(group, tcp("10.0.0.9", "10.0.0.5", 80, Vni{8})));
  EXPECT_FALSE(lets_in(group, tcp("10.0.0.77", "10.0.0.5", 80, Vni{7})));
  EXPECT_TRUE(lets_in(group, tcp("fd00::9", "fd00::5", 80, Vni{8})));
}

TEST(Ruleset, AnEmptyGroupMatchesNobody) {
  Rule group;
  group.members = std::make_shared<const AddressSet>();
  EXPECT_FALSE(lets_in(group, tcp("10.0.0.9", "10.0.0.5", 80)));
}

TEST(Ruleset, SeveralGroupsAreAUnionAndTheAllowingRuleIsNamed) {
  Policy policy = policy_of({rule([](Rule& r) { r.first_port = r.last_port = 22; })});
  auto second = std::make_shared<RuleGroup>();
  second->ingress.push_back(rule([](Rule& r) {
    r.id = "web";
    r.first_port = r.last_port = 80;
  }));
  policy.groups.push_back(second);
  const Rule* found =
      find_allowing_rule(policy, Direction::ingress, tcp("10.0.0.9", "10.0.0.5", 80));
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->id, "web");
  EXPECT_EQ(find_allowing_rule(policy, Direction::ingress, tcp("10.0.0.9", "10.0.0.5", 81)),
            nullptr);
}

}  // namespace
}  // namespace butterfly
