// SPDX-License-Identifier: Apache-2.0
// Changes of the API, written as protobuf text: what they make of an intent, and what is refused.
#include "control/change.h"

#include <gmock/gmock.h>

#include "control/change_for_test.h"

namespace butterfly {
namespace {

using test::change;
using test::some_intent;
using test::text;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

TEST(Change, PutsAndDeletesGuardRules) {
  Intent intent = some_intent();
  EXPECT_EQ(change(intent, "guard_put { key: 'k' priority: 5 action: GUARD_ACTION_DENY }"),
            ok_status());
  EXPECT_EQ(change(intent, "guard_put { key: 'k' action: GUARD_ACTION_ALLOW vni: 3 }"),
            ok_status());
  ASSERT_THAT(intent.guard, SizeIs(1));
  EXPECT_EQ(intent.guard.at("k").action, GuardIntent::Action::allow);
  EXPECT_EQ(intent.guard.at("k").priority, 0);
  const Status unknown = change(intent, "guard_delete: 'other'");
  EXPECT_TRUE(absl::IsNotFound(unknown));
  EXPECT_EQ(unknown.message(), "guard rule 'other': not found (wanted one of ours)");
  EXPECT_EQ(change(intent, "guard_delete: 'k'"), ok_status());
  EXPECT_TRUE(intent.guard.empty());
}

TEST(Change, PutsAndDeletesSubnetsThatNoNicNames) {
  Intent intent = some_intent();
  EXPECT_EQ(change(intent, "subnet_put { name: 'lan' prefix: '10.0.0.0/24' mtu: 1400 }"),
            ok_status());
  EXPECT_EQ(change(intent, "subnet_put { name: 'lan' prefix: '10.0.0.0/25' }"), ok_status());
  EXPECT_EQ(intent.subnets.at("lan").mtu, 0);
  EXPECT_EQ(change(intent, "nic_update { id: 'a' subnets { subnets: 'lan' } hostname: 'web' }"),
            ok_status());
  EXPECT_EQ(intent.nics.at("a").hostname, "web");
  EXPECT_EQ(change(intent, "nic_update { id: 'a' hostname: '' }"), ok_status());
  EXPECT_EQ(intent.nics.at("a").hostname, "");
  const Status used = change(intent, "subnet_delete: 'lan'");
  EXPECT_TRUE(absl::IsFailedPrecondition(used));
  EXPECT_EQ(used.message(), "subnet 'lan': in use by nic 'a' (wanted one that no nic names)");
  EXPECT_EQ(change(intent, "nic_update { id: 'a' subnets { } }"), ok_status());
  EXPECT_EQ(change(intent, "subnet_delete: 'lan'"), ok_status());
  const Status gone = change(intent, "subnet_delete: 'lan'");
  EXPECT_TRUE(absl::IsNotFound(gone));
  EXPECT_EQ(gone.message(), "subnet 'lan': not found (wanted one of ours)");
}

TEST(Change, PutsSetsAndDeletesProcedures) {
  Intent intent = some_intent();
  EXPECT_EQ(change(intent, "procedure_put { name: 'slow' packets_per_second: 10 }"), ok_status());
  EXPECT_EQ(intent.procedures.at("slow").packets_per_s, 10u);
  EXPECT_EQ(change(intent, "procedure_put { name: 'slow' min_ttl: 3 }"), ok_status());
  EXPECT_EQ(intent.procedures.at("slow").packets_per_s, 0u);
  EXPECT_EQ(change(intent, "rule_add { group: 'web' rule { procedure: 'slow' } }"), ok_status());
  const Status used = change(intent, "procedure_delete: 'slow'");
  EXPECT_TRUE(absl::IsFailedPrecondition(used));
  EXPECT_THAT(std::string(used.message()), HasSubstr("procedure 'slow': in use by rule "));
  EXPECT_THAT(std::string(used.message()), HasSubstr("of group 'web' (wanted one that no rule"));
  EXPECT_EQ(change(intent, "group_put { name: 'web' }"), ok_status());
  EXPECT_EQ(change(intent, "procedure_delete: 'slow'"), ok_status());
  EXPECT_TRUE(absl::IsNotFound(change(intent, "procedure_delete: 'slow'")));
}

TEST(Change, ARuleTakesThePlaceOfTheOneWithItsKey) {
  Intent intent = some_intent();
  EXPECT_EQ(change(intent, "rule_add { group: 'web' rule { key: 'ssh' protocol: 6 } }"),
            ok_status());
  EXPECT_EQ(change(intent, "rule_add { group: 'web' rule { key: 'ssh' protocol: 17 } }"),
            ok_status());
  const auto rules = [&]() -> const auto& { return intent.groups.at("web").rules; };
  ASSERT_THAT(rules(), SizeIs(2));
  RuleIntent keyed;
  keyed.key = "ssh";
  EXPECT_EQ(rules().at(rule_id(keyed)).protocol, 17);
  EXPECT_EQ(*from_proto(to_proto(intent)), intent);
  const Status unknown = change(intent, "rule_delete { group: 'web' key: 'http' }");
  EXPECT_TRUE(absl::IsNotFound(unknown));
  EXPECT_THAT(std::string(unknown.message()),
              HasSubstr("group 'web': has no rule with key 'http' (wanted the key of one of"));
  EXPECT_EQ(change(intent, "rule_delete { group: 'web' key: 'ssh' }"), ok_status());
  EXPECT_THAT(rules(), SizeIs(1));
  const Status twice = change(intent,
                              "group_put { name: 'g' rules { key: 'k' } "
                              "rules { key: 'k' protocol: 6 } }");
  EXPECT_TRUE(absl::IsInvalidArgument(twice));
  EXPECT_THAT(std::string(twice.message()),
              HasSubstr("group 'g': rule with key 'k': listed twice (wanted once)"));
}

TEST(Change, MembersMayBePrefixesAndAreReplacedAtOnce) {
  Intent intent = some_intent();
  EXPECT_EQ(change(intent, "member_add { group: 'db' addresses: '10.1.0.0/16' }"), ok_status());
  EXPECT_EQ(change(intent,
                   "members_replace { group: 'db' addresses: '10.1.0.0/16' "
                   "addresses: 'fd00::1' addresses: 'fd00::1/128' }"),
            ok_status());
  const v1::Group group = to_proto(intent.groups.at("db"));
  EXPECT_THAT(group.members(), ElementsAre("10.1.0.0/16", "fd00::1"));
  for (const char* bad : {"10.1.0.1/16", "10.0.0.0/33", "fd00::/129", "host", ""}) {
    const Status status = change(
        intent, std::string("members_replace { group: 'db' addresses: '10.0.0.1' addresses: '") +
                    bad + "' }");
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << bad;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("or ADDRESS/LENGTH with clear host bits)"));
  }
  EXPECT_THAT(to_proto(intent.groups.at("db")).members(), ElementsAre("10.1.0.0/16", "fd00::1"));
  EXPECT_EQ(change(intent, "members_replace { group: 'db' }"), ok_status());
  EXPECT_TRUE(intent.groups.at("db").members.empty());
  EXPECT_TRUE(absl::IsNotFound(change(intent, "members_replace { group: 'nobody' }")));
}

TEST(Change, SetsOnlyTheNamedFieldsOfAGroup) {
  Intent intent = some_intent();
  EXPECT_EQ(change(intent, "group_set { name: 'web' reject: true }"), ok_status());
  EXPECT_TRUE(intent.groups.at("web").reject);
  EXPECT_EQ(change(intent, "group_set { name: 'web' }"), ok_status());
  EXPECT_TRUE(intent.groups.at("web").reject);
  EXPECT_EQ(intent.groups.at("web").rules.size(), 1u);
  EXPECT_EQ(change(intent, "group_set { name: 'web' reject: false }"), ok_status());
  EXPECT_FALSE(intent.groups.at("web").reject);
  EXPECT_TRUE(absl::IsNotFound(change(intent, "group_set { name: 'nobody' reject: true }")));
}

TEST(Change, SetsWhatANicMayUseBesides) {
  Intent intent = some_intent();
  ASSERT_EQ(change(intent, R"(nic_update { id: "a" allowed {
      allowed { address: "10.0.0.100" mac: "00:00:5e:00:01:33" }
      allowed { address: "10.0.0.100" mac: "00:00:5e:00:01:33" } } })"),
            ok_status());
  EXPECT_THAT(intent.nics.at("a").allowed, SizeIs(1));
  ASSERT_EQ(change(intent, R"(nic_update { id: "a" vni: 43 })"), ok_status());
  EXPECT_THAT(intent.nics.at("a").allowed, SizeIs(1));
  ASSERT_EQ(change(intent, R"(nic_update { id: "a" allowed {} })"), ok_status());
  EXPECT_THAT(intent.nics.at("a").allowed, SizeIs(0));
  EXPECT_THAT(std::string(change(intent, R"(nic_update { id: "a" allowed {
                  allowed { address: "10.0.0.1/8" } } })")
                              .message()),
              HasSubstr("nic 'a': allowed: "));
  EXPECT_THAT(std::string(change(intent, R"(nic_update { id: "a" allowed {
                  allowed { address: "10.0.0.1" mac: "x" } } })")
                              .message()),
              HasSubstr("nic 'a': allowed: MAC 'x' is malformed"));
}

