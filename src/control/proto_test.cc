// SPDX-License-Identifier: Apache-2.0
// What the API writes of an intent is read back as it was; what is no intent is refused.
#include <gmock/gmock.h>

#include "control/change_for_test.h"

namespace butterfly {
namespace {

using test::some_intent;
using test::text;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Proto, ReadsBackWhatItWrites) {
  const Intent intent = some_intent();
  const auto back = from_proto(to_proto(intent));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, intent);
}

TEST(Proto, KeepsEveryFieldOfAProcedure) {
  const auto intent = from_proto(text<v1::Intent>(R"(
    groups { name: "g" reject: true rules { procedure: "all" } }
    procedures { name: "all" max_mss: 1300 min_ttl: 9 no_df: true random_id: true
                 packets_per_second: 5 bits_per_second: 8000 burst_ms: 3 log: true }
    procedures { name: "none" }
  )"));
  ASSERT_TRUE(intent.ok()) << intent.status();
  EXPECT_TRUE(intent->groups.at("g").reject);
  EXPECT_EQ(intent->groups.at("g").rules.begin()->second.procedure, "all");
  EXPECT_EQ(intent->procedures.at("all"),
            (ProcedureIntent{"all", 1300, 9, true, true, 5, 8000, 3, true}));
  EXPECT_EQ(intent->procedures.at("none"),
            (ProcedureIntent{"none", 0, 0, false, false, 0, 0, 100, false}));
  EXPECT_EQ(*from_proto(to_proto(*intent)), *intent);
}

TEST(Proto, KeepsEveryFieldOfASubnet) {
  const auto intent = from_proto(text<v1::Intent>(R"(
    nics { id: "a" mac: "52:54:00:00:00:01" vni: 42 subnets: "lan" hostname: "web"
           dhcp_server: true router: true antispoof: false carry_vlans: true }
    subnets { name: "lan" prefix: "10.0.0.0/24" gateway: "10.0.0.1" server: "10.0.0.2"
              routes { prefix: "10.9.0.0/16" via: "10.0.0.9" } routes { prefix: "10.8.0.0/16" }
              dns: "10.0.0.3" dns: "10.0.0.4" domains: "example.org" mtu: 1400 lease_s: 60 }
    subnets { name: "least" prefix: "10.0.0.0/8" }
    subnets { name: "six" prefix: "fd00:7::/64" on_link: false managed: false autonomous: true }
    subnets { name: "six-least" prefix: "fd00:8::/64" }
  )"));
  ASSERT_TRUE(intent.ok()) << intent.status();
  EXPECT_THAT(intent->nics.at("a").subnets, ElementsAre("lan"));
  EXPECT_EQ(intent->nics.at("a").hostname, "web");
  EXPECT_TRUE(intent->nics.at("a").dhcp_server && intent->nics.at("a").router);
  EXPECT_TRUE(intent->nics.at("a").carry_vlans);
  SubnetIntent lan;
  lan.name = "lan";
  lan.prefix = *Cidr::parse("10.0.0.0/24");
  lan.gateway = Ipv4{{10, 0, 0, 1}};
  lan.server = Ipv4{{10, 0, 0, 2}};
  lan.routes = {{*Cidr::parse("10.9.0.0/16"), IpAddress(Ipv4{{10, 0, 0, 9}})},
                {*Cidr::parse("10.8.0.0/16"), {}}};
  lan.dns = {Ipv4{{10, 0, 0, 3}}, Ipv4{{10, 0, 0, 4}}};
  lan.domains = {"example.org"};
  lan.mtu = 1400;
  lan.lease_s = 60;
  EXPECT_EQ(intent->subnets.at("lan"), lan);
  EXPECT_EQ(intent->subnets.at("least").lease_s, SubnetIntent::kStandardLeaseS);
  const SubnetIntent& six = intent->subnets.at("six");
  EXPECT_TRUE(!six.on_link && !six.managed && six.autonomous);
  const SubnetIntent& six_least = intent->subnets.at("six-least");
  EXPECT_TRUE(six_least.on_link && six_least.managed && !six_least.autonomous);
  const auto back = from_proto(to_proto(*intent));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, *intent);
}

TEST(Proto, RefusesNumbersThatNoProcedureHas) {
  for (const auto& [field, message] : {std::pair("max_mss: 65536", "max MSS 65536 is too big"),
                                       std::pair("min_ttl: 256", "min TTL 256 is too big")}) {
    const auto intent =
        from_proto(text<v1::Intent>(std::string("procedures { name: 'p' ") + field + " }"));
    EXPECT_TRUE(absl::IsInvalidArgument(intent.status()));
    EXPECT_THAT(std::string(intent.status().message()),
                HasSubstr("procedure 'p': " + std::string(message) + " (wanted 0.."));
  }
}

TEST(Proto, KeepsEveryFieldOfAGuardRule) {
  const auto intent = from_proto(text<v1::Intent>(R"(
    guard { key: "all" priority: 65535 action: GUARD_ACTION_GROUPS vni: 7 description: "d"
            match { direction: DIRECTION_EGRESS family: FAMILY_V4 protocol: 1 icmp_type: 8
                    icmp_code: 0 peer_cidr: "10.0.0.0/8" expression: "icmp" } }
    guard { key: "least" action: GUARD_ACTION_DENY }
  )"));
  ASSERT_TRUE(intent.ok()) << intent.status();
  const GuardIntent& all = intent->guard.at("all");
  EXPECT_EQ(all.key, "all");
  EXPECT_EQ(all.priority, 65535);
  EXPECT_EQ(all.action, GuardIntent::Action::groups);
  EXPECT_EQ(all.vni, Vni(7));
  EXPECT_EQ(all.description, "d");
  EXPECT_EQ(all.match.direction, RuleDirection::egress);
  EXPECT_EQ(all.match.icmp_type, 8);
  EXPECT_EQ(all.match.peer_cidr, Cidr::parse("10.0.0.0/8"));
  EXPECT_EQ(all.match.expression, "icmp");
  const GuardIntent& least = intent->guard.at("least");
  EXPECT_EQ(least.match.direction, RuleDirection::both);
  EXPECT_EQ(least.vni, Vni(0));
  EXPECT_EQ(*from_proto(to_proto(*intent)), *intent);
}

TEST(Proto, RefusesWhatNoGuardRuleSays) {
  const struct {
    const char* fields;
    const char* message;
  } rows[] = {
      {"", "guard rule 'k': action is missing (wanted 1 allow, 2 deny or 3 groups)"},
      {"action: 9", "guard rule 'k': action 9 is unknown (wanted 1 allow"},
      {"action: GUARD_ACTION_DENY priority: 65536",
       "guard rule 'k': priority 65536 is too big (wanted 0..65535)"},
      {"action: GUARD_ACTION_DENY match { protocol: 256 }",
       "guard rule 'k': protocol 256 is too big (wanted 0..255)"},
      {"action: GUARD_ACTION_DENY match { id: '7' }",
       "guard rule 'k': match with id '7' (wanted none"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.fields);
    v1::GuardRule rule;
    const std::string fields(row.fields);
    if (fields == "action: 9") {
      rule.set_key("k");
      rule.set_action(static_cast<v1::GuardAction>(9));
    } else {
      rule = text<v1::GuardRule>("key: 'k' " + fields);
    }
    const auto intent = from_proto(rule);
    EXPECT_TRUE(absl::IsInvalidArgument(intent.status()));
    EXPECT_THAT(std::string(intent.status().message()), HasSubstr(row.message));
  }
  const auto twice = from_proto(text<v1::Intent>(
      "guard { key: 'k' action: GUARD_ACTION_DENY } guard { key: 'k' action: GUARD_ACTION_DENY }"));
  EXPECT_THAT(std::string(twice.status().message()),
              HasSubstr("guard rule 'k': listed twice (wanted once)"));
}

TEST(Proto, KeepsEveryFieldOfARuleAndANic) {
  const auto intent = from_proto(text<v1::Intent>(R"(
    nics { id: "t" mac: "52:54:00:00:00:01" vni: 7 type: NIC_TYPE_TAP tap_name: "tap7"
           antispoof: false groups: "b" groups: "a" mtu: 9000
           allowed { address: "10.0.0.100" mac: "00:00:5e:00:01:33" }
           allowed { address: "fd00:1::/64" } }
    nics { id: "v" mac: "52:54:00:00:00:02" vni: 7 vhost_server: true queues: 4 packed: true }
    groups { name: "g"
      rules { direction: DIRECTION_EGRESS family: FAMILY_V6 protocol: 58 icmp_type: 128
              icmp_code: 0 peer_cidr: "fd00::/8" description: "ping" } }
  )"));
  ASSERT_TRUE(intent.ok()) << intent.status();
  EXPECT_FALSE(intent->nics.at("t").antispoof);
  EXPECT_THAT(intent->nics.at("t").groups, ElementsAre("b", "a"));
  const RuleIntent& rule = intent->groups.at("g").rules.begin()->second;
  EXPECT_EQ(rule.direction, RuleDirection::egress);
  EXPECT_EQ(rule.icmp_code, 0);
  EXPECT_EQ(*from_proto(to_proto(*intent)), *intent);
}

TEST(Proto, RefusesAnObjectThatIsListedTwice) {
  const auto intent = from_proto(text<v1::Intent>(R"(
    groups { name: "web" } groups { name: "web" })"));
  EXPECT_EQ(intent.status().message(), "group 'web': listed twice (wanted once)");
}

}  // namespace
}  // namespace butterfly
