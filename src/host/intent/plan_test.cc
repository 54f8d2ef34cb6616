// SPDX-License-Identifier: Apache-2.0
// plan(): what is done, in which order, and how it reads.
#include "host/intent/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace butterfly {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const IpAddress kPeer = Ipv4{{192, 0, 2, 2}};
const Mac kFar = Mac::from_u64(0x525400000099);

Intent whole_intent() {
  Intent intent;
  NicIntent nic;
  nic.id = "a";
  nic.mac = Mac::from_u64(0x525400000001);
  nic.vni = Vni(42);
  nic.addresses = {Ipv4{{10, 0, 0, 1}}};
  nic.groups = {"web"};
  intent.nics["a"] = nic;
  GroupIntent& group = intent.groups["web"];
  group.name = "web";
  for (const RuleIntent& rule : default_group_rules()) group.rules[rule_id(rule)] = rule;
  intent.peers[kPeer] = {kPeer, {Vni(42), Vni(43)}};
  intent.fdb[{Vni(42), kFar}] = {Vni(42), kFar, kPeer};
  return intent;
}

std::vector<std::string> plan_text(const Intent& before, const Intent& after) {
  std::vector<std::string> lines;
  const auto actions = plan(before, after);
  if (!actions.ok()) return {actions.status().ToString()};
  for (const Action& action : *actions) lines.push_back(to_string(action));
  return lines;
}

TEST(Plan, AddsWhatIsUsedBeforeItsUsers) {
  EXPECT_THAT(plan_text({}, whole_intent()),
              ElementsAre("add group web: 2 rules, 0 members", "add peer 192.0.2.2: vnis 42,43",
                          "add nic a: vhost-user, mac 52:54:00:00:00:01, vni 42",
                          "add fdb 42/52:54:00:00:00:99: peer 192.0.2.2"));
}

TEST(Plan, RemovesUsersBeforeWhatTheyUse) {
  EXPECT_THAT(plan_text(whole_intent(), {}),
              ElementsAre("remove fdb 42/52:54:00:00:00:99", "remove nic a",
                          "remove peer 192.0.2.2", "remove group web"));
}

TEST(Plan, SaysWhatASubnetIsAndWhatChangesInIt) {
  Intent intent = whole_intent();
  SubnetIntent subnet;
  subnet.name = "lan";
  subnet.prefix = *Cidr::parse("10.0.0.0/24");
  subnet.gateway = Ipv4{{10, 0, 0, 9}};
  intent.subnets["lan"] = subnet;
  Intent used = intent;
  used.nics["a"].subnets = {"lan"};
  used.nics["a"].hostname = "web";
  EXPECT_THAT(plan_text(whole_intent(), used),
              ElementsAre("add subnet lan: 10.0.0.0/24, gateway 10.0.0.9",
                          "change nic a: subnets none → lan, hostname none → web"));
  EXPECT_THAT(
      plan_text(used, whole_intent()),
      ElementsAre("remove subnet lan", "change nic a: subnets lan → none, hostname web → none"));
  Intent next = used;
  SubnetIntent& changed = next.subnets["lan"];
  changed.prefix = *Cidr::parse("10.0.0.0/16");
  changed.gateway = {};
  changed.server = Ipv4{{10, 0, 0, 8}};
  changed.routes = {{*Cidr::parse("10.9.0.0/16"), IpAddress(Ipv4{{10, 0, 0, 7}})},
                    {*Cidr::parse("10.8.0.0/16"), {}}};
  changed.dns = {Ipv4{{10, 0, 0, 3}}};
  changed.domains = {"example.org"};
  changed.mtu = 1400;
  changed.lease_s = 60;
  EXPECT_THAT(plan_text(used, next),
              ElementsAre("change subnet lan: prefix 10.0.0.0/24 → 10.0.0.0/16, gateway 10.0.0.9 → "
                          "none, server none → 10.0.0.8, routes none → 10.9.0.0/16 via "
                          "10.0.0.7,10.8.0.0/16, dns none → 10.0.0.3, domains none → example.org, "
                          "mtu 0 → 1400, lease 86400 s → 60 s"));
}

TEST(Plan, SaysWhatAProcedureDoesAndWhatChangesInIt) {
  Intent intent;
  intent.procedures["p"] = {"p", 1300, 0, true, false, 0, 8000, 100};
  EXPECT_THAT(plan_text({}, intent), ElementsAre("add procedure p: max-mss none → 1300, no-df "
                                                 "off → on, bits/s none → 8000"));
  Intent next = intent;
  next.procedures["p"].min_ttl = 9;
  next.procedures["p"].no_df = false;
  next.groups["g"] = {"g", {}, {}, true};
  EXPECT_THAT(plan_text(intent, next),
              ElementsAre("change procedure p: min-ttl none → 9, no-df on → off",
                          "add group g: 0 rules, 0 members, rejects"));
  EXPECT_THAT(plan_text(next, {}), ElementsAre("remove group g", "remove procedure p"));
  Intent quiet = next;
  quiet.groups["g"].reject = false;
  EXPECT_THAT(plan_text(next, quiet), ElementsAre("change group g: reject on → off"));
}

