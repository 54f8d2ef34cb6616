// SPDX-License-Identifier: Apache-2.0
#include "tables/guard_list.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <tuple>

#include "support/rule_group.h"

namespace butterfly {
namespace {

using wire::Family;

constexpr auto kAcceptAny = [](const Rule*) { return true; };

std::shared_ptr<GuardRule> rule(const std::string& key, uint16_t priority) {
  auto made = std::make_shared<GuardRule>();
  made->match.id = key;
  made->priority = priority;
  return made;
}

FlowStart tcp(const char* source, const char* destination, uint16_t port, Vni vni = Vni{1}) {
  FlowStart start;
  start.family = IpAddress::parse(source)->is_v4() ? Family::v4 : Family::v6;
  start.tuple = {
      {*IpAddress::parse(source), 40000}, {*IpAddress::parse(destination), port}, wire::kProtoTcp};
  start.vni = vni;
  return start;
}

std::string found(const GuardList& list, Direction direction, const FlowStart& start) {
  const GuardRule* rule = list.find(direction, start, kAcceptAny);
  return rule ? rule->match.id : "";
}

TEST(GuardList, AnEmptyOneHasNoSay) {
  EXPECT_TRUE(kNoGuardList.empty());
  EXPECT_EQ(found(kNoGuardList, Direction::ingress, tcp("10.0.0.9", "10.0.0.5", 22)), "");
}

TEST(GuardList, TheLowestPriorityIsJudgedFirstAndThenTheKeyCounts) {
  const FlowStart start = tcp("10.0.0.9", "10.0.0.5", 22);
  const GuardList list({rule("c", 7), rule("b", 7), rule("a", 65535), rule("d", 8)});
  EXPECT_EQ(found(list, Direction::egress, start), "b");
  std::string order;
  for (const auto& one : list.rules()) order += one->match.id;
  EXPECT_EQ(order, "bcda");
  EXPECT_EQ(found(GuardList({rule("z", 0), rule("a", 1)}), Direction::egress, start), "z");
}

TEST(GuardList, ARuleThatIsTurnedDownLeavesTheQuestionToTheNext) {
  const GuardList list({rule("a", 1), rule("b", 2)});
  const auto accepts_b = [](const Rule* fit) { return fit->id == "b"; };
  const GuardRule* last = list.find(Direction::ingress, tcp("10.0.0.9", "10.0.0.5", 22), accepts_b);
  ASSERT_NE(last, nullptr);
  EXPECT_EQ(last->match.id, "b");
}

TEST(GuardList, ThePeerIsTheSourceComingInAndTheDestinationGoingOut) {
  auto nine = rule("nine", 0);
  nine->match.peer = Cidr::parse("10.0.0.9/32");
  const GuardList list({nine});
  EXPECT_EQ(found(list, Direction::ingress, tcp("10.0.0.9", "10.0.0.5", 22)), "nine");
  EXPECT_EQ(found(list, Direction::egress, tcp("10.0.0.5", "10.0.0.9", 22)), "nine");
  EXPECT_EQ(found(list, Direction::egress, tcp("10.0.0.9", "10.0.0.5", 22)), "");
}

TEST(GuardList, APrefixOfOneFamilySaysNothingOfTheOther) {
  auto all4 = rule("all4", 0);
  all4->match.peer = Cidr::parse("0.0.0.0/0");
  auto all6 = rule("all6", 1);
  all6->match.peer = Cidr::parse("::/0");
  auto low6 = rule("low6", 2);
  low6->match.peer = Cidr::parse("::a00:9/128");  // the number of 10.0.0.9
  const FlowStart v4 = tcp("10.0.0.9", "10.0.0.5", 22);
  const FlowStart v6 = tcp("fd00::9", "fd00::5", 22);
  EXPECT_EQ(found(GuardList({all4, all6}), Direction::ingress, v6), "all6");
  EXPECT_EQ(found(GuardList({all6, low6}), Direction::ingress, v4), "");
  EXPECT_EQ(found(GuardList({all4, all6}), Direction::ingress, v4), "all4");
}

// --- against a look at every rule, field by field
// -------------------------------------------------

class RandomGuard {
 public:
  explicit RandomGuard(unsigned seed) : dice_(seed) {}
  unsigned below(unsigned limit) { return static_cast<unsigned>(dice_() % limit); }

