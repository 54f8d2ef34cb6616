// SPDX-License-Identifier: Apache-2.0
// What is wrong with a group, its rules, a procedure or a guard rule, as an operator is told; and
// the identity of rules.
#include "host/intent/intent_for_test.h"

namespace butterfly {
namespace {

using test::add_rule;
using test::good_intent;
using test::make_guard;
using test::Mistake;
using test::put;
using test::validate_both;

const Mistake kMistakes[] = {
    {"rule: ports without protocol",
     [](Intent& i) { add_rule(i, [](RuleIntent& r) { r.first_port = r.last_port = 80; }); },
     "ports with any protocol (wanted tcp (6), udp (17) or sctp (132))"},
    {"rule: ports with gre",
     [](Intent& i) {
       add_rule(i, [](RuleIntent& r) { r.protocol = 47, r.first_port = r.last_port = 80; });
     },
     "ports with protocol 47 (wanted tcp"},
    {"rule: one port only",
     [](Intent& i) { add_rule(i, [](RuleIntent& r) { r.protocol = 6, r.first_port = 80; }); },
     "one end of the port range is missing (wanted first and last port)"},
    {"rule: ports turned round",
     [](Intent& i) {
       add_rule(i, [](RuleIntent& r) { r.protocol = 6, r.first_port = 90, r.last_port = 80; });
     },
     "first port 90 above last port 80 (wanted first <= last)"},
    {"rule: ICMP type with tcp",
     [](Intent& i) { add_rule(i, [](RuleIntent& r) { r.protocol = 6, r.icmp_type = 8; }); },
     "ICMP type with protocol 6 (wanted icmp (1) or icmpv6 (58))"},
    {"rule: ICMP code alone",
     [](Intent& i) { add_rule(i, [](RuleIntent& r) { r.protocol = 1, r.icmp_code = 0; }); },
     "ICMP code without ICMP type (wanted the type as well)"},
    {"rule: icmp over IPv6",
     [](Intent& i) {
       add_rule(i, [](RuleIntent& r) { r.protocol = 1, r.family = RuleFamily::v6; });
     },
     "family v6 with protocol icmp (IPv4) (wanted one address family)"},
    {"rule: icmpv6 from an IPv4 prefix",
     [](Intent& i) {
       add_rule(i, [](RuleIntent& r) { r.protocol = 58, r.peer_cidr = Cidr::parse("10.0.0.0/8"); });
     },
     "protocol icmpv6 (IPv6) with CIDR 10.0.0.0/8 (wanted one address family)"},
    {"rule: family against CIDR",
     [](Intent& i) {
       add_rule(i, [](RuleIntent& r) {
         r.family = RuleFamily::v4, r.peer_cidr = Cidr::parse("fd00::/8");
       });
     },
     "family v4 with CIDR fd00::/8 (wanted one address family)"},
    {"rule: CIDR and group",
     [](Intent& i) {
       add_rule(
           i, [](RuleIntent& r) { r.peer_cidr = Cidr::parse("10.0.0.0/8"), r.peer_group = "db"; });
     },
     "both CIDR 10.0.0.0/8 and group 'db' (wanted one or none)"},
    {"rule: escape sequence in the description",
     [](Intent& i) { add_rule(i, [](RuleIntent& r) { r.description = "\x1b[2J"; }); },
     "description has control characters (wanted plain text)"},
    {"rule: expression too long",
     [](Intent& i) { add_rule(i, [](RuleIntent& r) { r.expression = std::string(65'537, '('); }); },
     ": expression of 65537 bytes (wanted at most 65536)"},
    {"rule: blank expression",
     [](Intent& i) { add_rule(i, [](RuleIntent& r) { r.expression = "  "; }); },
     ": expression is blank (wanted one, or none)"},
    {"rule: expression of two lines",
     [](Intent& i) { add_rule(i, [](RuleIntent& r) { r.expression = "tcp\nor udp"; }); },
     ": expression has bytes other than printable ASCII (wanted one line)"},
    {"rule with a procedure that is not there",
     [](Intent& i) { add_rule(i, [](RuleIntent& r) { r.procedure = "slow"; }); },
     "procedure 'slow' is not there (wanted one of the procedures)"},
    {"procedure that goes while a rule names it",
     [](Intent& i) {
       add_rule(i, [](RuleIntent& r) { r.procedure = "plain"; });
       i.procedures.clear();
     },
     "procedure 'plain' is not there (wanted one of the procedures)"},
    {"procedure: malformed name", [](Intent& i) { put(i, ProcedureIntent{"a b"}); },
     "procedure 'a b': name is malformed"},
    {"procedure under another name", [](Intent& i) { i.procedures["plain"].name = "other"; },
     "procedure 'other': kept under 'plain'"},
    {"procedure: MSS of 63", [](Intent& i) { i.procedures["plain"].max_mss = 63; },
     "procedure 'plain': max MSS 63 (wanted 64..65535, or none)"},
    {"procedure: too many packets",
     [](Intent& i) { i.procedures["plain"].packets_per_s = 1'000'000'001; },
     "procedure 'plain': packets a second 1000000001 (wanted 1..1000000000, or none)"},
    {"procedure: too few bits", [](Intent& i) { i.procedures["plain"].bits_per_s = 7'999; },
     "procedure 'plain': bits a second 7999 (wanted 8000..1000000000000, or none)"},
    {"procedure: too many bits",
     [](Intent& i) { i.procedures["plain"].bits_per_s = 1'000'000'000'001; },
     "bits a second 1000000000001 (wanted 8000..1000000000000, or none)"},
    {"procedure: no burst", [](Intent& i) { i.procedures["plain"].burst_ms = 0; },
     "procedure 'plain': burst of 0 ms (wanted 1..10000)"},
    {"procedure: long burst", [](Intent& i) { i.procedures["plain"].burst_ms = 10'001; },
     "procedure 'plain': burst of 10001 ms (wanted 1..10000)"},
    {"rule for both directions",
     [](Intent& i) { add_rule(i, [](RuleIntent& r) { r.direction = RuleDirection::both; }); },
     "both directions (wanted ingress or egress)"},
    {"guard: malformed key", [](Intent& i) { put(i, make_guard("a b")); },
     "guard rule 'a b': name is malformed"},
    {"guard: no key", [](Intent& i) { put(i, make_guard("")); }, "guard rule '': name is empty"},
    {"guard rule under another key", [](Intent& i) { i.guard["no-telnet"].key = "other"; },
     "guard rule 'other': kept under 'no-telnet'"},
    {"guard: big VNI", [](Intent& i) { i.guard["no-telnet"].vni = Vni(1 << 24); },
     "guard rule 'no-telnet': VNI 16777216 exceeds 24 bits (wanted 1..16777215, or 0 for every "
     "segment)"},
    {"guard: ports of any protocol",
     [](Intent& i) { i.guard["no-telnet"].match.protocol = std::nullopt; },
     "guard rule 'no-telnet': ports with any protocol (wanted tcp (6)"},
    {"guard: family against CIDR",
     [](Intent& i) { i.guard["no-telnet"].match.family = RuleFamily::v6; },
     "guard rule 'no-telnet': family v6 with CIDR 10.0.0.0/8 (wanted one address family)"},
    {"guard: blank expression", [](Intent& i) { i.guard["no-telnet"].match.expression = " "; },
     "guard rule 'no-telnet': expression is blank (wanted one, or none)"},
    {"guard: a group as peer", [](Intent& i) { i.guard["no-telnet"].match.peer_group = "web"; },
     "guard rule 'no-telnet': match with peer group 'web' (wanted none"},
    {"guard: a procedure", [](Intent& i) { i.guard["no-telnet"].match.procedure = "plain"; },
     "guard rule 'no-telnet': match with procedure 'plain' (wanted none"},
    {"guard: a key of the match", [](Intent& i) { i.guard["no-telnet"].match.key = "k"; },
     "guard rule 'no-telnet': match with key 'k' (wanted none"},
    {"guard: a description of the match",
     [](Intent& i) { i.guard["no-telnet"].match.description = "d"; },
     "guard rule 'no-telnet': match with description 'd' (wanted none"},
    {"guard: long description",
     [](Intent& i) { i.guard["no-telnet"].description = std::string(256, 'd'); },
     "guard rule 'no-telnet': description of 256 bytes (wanted at most 255)"},
    {"rule under a wrong id",
     [](Intent& i) { i.groups["web"].rules["0123456789abcdef"] = RuleIntent{}; },
     "group 'web': rule id '0123456789abcdef' is not its rule's (wanted "},
    {"prefix of groups as member",
     [](Intent& i) { i.groups["web"].members = {*Cidr::parse("224.0.0.0/4")}; },
     "group 'web': prefix 224.0.0.0/4 holds no host's own address (wanted unicast)"},
    {"rule with a malformed key",
     [](Intent& i) { add_rule(i, [](RuleIntent& r) { r.key = "a b"; }); },
     "key 'a b': name is malformed"},
    {"multicast member",
     [](Intent& i) { i.groups["web"].members = {*IpAddress::parse("ff02::1")}; },
     "group 'web': address ff02::1 is no host's own (wanted unicast)"},
};

TEST(Validate, NamesWhatIsWrongWithARule) { test::expect_refused(kMistakes); }

TEST(Validate, BoundsMembersRulesAndSegments) {
  Intent intent = good_intent();
  for (uint32_t i = 0; i <= kMaxGroupMembers; ++i) {
    intent.groups["web"].members.insert(IpAddress(Ipv4::from_u32(0x0a000000 + i)));
  }
  EXPECT_EQ(validate_both(good_intent(), intent).message(),
            "group 'web': members: 100001 exceed the limit (wanted at most 100000)");

  intent = good_intent();
  for (size_t i = 0; i < kMaxPeerGroups; ++i) {
    add_rule(intent, [i](RuleIntent& r) { r.peer_group = "g" + std::to_string(i); });
  }
  EXPECT_EQ(validate_both(good_intent(), intent), ok_status());
  add_rule(intent, [](RuleIntent& r) { r.peer_group = "one-more"; });
  EXPECT_EQ(validate_both(good_intent(), intent).message(),
            "group 'web': groups that its rules name: 65 exceed the limit (wanted at most 64)");

  intent = good_intent();
  for (uint16_t port = 1; port <= kMaxGroupRules; ++port) {
    add_rule(intent, [port](RuleIntent& r) { r.protocol = 17, r.first_port = r.last_port = port; });
  }
  EXPECT_EQ(validate_both(good_intent(), intent).message(),
            "group 'web': rules: 10001 exceed the limit (wanted at most 10000)");

  intent = good_intent();
  for (uint32_t vni = 1; vni <= kMaxVnis + 1; ++vni) {
    intent.peers[intent.peers.begin()->first].vnis.insert(Vni(vni));
  }
  EXPECT_EQ(validate_both(good_intent(), intent).message(),
            "VNIs of nics and peers: 4096 exceed the limit (wanted at most 4095)");
}

TEST(Validate, TakesAThousandGuardRulesAndRefusesOneMore) {
  Intent intent;
  for (size_t i = 0; i < kMaxGuardRules; ++i) put(intent, make_guard("g" + std::to_string(i)));
  EXPECT_EQ(validate_both({}, intent), ok_status());
  const Intent full = intent;
  put(intent, make_guard("more"));
  const Status status = validate_both(full, intent);
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_EQ(status.message(), "guard rules: 1001 exceed the limit (wanted at most 1000)");
}

TEST(RuleId, StaysTheSameOnEveryBuildAndHost) {
  RuleIntent rule;
  EXPECT_EQ(rule_id(rule), "d1db6306e071f6ee");
  rule.protocol = 6;
  rule.first_port = rule.last_port = 80;
  EXPECT_EQ(rule_id(rule), "3906963fc4064efc");
}

TEST(RuleId, DependsOnEveryFieldButTheDescription) {
  RuleIntent rule;
  rule.protocol = 6;
  const std::string id = rule_id(rule);
  rule.description = "web";
  EXPECT_EQ(rule_id(rule), id);
  std::set<std::string> ids{id};
  const auto differs = [&](const std::function<void(RuleIntent&)>& change) {
    RuleIntent other = rule;
    change(other);
    return ids.insert(rule_id(other)).second;
  };
  EXPECT_TRUE(differs([](RuleIntent& r) { r.direction = RuleDirection::egress; }));
  EXPECT_TRUE(differs([](RuleIntent& r) { r.family = RuleFamily::v4; }));
  EXPECT_TRUE(differs([](RuleIntent& r) { r.protocol = 17; }));
  EXPECT_TRUE(differs([](RuleIntent& r) { r.protocol = std::nullopt; }));
  EXPECT_TRUE(differs([](RuleIntent& r) { r.first_port = 1, r.last_port = 2; }));
  EXPECT_TRUE(differs([](RuleIntent& r) { r.first_port = 1, r.last_port = 3; }));
  EXPECT_TRUE(differs([](RuleIntent& r) { r.icmp_type = 0; }));
  EXPECT_TRUE(differs([](RuleIntent& r) { r.icmp_type = 0, r.icmp_code = 0; }));
  EXPECT_TRUE(differs([](RuleIntent& r) { r.peer_cidr = Cidr::parse("10.0.0.0/8"); }));
  EXPECT_TRUE(differs([](RuleIntent& r) { r.peer_cidr = Cidr::parse("10.0.0.0/9"); }));
  EXPECT_TRUE(differs([](RuleIntent& r) { r.peer_group = "db"; }));
}

TEST(DefaultGroupRules, LetEverythingOutAndNothingIn) {
  const std::vector<RuleIntent> rules = default_group_rules();
  ASSERT_EQ(rules.size(), 2u);
  EXPECT_EQ(rules[0].family, RuleFamily::v4);
  EXPECT_EQ(rules[1].family, RuleFamily::v6);
  for (const RuleIntent& rule : rules) {
    EXPECT_EQ(rule.direction, RuleDirection::egress);
    EXPECT_FALSE(rule.protocol || rule.peer_cidr || rule.first_port);
  }
}

}  // namespace
}  // namespace butterfly