TEST(Change, PutsANicWithItsDefaults) {
  Intent intent;
  ASSERT_EQ(change(intent, R"(nic_put { id: "n" mac: "52:54:00:00:00:05" vni: 9 })"), ok_status());
  EXPECT_TRUE(intent.nics.at("n").antispoof);
  EXPECT_EQ(intent.nics.at("n").type, NicType::vhost_user);
}

TEST(Change, UpdatesOnlyTheFieldsThatAreNamed) {
  Intent intent = some_intent();
  ASSERT_EQ(change(intent, R"(nic_update { id: "a" vni: 43 addresses {} })"), ok_status());
  const NicIntent& nic = intent.nics.at("a");
  EXPECT_EQ(nic.vni, Vni(43));
  EXPECT_THAT(nic.addresses, SizeIs(0));
  EXPECT_THAT(nic.groups, ElementsAre("web"));
  EXPECT_EQ(nic.mac.to_string(), "52:54:00:00:00:01");
}

TEST(Change, AddsAndTakesGroupsOfANic) {
  Intent intent = some_intent();
  ASSERT_EQ(change(intent, R"(nic_add_groups { nic: "a" groups: "db" groups: "web" })"),
            ok_status());
  EXPECT_THAT(intent.nics.at("a").groups, ElementsAre("web", "db"));
  ASSERT_EQ(change(intent, R"(nic_delete_groups { nic: "a" groups: "web" })"), ok_status());
  EXPECT_THAT(intent.nics.at("a").groups, ElementsAre("db"));
  ASSERT_EQ(change(intent, R"(nic_set_groups { nic: "a" })"), ok_status());
  EXPECT_THAT(intent.nics.at("a").groups, SizeIs(0));
}