  std::shared_ptr<GuardRule> rule(unsigned number) {
    auto made = butterfly::rule("k" + std::to_string(number), static_cast<uint16_t>(below(5)));
    if (below(2)) made->direction = below(2) ? Direction::ingress : Direction::egress;
    if (below(3) == 0) made->vni = Vni{1 + below(3)};
    made->action = static_cast<GuardRule::Action>(below(3));
    Rule& match = made->match;
    const bool is_v4 = below(2);
    if (below(2)) match.family = is_v4 ? Family::v4 : Family::v6;
    if (below(2)) match.peer = prefix(is_v4);
    set_service(match, is_v4);
    return made;
  }
  FlowStart start() {
    FlowStart start;
    const bool is_v4 = below(2);
    start.family = is_v4 ? Family::v4 : Family::v6;
    start.vni = Vni{1 + below(3)};
    constexpr uint8_t kProtocols[] = {wire::kProtoTcp, wire::kProtoUdp, wire::kProtoIcmp,
                                      wire::kProtoIcmpv6, 47};
    start.tuple.protocol = kProtocols[below(5)];
    start.tuple.source = {address(is_v4), static_cast<uint16_t>(below(4))};
    start.tuple.destination = {address(is_v4), static_cast<uint16_t>(below(4))};
    start.icmp_type = static_cast<uint8_t>(below(3));
    start.icmp_code = static_cast<uint8_t>(below(3));
    const bool is_icmp = start.tuple.protocol == (is_v4 ? wire::kProtoIcmp : wire::kProtoIcmpv6);
    if (!is_icmp) start.icmp_type = start.icmp_code = 0;
    return start;
  }

 private:
  IpAddress address(bool is_v4) {
    const auto last = static_cast<uint8_t>(below(8));
    if (is_v4) return Ipv4{{10, 0, 0, last}};
    Ipv6 six{{0xfd}};
    six.bytes[15] = last;
    return six;
  }
  Cidr prefix(bool is_v4) {
    const unsigned bits = is_v4 ? 32 : 128;
    return {address(is_v4), below(6) ? bits - below(4) : 0};
  }
  void set_service(Rule& match, bool is_v4) {
    switch (below(4)) {
      case 0:
        match.protocol = below(2) ? wire::kProtoTcp : wire::kProtoUdp;
        match.first_port = static_cast<uint16_t>(below(4));
        match.last_port = static_cast<uint16_t>(match.first_port + below(3));
        break;
      case 1:
        match.protocol = is_v4 ? wire::kProtoIcmp : wire::kProtoIcmpv6;
        match.family = is_v4 ? Family::v4 : Family::v6;
        if (below(2)) match.icmp_type = static_cast<uint8_t>(below(3));
        if (match.icmp_type && below(2)) match.icmp_code = static_cast<uint8_t>(below(3));
        break;
      case 2:
        match.protocol = uint8_t{47};
        break;
      default:
        break;
    }
  }
  std::mt19937 dice_;
};

bool fits(const GuardRule& rule, Direction direction, const FlowStart& start) {
  if (rule.direction && *rule.direction != direction) return false;
  if (rule.vni.value != 0 && rule.vni != start.vni) return false;
  Rule match = rule.match;
  match.direction = direction;
  return test::allows(match, direction, start, {});
}

std::string naively_found(const std::vector<std::shared_ptr<const GuardRule>>& rules,
                          Direction direction, const FlowStart& start) {
  const GuardRule* best = nullptr;
  for (const auto& rule : rules) {
    if (!fits(*rule, direction, start)) continue;
    if (!best ||
        std::tie(rule->priority, rule->match.id) < std::tie(best->priority, best->match.id))
      best = rule.get();
  }
  return best ? best->match.id : "";
}

TEST(GuardList, FindsWhatALookAtEveryRuleFinds) {
  size_t hits = 0;
  for (unsigned seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    RandomGuard random(seed);
    std::vector<std::shared_ptr<const GuardRule>> rules;
    for (unsigned i = 0; i < 2 + seed / 3; ++i) rules.push_back(random.rule(i));
    const GuardList list(rules);
    for (int question = 0; question < 500; ++question) {
      const FlowStart start = random.start();
      const Direction direction = random.below(2) ? Direction::ingress : Direction::egress;
      const std::string wanted = naively_found(rules, direction, start);
      hits += !wanted.empty();
      ASSERT_EQ(found(list, direction, start), wanted);
    }
  }
  EXPECT_GT(hits, 5'000u);
}

}  // namespace
}  // namespace butterfly
