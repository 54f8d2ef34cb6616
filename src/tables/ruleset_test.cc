// SPDX-License-Identifier: Apache-2.0
#include "tables/ruleset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "support/rule_group.h"
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

Policy policy_of(std::vector<Rule> ingress, std::vector<Rule> egress = {},
                 const test::Members& members = {}) {
  Policy policy;
  policy.groups.push_back(test::make_group("g", std::move(ingress), std::move(egress), members));
  return policy;
}

bool lets_in(const Rule& one, const FlowStart& start, const test::Members& members = {}) {
  return !!find_allowing_rule(policy_of({one}, {}, members), Direction::ingress, start);
}

TEST(Ruleset, NothingComesInWithoutARuleAndOnlyAGrouplessNicLetsEverythingOut) {
  Policy policy;
  const FlowStart start = tcp("10.0.0.9", "10.0.0.5", 22);
  EXPECT_FALSE(find_allowing_rule(policy, Direction::ingress, start));
  EXPECT_FALSE(find_allowing_rule(policy, Direction::egress, start));
  policy.allow_all_egress = true;
  EXPECT_FALSE(find_allowing_rule(policy, Direction::ingress, start));
  EXPECT_EQ(find_allowing_rule(policy, Direction::egress, start).rule, &kAllowAllEgress);
}