TEST(Change, GivesANewGroupTheRulesThatLetEverythingOut) {
  Intent intent;
  ASSERT_EQ(change(intent, R"(group_add: "new")"), ok_status());
  EXPECT_THAT(intent.groups.at("new").rules, SizeIs(2));
}

TEST(Change, LeavesAGroupThatExistsAsItIs) {
  Intent intent = some_intent();
  ASSERT_EQ(change(intent, R"(group_add: "web")"), ok_status());
  EXPECT_EQ(intent, some_intent());
}

TEST(Change, RemovesAGroupInUseOnlyByForceAndItsUsersKeepTheName) {
  Intent intent = some_intent();
  const Status used_by_nic = change(intent, R"(group_delete { name: "web" })");
  EXPECT_TRUE(absl::IsFailedPrecondition(used_by_nic));
  EXPECT_EQ(used_by_nic.message(),
            "group 'web': in use by nic 'a' (wanted an unused group, or force)");
  EXPECT_THAT(std::string(change(intent, R"(group_delete { name: "db" })").message()),
              HasSubstr("in use by a rule of group 'web'"));
  EXPECT_EQ(intent, some_intent());
  ASSERT_EQ(change(intent, R"(group_delete { name: "web" force: true })"), ok_status());
  EXPECT_FALSE(intent.groups.contains("web"));
  EXPECT_THAT(intent.nics.at("a").groups, ElementsAre("web"));
  EXPECT_EQ(validate(intent), ok_status());
  EXPECT_EQ(change(intent, R"(group_delete { name: "unused" })"), ok_status());
}