TEST(Plan, SaysWhatAGuardRuleDoesAndWhatChangesInIt) {
  GuardIntent rule;
  rule.key = "no-telnet";
  rule.priority = 10;
  Intent intent;
  intent.guard["no-telnet"] = rule;
  EXPECT_THAT(plan_text({}, intent),
              ElementsAre("add guard rule no-telnet: deny, priority 10, vni every"));
  Intent next = intent;
  next.guard["no-telnet"].priority = 20;
  next.guard["no-telnet"].action = GuardIntent::Action::groups;
  next.guard["no-telnet"].vni = Vni(7);
  next.guard["no-telnet"].match.protocol = 6;
  EXPECT_THAT(plan_text(intent, next),
              ElementsAre("change guard rule no-telnet: priority 10 → 20, action deny → groups, "
                          "vni every → 7, match replaced"));
  Intent words = next;
  words.guard["no-telnet"].description = "other words";
  EXPECT_THAT(plan_text(next, words), ElementsAre("change guard rule no-telnet: description"));
  EXPECT_THAT(plan_text(next, {}), ElementsAre("remove guard rule no-telnet"));
}

TEST(Plan, NamesARuleThatTookThePlaceOfTheOneWithItsKey) {
  RuleIntent rule;
  rule.key = "ssh";
  Intent before;
  before.groups["g"].name = "g";
  before.groups["g"].rules[rule_id(rule)] = rule;
  Intent next = before;
  rule.description = "other words";
  next.groups["g"].rules[rule_id(rule)] = rule;
  EXPECT_THAT(plan_text(before, next), ElementsAre("change group g: descriptions"));
  rule.protocol = uint8_t{6};
  next.groups["g"].rules[rule_id(rule)] = rule;
  EXPECT_THAT(plan_text(before, next),
              ElementsAre("change group g: rule " + rule_id(rule) + " (key ssh) replaced"));
}

TEST(Plan, HasNothingToDoForWhatIsAlreadySo) {
  EXPECT_THAT(plan_text(whole_intent(), whole_intent()), IsEmpty());
}

TEST(Plan, SaysWhatChangesInANic) {
  Intent next = whole_intent();
  next.nics["a"].mac = Mac::from_u64(0x525400000002);
  next.nics["a"].addresses = {Ipv4{{10, 0, 0, 9}}};
  next.nics["a"].allowed = {{*Cidr::parse("10.1.0.0/16"), std::nullopt},
                            {*Cidr::parse("10.0.0.100"), Mac::from_u64(0x5e000133)}};
  next.nics["a"].groups = {};
  next.nics["a"].antispoof = false;
  EXPECT_THAT(plan_text(whole_intent(), next),
              ElementsAre("change nic a: mac 52:54:00:00:00:01 → 52:54:00:00:00:02, "
                          "addresses +10.0.0.9 -10.0.0.1, "
                          "allowed +10.0.0.100,00:00:5e:00:01:33 +10.1.0.0/16, "
                          "groups web → none, "
                          "antispoof on → off"));
}

TEST(Plan, ReplacesThePortWhenItsSocketIsMadeByTheOther) {
  Intent next = whole_intent();
  next.nics["a"].mtu = 1450;
  EXPECT_THAT(plan_text(whole_intent(), next), ElementsAre("change nic a: mtu default → 1450"));
  next.nics["a"].vhost_server = true;
  EXPECT_THAT(plan_text(whole_intent(), next),
              ElementsAre("change nic a: vhost-server off → on, mtu default → 1450 "
                          "(new port: its link drops)"));
  Intent more = whole_intent();
  more.nics["a"].queues = 4;
  more.nics["a"].packed = true;
  EXPECT_THAT(plan_text(whole_intent(), more),
              ElementsAre("change nic a: queues 1 → 4, packed off → on "
                          "(new port: its link drops)"));
}