TEST(Ruleset, APortRangeIsInclusiveAtBothEnds) {
  const Rule ports = rule([](Rule& r) {
    r.protocol = wire::kProtoTcp;
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
  const Rule ping = rule([](Rule& r) {
    r.family = Family::v4;
    r.protocol = wire::kProtoIcmp;
    r.icmp_type = wire::kIcmpEcho;
  });
  EXPECT_TRUE(lets_in(ping, other(wire::kProtoIcmp, 8, 0)));
  EXPECT_TRUE(lets_in(ping, other(wire::kProtoIcmp, 8, 3)));
  EXPECT_FALSE(lets_in(ping, other(wire::kProtoIcmp, 13)));
  EXPECT_FALSE(lets_in(ping, other(wire::kProtoTcp)));
  EXPECT_FALSE(lets_in(ping, other(wire::kProtoIcmpv6, 8)));  // ICMPv6 inside IPv4 is no ICMP
  const Rule code = rule([](Rule& r) {
    r.family = Family::v4;
    r.protocol = wire::kProtoIcmp;
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
  EXPECT_TRUE(find_allowing_rule(policy, Direction::ingress, from_nine));
  EXPECT_FALSE(find_allowing_rule(policy, Direction::ingress, to_nine));
  EXPECT_FALSE(find_allowing_rule(policy, Direction::egress, from_nine));
  EXPECT_TRUE(find_allowing_rule(policy, Direction::egress, to_nine));
}

Rule from_members() {
  return rule([](Rule& r) { r.peer_group = "m"; });
}

TEST(Ruleset, AMemberCountsInItsOwnSegmentAndAListedAddressInEverySegment) {
  const test::Members members{
      {"m", std::make_shared<const AddressSet>(std::vector<AddressSet::Member>{
                {Vni{7}, ip("10.0.0.9")}, {Vni{0}, ip("fd00::9")}, {Vni{7}, ip("10.0.0.9")}})}};
  EXPECT_EQ(members.at("m")->members().size(), 2u);
  EXPECT_TRUE(lets_in(from_members(), tcp("10.0.0.9", "10.0.0.5", 80, Vni{7}), members));
  EXPECT_FALSE(lets_in(from_members(), tcp("10.0.0.9", "10.0.0.5", 80, Vni{8}), members));
  EXPECT_FALSE(lets_in(from_members(), tcp("10.0.0.77", "10.0.0.5", 80, Vni{7}), members));
  EXPECT_TRUE(lets_in(from_members(), tcp("fd00::9", "fd00::5", 80, Vni{8}), members));
}

TEST(Ruleset, AMemberMayBeAPrefix) {
  const test::Members members{{"m", test::make_members(Vni{0}, {"10.1.0.0/16", "10.1.2.0/24",
                                                                "fd00:1::/32", "10.9.0.0/31"})}};
  EXPECT_TRUE(lets_in(from_members(), tcp("10.1.0.0", "10.0.0.5", 80), members));
  EXPECT_TRUE(lets_in(from_members(), tcp("10.1.2.3", "10.0.0.5", 80), members));
  EXPECT_TRUE(lets_in(from_members(), tcp("10.1.255.255", "10.0.0.5", 80), members));
  EXPECT_TRUE(lets_in(from_members(), tcp("10.9.0.1", "10.0.0.5", 80), members));
  EXPECT_FALSE(lets_in(from_members(), tcp("10.9.0.2", "10.0.0.5", 80), members));
  EXPECT_FALSE(lets_in(from_members(), tcp("10.2.0.0", "10.0.0.5", 80), members));
  EXPECT_FALSE(lets_in(from_members(), tcp("10.0.255.255", "10.0.0.5", 80), members));
  EXPECT_TRUE(lets_in(from_members(), tcp("fd00:1:ffff::1", "fd00::5", 80), members));
  EXPECT_FALSE(lets_in(from_members(), tcp("fd00:2::", "fd00::5", 80), members));
}

TEST(Ruleset, AnEmptyGroupMatchesNobodyNorDoesOneThatIsNotThere) {
  const FlowStart start = tcp("10.0.0.9", "10.0.0.5", 80);
  EXPECT_FALSE(lets_in(from_members(), start, {{"m", std::make_shared<const AddressSet>()}}));
  EXPECT_FALSE(lets_in(from_members(), start));
}

TEST(Ruleset, SeveralGroupsAreAUnionAndTheAllowingRuleIsNamed) {
  const auto port = [](const char* id, uint16_t number) {
    Rule made;
    made.id = id;
    made.protocol = wire::kProtoTcp;
    made.first_port = made.last_port = number;
    return made;
  };
  Policy policy = policy_of({port("ssh", 22)});
  policy.groups.push_back(test::make_group("second", {port("web", 80)}, {}));
  const Match found =
      find_allowing_rule(policy, Direction::ingress, tcp("10.0.0.9", "10.0.0.5", 80));
  ASSERT_TRUE(found);
  EXPECT_EQ(found.rule->id, "web");
  EXPECT_EQ(found.group->name, "second");
  EXPECT_FALSE(find_allowing_rule(policy, Direction::ingress, tcp("10.0.0.9", "10.0.0.5", 81)));
}

// Few addresses, prefixes and ports, so that everything overlaps everything.
class RandomRules {
 public:
  explicit RandomRules(unsigned seed) : dice_(seed) {}
  unsigned below(unsigned limit) { return static_cast<unsigned>(dice_() % limit); }
  IpAddress address(bool is_v4) {
    if (is_v4) return Ipv4{{10, static_cast<uint8_t>(below(2)), 0, static_cast<uint8_t>(below(8))}};
    Ipv6 address{{0xfd, 0, static_cast<uint8_t>(below(2))}};
    address.bytes[15] = static_cast<uint8_t>(below(8));
    return address;
  }
  Cidr prefix() {
    static constexpr unsigned kV4[] = {0, 8, 15, 16, 29, 30, 31, 32};
    static constexpr unsigned kV6[] = {0, 8, 23, 24, 64, 125, 127, 128};
    const bool is_v4 = below(2) == 0;
    return Cidr(address(is_v4), (is_v4 ? kV4 : kV6)[below(8)]);
  }
  std::string group() { return std::string(1, static_cast<char>('a' + below(4))); }
  Rule rule() {
    static constexpr uint8_t kProtocols[] = {6, 6, 17, 132, 1, 58, 47};
    Rule made;
    made.direction = below(2) ? Direction::ingress : Direction::egress;
    if (below(3) == 0) made.family = below(2) ? Family::v4 : Family::v6;
    if (below(5) != 0) made.protocol = kProtocols[below(7)];
    if (made.protocol == 6 || made.protocol == 17 || made.protocol == 132) {
      if (below(3)) {
        made.first_port = static_cast<uint16_t>(below(20));
        made.last_port = static_cast<uint16_t>(made.first_port + below(below(2) ? 30 : 2));
      }
    }
    if (made.protocol == 1) made.family = Family::v4;
    if (made.protocol == 58) made.family = Family::v6;
    if ((made.protocol == 1 || made.protocol == 58) && below(2)) {
      made.icmp_type = static_cast<uint8_t>(below(3));
      if (below(2)) made.icmp_code = static_cast<uint8_t>(below(3));
    }
    switch (below(3)) {
      case 0:
        made.peer_group = group();
        break;
      case 1:
        made.peer = prefix();
        if (made.family && (*made.family == Family::v4) != made.peer->is_v4()) made.peer.reset();
        break;
      default:
        break;
    }
    return made;
  }
  FlowStart start() {
    static constexpr uint8_t kProtocols[] = {6, 17, 132, 1, 58, 47, 50};
    FlowStart made;
    const bool is_v4 = below(2) == 0;
    made.family = is_v4 ? Family::v4 : Family::v6;
    made.vni = Vni{1 + below(2)};
    made.tuple = {{address(is_v4), 0}, {address(is_v4), 0}, kProtocols[below(7)]};
    if (made.tuple.protocol == 6 || made.tuple.protocol == 17 || made.tuple.protocol == 132) {
      made.tuple.destination.port = static_cast<uint16_t>(below(55));
    }
    if (made.tuple.protocol == (is_v4 ? 1 : 58)) {
      made.icmp_type = static_cast<uint8_t>(below(4));
      made.icmp_code = static_cast<uint8_t>(below(4));
    }
    return made;
  }
  AddressSet::Member member() {
    if (below(3) == 0) return {Vni{0}, prefix()};
    return {Vni{below(3)}, Cidr(address(below(2) == 0))};
  }

 private:
  std::mt19937 dice_;
};

// Whatever order rules and members came and went in: what fits is found, nothing else is, each rule
// that fits is offered once, and the order is that of a group made at once.
TEST(Ruleset, FindsWhatALookAtEveryRuleFinds) {
  for (unsigned seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(seed);
    RandomRules random(seed);
    RuleGroup group;
    std::map<std::string, Rule> rules;
    std::map<std::string, std::vector<AddressSet::Member>> lists;
    test::Members members;
    const auto find_members = [&](const std::string& name) {
      const auto found = members.find(name);
      return found == members.end() ? nullptr : found->second;
    };
    for (int step = 0; step < 60; ++step) {
      std::map<std::string, RuleGroup::Change> changes;
      for (unsigned i = random.below(6); i > 0; --i) {
        const std::string id = "r" + std::to_string(random.below(60));
        auto& change =
            changes.try_emplace(id, RuleGroup::Change{group.rule(id), nullptr}).first->second;
        change.after.reset();
        rules.erase(id);
        if (random.below(4) == 0) continue;
        Rule made = random.rule();
        made.id = id;
        rules[id] = made;
        change.after = std::make_shared<const Rule>(made);
      }
      std::vector<RuleGroup::Change> list;
      for (const auto& [id, change] : changes) {
        if (change.before || change.after) list.push_back(change);
      }
      group.edit(list, find_members);
      if (random.below(2)) {
        const std::string name = random.group();
        auto& list_of = lists[name];
        AddressSet set = members[name] ? *members[name] : AddressSet();
        if (!list_of.empty() && random.below(3) == 0) {
          const auto at = list_of.begin() + random.below(static_cast<unsigned>(list_of.size()));
          set.edit({*at}, {});
          list_of.erase(at);
        } else {
          const AddressSet::Member member = random.member();
          if (std::ranges::find(list_of, member) == list_of.end()) {
            list_of.push_back(member);
            set.edit({}, {member});
          }
        }
        members[name] = std::make_shared<const AddressSet>(std::move(set));
        group.set_members(name, members[name]);
      }
      std::vector<Rule> all;
      for (const auto& [id, one] : rules) all.push_back(one);
      RuleGroup at_once;
      std::vector<RuleGroup::Change> come;
      for (const Rule& one : all) come.push_back({nullptr, std::make_shared<const Rule>(one)});
      at_once.edit(come, find_members);
      for (int i = 0; i < 20; ++i) {
        const FlowStart start = random.start();
        for (const Direction way : {Direction::ingress, Direction::egress}) {
          std::set<std::string> expected;
          for (const Rule& one : all) {
            if (test::allows(one, way, start, members)) expected.insert(one.id);
          }
          std::vector<std::string> offered;
          const auto refuse = [&](const Rule* one) {
            offered.push_back(one->id);
            return false;
          };
          EXPECT_EQ(group.find(way, start, refuse), nullptr);
          ASSERT_EQ(std::set<std::string>(offered.begin(), offered.end()), expected);
          ASSERT_EQ(offered.size(), expected.size());
          std::vector<std::string> other_order;
          at_once.find(way, start, [&](const Rule* one) {
            other_order.push_back(one->id);
            return false;
          });
          ASSERT_EQ(offered, other_order);
          const Rule* first = group.find(way, start, [](const Rule*) { return true; });
          ASSERT_EQ(first ? first->id : "", offered.empty() ? "" : offered[0]);
        }
      }
    }
  }
}

}  // namespace
}  // namespace butterfly