TEST(Change, AddsAndRemovesARuleByItsId) {
  Intent intent = some_intent();
  ASSERT_EQ(change(intent, R"(rule_add { group: "db" rule { protocol: 17 } })"), ok_status());
  const std::string id = intent.groups.at("db").rules.begin()->first;
  ASSERT_EQ(change(intent, R"(rule_add { group: "db" rule { protocol: 17 } })"), ok_status());
  EXPECT_THAT(intent.groups.at("db").rules, SizeIs(1));
  ASSERT_EQ(change(intent, "rule_delete { group: \"db\" rule_id: \"" + id + "\" }"), ok_status());
  EXPECT_EQ(intent, some_intent());
}

TEST(Change, AddsAndRemovesMembersPeersAndEntries) {
  Intent intent = some_intent();
  ASSERT_EQ(change(intent, R"(member_add { group: "db" addresses: "fd00::9" })"), ok_status());
  EXPECT_THAT(intent.groups.at("db").members, SizeIs(2));
  ASSERT_EQ(change(intent, R"(member_delete { group: "db" addresses: "fd00::9" })"), ok_status());
  ASSERT_EQ(change(intent, R"(fdb_delete { vni: 42 mac: "52:54:00:00:00:99" })"), ok_status());
  ASSERT_EQ(change(intent, R"(peer_put { address: "192.0.2.2" vnis: 7 })"), ok_status());
  EXPECT_THAT(intent.peers.begin()->second.vnis, ElementsAre(Vni(7)));
  ASSERT_EQ(change(intent, R"(peer_delete: "192.0.2.2")"), ok_status());
  EXPECT_THAT(intent.peers, SizeIs(0));
}

