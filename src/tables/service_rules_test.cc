// SPDX-License-Identifier: Apache-2.0
#include "tables/service_rules.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <set>

#include "tables/ruleset.h"

namespace butterfly {
namespace {

// Rules with these ranges, which it owns.
class Ranges {
 public:
  ServiceRule make(uint32_t first, uint32_t last) {
    Rule& rule = rules_.emplace_back();
    rule.id = "r" + std::to_string(rules_.size());
    return {{first, last}, &rule};
  }

 private:
  std::deque<Rule> rules_;
};

const Rule* first_of(const ServiceRules& rules, uint32_t service) {
  return rules.find(service, [](const Rule*) { return true; });
}
// Every rule that is offered, in order.
std::vector<const Rule*> offered(const ServiceRules& rules, uint32_t service) {
  std::vector<const Rule*> seen;
  rules.find(service, [&](const Rule* rule) {
    seen.push_back(rule);
    return false;
  });
  return seen;
}

TEST(ServiceRules, OneRuleHasBothItsEnds) {
  Ranges ranges;
  const ServiceRule one = ranges.make(10, 20);
  const ServiceRules rules = ServiceRules().edited({{}, {one}});
  for (const uint32_t service : {9u, 21u}) EXPECT_EQ(first_of(rules, service), nullptr);
  for (const uint32_t service : {10u, 15u, 20u}) EXPECT_EQ(first_of(rules, service), one.rule);
  EXPECT_TRUE(rules.edited({{one.rule}, {}}).empty());
}

TEST(ServiceRules, TheLineHasRoomForTheLastProtocol) {
  Ranges ranges;
  const ServiceRule all = ranges.make(kEveryService.first, kEveryService.last);
  const ServiceRule last = ranges.make(services_of(255).first, services_of(255).last);
  const ServiceRules rules = ServiceRules().edited({{}, {all, last}});
  EXPECT_EQ(offered(rules, service_of(255, 65535)).size(), 2u);
  EXPECT_EQ(offered(rules, service_of(254, 65535)).size(), 1u);
  EXPECT_EQ(offered(rules, service_of(0, 0)).size(), 1u);
}

TEST(ServiceRules, TheOneThatReachesFurthestComesFirst) {
  Ranges ranges;
  const ServiceRule narrow = ranges.make(10, 20);
  const ServiceRule wide = ranges.make(5, 30);
  const ServiceRule late = ranges.make(12, 30);
  const ServiceRules rules = ServiceRules().edited({{}, {narrow, wide, late}});
  EXPECT_EQ(offered(rules, 15), (std::vector{wide.rule, late.rule, narrow.rule}));
  EXPECT_EQ(offered(rules, 11), (std::vector{wide.rule, narrow.rule}));
}

TEST(ServiceRules, ARuleReplacedByOneOfTheSameRangeIsOfferedOnce) {
  Ranges ranges;
  const ServiceRule before = ranges.make(1, 9);
  const ServiceRule after = ranges.make(1, 9);
  const ServiceRule other = ranges.make(2, 3);
  const ServiceRules rules =
      ServiceRules().edited({{}, {before, other}}).edited({{before.rule}, {after}});
  EXPECT_EQ(offered(rules, 1), std::vector{after.rule});
}

// Ten thousand different ranges around, beside and across one another.
TEST(ServiceRules, FindsAmongHostileRangesWhatALookAtEachFinds) {
  enum Shape { nested, stairs, brackets, random };
  for (const Shape shape : {nested, stairs, brackets, random}) {
    SCOPED_TRACE(shape);
    std::mt19937 dice(9);
    Ranges ranges;
    std::vector<ServiceRule> all;
    const uint32_t tcp = service_of(6, 0);
    for (uint32_t i = 0; i < 10'000; ++i) {
      uint32_t first = tcp + i * 3;
      uint32_t last = tcp + 65'535 - i * 3;
      if (shape == stairs) last = first + 500;
      if (shape == brackets) last = i == 0 ? tcp + 40'000 : first + 1;
      if (shape == random) {
        first = tcp + static_cast<uint32_t>(dice() % 65'536);
        last = std::min(tcp + 65'535, first + static_cast<uint32_t>(dice() % 3000));
      }
      if (first > last) std::swap(first, last);
      all.push_back(ranges.make(first, last));
    }
    std::ranges::shuffle(all, dice);
    ServiceRules rules = ServiceRules().edited({{}, all});
    for (int change = 0; change < 30; ++change) {
      ServiceEdit edit;
      for (int i = 0; i < 20; ++i) {
        edit.gone.push_back(all.back().rule);
        all.pop_back();
      }
      rules = rules.edited(edit);
    }
    for (int i = 0; i < 300; ++i) {
      const uint32_t service = tcp + static_cast<uint32_t>(dice() % 70'000);
      std::set<const Rule*> wanted;
      for (const ServiceRule& rule : all) {
        if (rule.range.contains(service)) wanted.insert(rule.rule);
      }
      const std::vector<const Rule*> seen = offered(rules, service);
      ASSERT_EQ(std::set(seen.begin(), seen.end()), wanted);
      ASSERT_EQ(seen.size(), wanted.size());
      ASSERT_EQ(first_of(rules, service), seen.empty() ? nullptr : seen[0]);
    }
  }
}

}  // namespace
}  // namespace butterfly