TEST(Plan, ReplacesThePortOfATapForItsTypeNameAndMtu) {
  Intent tap = whole_intent();
  tap.nics["a"].type = NicType::tap;
  const auto to_tap = plan(whole_intent(), tap);
  ASSERT_TRUE(to_tap.ok() && to_tap->size() == 1);
  EXPECT_TRUE(to_tap->front().replaces_port);

  Intent named = tap;
  named.nics["a"].tap_name = "a";  // what it was called before
  const auto same_name = plan(tap, named);
  ASSERT_TRUE(same_name.ok() && same_name->size() == 1);
  EXPECT_FALSE(same_name->front().replaces_port);

  named.nics["a"].tap_name = "tap7";
  EXPECT_THAT(plan_text(tap, named),
              ElementsAre("change nic a: tap a → tap7 (new port: its link drops)"));

  Intent jumbo = tap;
  jumbo.nics["a"].mtu = 9000;
  EXPECT_THAT(plan_text(tap, jumbo),
              ElementsAre("change nic a: mtu default → 9000 (new port: its link drops)"));
}

TEST(Plan, CountsLongListsInsteadOfPrintingThem) {
  Intent next = whole_intent();
  for (uint32_t i = 0; i < 100; ++i) {
    next.groups["web"].members.insert(IpAddress(Ipv4::from_u32(0x0a000000 + i)));
  }
  EXPECT_THAT(plan_text(whole_intent(), next), ElementsAre("change group web: members +100 -0"));
}

TEST(Plan, SeesAChangedDescription) {
  Intent next = whole_intent();
  auto& rules = next.groups["web"].rules;
  rules[rules.begin()->first].description = "other words";
  EXPECT_THAT(plan_text(whole_intent(), next), ElementsAre("change group web: descriptions"));
}

TEST(Plan, SeesAMovedMacAndAnotherSegmentOfAPeer) {
  Intent next = whole_intent();
  const IpAddress other = Ipv4{{192, 0, 2, 3}};
  next.peers[other] = {other, {Vni(42)}};
  next.peers[kPeer].vnis.erase(Vni(43));
  next.fdb[next.fdb.begin()->first].peer = other;
  EXPECT_THAT(plan_text(whole_intent(), next),
              ElementsAre("change peer 192.0.2.2: vnis -43", "add peer 192.0.2.3: vnis 42",
                          "change fdb 42/52:54:00:00:00:99: peer 192.0.2.2 → 192.0.2.3"));
}

TEST(Plan, SaysWhichGatewaysAPrivateSegmentHas) {
  const Mac first = Mac::from_u64(0x525400000001), second = Mac::from_u64(0x525400000002);
  Intent next;
  next.segments.set(Vni(7), {Vni(7), {first}});
  EXPECT_THAT(plan_text(Intent(), next), ElementsAre("add segment 7: gateways 52:54:00:00:00:01"));
  Intent other = next;
  other.segments.set(Vni(7), {Vni(7), {second}});
  EXPECT_THAT(plan_text(next, other),
              ElementsAre("change segment 7: gateways +52:54:00:00:00:02 -52:54:00:00:00:01"));
  EXPECT_THAT(plan_text(next, Intent()), ElementsAre("remove segment 7"));
  other.segments.set(Vni(7), {Vni(7), {first}, true});
  EXPECT_THAT(plan_text(next, other), ElementsAre("change segment 7: suppress off → on"));
}

TEST(Plan, SaysWhichSettingsOfTheSwitchChange) {
  Intent next;
  next.switching.set(SwitchKnob::ageing, 60);
  next.switching.set(SwitchKnob::nic_macs, 0);
  EXPECT_THAT(plan_text(Intent(), next),
              ElementsAre("change switch settings: ageing_s 300 → 60, nic_macs 256 → 0"));
  next.switching.set(SwitchKnob::ageing, 9);
  EXPECT_THAT(
      plan_text(Intent(), next),
      ElementsAre("INVALID_ARGUMENT: switch: ageing_s 9 is too small (wanted 10..1000000 s)"));
}

TEST(Plan, SaysWhichSettingsOfTheFirewallChange) {
  Intent next = whole_intent();
  next.firewall.set(Knob::tcp_new, 60);
  next.firewall.set(Knob::tcp_loose, 1);
  EXPECT_THAT(plan_text(whole_intent(), next),
              ElementsAre("change firewall settings: tcp_new_s 30 → 60, tcp_loose off → on"));
  next.firewall.set(Knob::tcp_new, 0);
  EXPECT_THAT(
      plan_text(whole_intent(), next),
      ElementsAre("INVALID_ARGUMENT: firewall: tcp_new_s 0 is too small (wanted 1..172800 s)"));
}

TEST(Plan, RefusesAnInvalidIntentWhole) {
  Intent next = whole_intent();
  next.nics["a"].vni = Vni(1 << 24);
  EXPECT_TRUE(absl::IsInvalidArgument(plan({}, next).status()));
}

}  // namespace
}  // namespace butterfly