struct Refusal {
  const char* change;
  absl::StatusCode code;
  const char* message;
};

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kNotFound = absl::StatusCode::kNotFound;
const Refusal kRefusals[] = {
    {R"(subnet_put { name: "x" prefix: "10.0.0.1/24" })", kInvalid,
     "subnet 'x': prefix '10.0.0.1/24' is malformed (wanted ADDRESS/LENGTH with clear host bits)"},
    {R"(subnet_put { name: "x" prefix: "10.0.0.0" })", kInvalid,
     "subnet 'x': prefix '10.0.0.0' is malformed"},
    {R"(subnet_put { name: "x" })", kInvalid, "subnet 'x': prefix '' is malformed"},
    {R"(subnet_put { name: "x" prefix: "10.0.0.0/24" gateway: "gw" })", kInvalid,
     "subnet 'x': gateway: address 'gw' is malformed"},
    {R"(subnet_put { name: "x" prefix: "10.0.0.0/24" server: "10.0.0.1/24" })", kInvalid,
     "subnet 'x': server: address '10.0.0.1/24' is malformed"},
    {R"(subnet_put { name: "x" prefix: "10.0.0.0/24" dns: "" })", kInvalid,
     "subnet 'x': DNS server: address '' is malformed"},
    {R"(subnet_put { name: "x" prefix: "10.0.0.0/24" routes { prefix: "10.0.0.0" } })", kInvalid,
     "subnet 'x': route: prefix '10.0.0.0' is malformed"},
    {R"(subnet_put { name: "x" prefix: "10.0.0.0/24" routes { prefix: "10.9.0.0/16" via: "y" } })",
     kInvalid, "subnet 'x': route 10.9.0.0/16: via: address 'y' is malformed"},
    {R"(subnet_put { name: "x" prefix: "10.0.0.0/24" mtu: 65536 })", kInvalid,
     "subnet 'x': MTU 65536 is too big (wanted 0..65535)"},
    {"", kInvalid, "change: empty, or of a kind that this butterflyd does not know"},
    {R"(nic_put { id: "x" mac: "52:54:00" vni: 1 })", kInvalid,
     "nic 'x': MAC '52:54:00' is malformed (wanted six hexadecimal pairs"},
    {R"(nic_put { id: "x" mac: "52:54:00:00:00:05" vni: 1 addresses: "10.0.0.1/24" })", kInvalid,
     "nic 'x': address '10.0.0.1/24' is malformed (wanted an IPv4 or IPv6 address without"},
    {R"(nic_put { id: "x" mac: "52:54:00:00:00:05" vni: 1 addresses: "::ffff:10.0.0.1" })",
     kInvalid, "address '::ffff:10.0.0.1' is malformed"},
    {R"(nic_put { id: "x" mac: "52:54:00:00:00:05" vni: 1 mtu: 65536 })", kInvalid,
     "nic 'x': MTU 65536 is too big (wanted 0..65535)"},
    {R"(nic_update { id: "a" queues: 65536 })", kInvalid,
     "nic 'a': queues 65536 is too big (wanted 0..65535)"},
    {R"(nic_update { id: "a" mtu: 65536 })", kInvalid, "nic 'a': MTU 65536 is too big"},
    {R"(nic_update { id: "x" })", kNotFound, "nic 'x': not found (wanted one of ours)"},
    {R"(nic_update { id: "a" mac: "?" })", kInvalid, "nic 'a': MAC '?' is malformed"},
    {R"(nic_delete: "x")", kNotFound, "nic 'x': not found"},
    {R"(nic_set_groups { nic: "x" })", kNotFound, "nic 'x': not found"},
    {R"(nic_delete_groups { nic: "a" groups: "db" })", kNotFound,
     "nic 'a': does not have group 'db'"},
    {R"(group_delete { name: "x" force: true })", kNotFound, "group 'x': not found"},
    {R"(rule_add { group: "x" rule {} })", kNotFound, "group 'x': not found"},
    {R"(rule_add { group: "db" rule { protocol: 300 } })", kInvalid,
     "group 'db': rule: protocol 300 is too big (wanted 0..255)"},
    {R"(rule_add { group: "db" rule { protocol: 6 first_port: 65536 } })", kInvalid,
     "first port 65536 is too big (wanted 0..65535)"},
    {R"(rule_add { group: "db" rule { peer_cidr: "10.0.0.1/8" } })", kInvalid,
     "CIDR '10.0.0.1/8' is malformed (wanted ADDRESS/LENGTH with clear host bits)"},
    {R"(rule_add { group: "db" rule { id: "0123456789abcdef" } })", kInvalid,
     "id '0123456789abcdef' is not this rule's (wanted "},
    {R"(rule_add { group: "db" rule { direction: 9 } })", kInvalid,
     "direction 9 is unknown (wanted 1 ingress or 2 egress)"},
    {R"(rule_delete { group: "db" rule_id: "7" })", kNotFound, "group 'db': has no rule '7'"},
    {R"(member_add { group: "db" addresses: "db.example" })", kInvalid,
     "group 'db': address 'db.example' is malformed"},
    {R"(member_delete { group: "db" addresses: "10.9.9.9" })", kNotFound,
     "group 'db': has no member 10.9.9.9"},
    {R"(peer_put { address: "host-b" })", kInvalid, "peer 'host-b': address 'host-b' is malformed"},
    {R"(peer_delete: "192.0.2.2")", absl::StatusCode::kFailedPrecondition,
     "peer 192.0.2.2: in use by fdb entry 42/52:54:00:00:00:99"},
    {R"(peer_delete: "192.0.2.3")", kNotFound, "peer 192.0.2.3: not found"},
    {R"(fdb_put { vni: 1 mac: "x" peer: "192.0.2.2" })", kInvalid, "fdb 1/x: MAC 'x' is malformed"},
    {R"(fdb_delete { vni: 1 mac: "52:54:00:00:00:99" })", kNotFound,
     "fdb 1/52:54:00:00:00:99: not found"},
};

TEST(Change, IsRefusedWithCodeObjectAndFact) {
  for (const Refusal& refusal : kRefusals) {
    SCOPED_TRACE(refusal.change);
    Intent intent = some_intent();
    v1::Change message;
    // Numbers that the enum does not know cannot be written as text.
    std::string words = refusal.change;
    const bool odd_direction = words.find("direction: 9") != std::string::npos;
    if (odd_direction) words = R"(rule_add { group: "db" rule {} })";
    message = text<v1::Change>(words);
    if (odd_direction) {
      message.mutable_rule_add()->mutable_rule()->set_direction(static_cast<v1::Direction>(9));
    }
    const Status status = make_change(message, intent);
    EXPECT_EQ(status.code(), refusal.code);
    EXPECT_THAT(std::string(status.message()), HasSubstr(refusal.message));
  }
}

}  // namespace
}  // namespace butterfly
