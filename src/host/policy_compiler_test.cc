// SPDX-License-Identifier: Apache-2.0
#include "host/policy_compiler.h"

#include <gtest/gtest.h>

namespace butterfly {
namespace {

RuleIntent from_group(const std::string& group) {
  RuleIntent rule;
  rule.protocol = uint8_t{6};
  rule.peer_group = group;
  return rule;
}

void add_rule(Intent& intent, const std::string& group, const RuleIntent& rule) {
  intent.groups[group].name = group;
  intent.groups[group].rules[rule_id(rule)] = rule;
}

NicIntent nic(const std::string& id, const char* address, std::vector<std::string> groups) {
  NicIntent result;
  result.id = id;
  result.vni = Vni{42};
  result.addresses = {*IpAddress::parse(address)};
  result.groups = std::move(groups);
  return result;
}

class PolicyCompilerTest : public ::testing::Test {
 protected:
  // Compiles `next` after what was compiled before; returns what changed.
  std::set<std::string> compile(const Intent& next) {
    CompileResult result =
        compile_groups(compiled_, difference(intent_, next), next, ++generation_);
    compiled_ = std::move(result.groups);
    intent_ = next;
    return result.changed;
  }
  Intent intent_;
  CompiledGroups compiled_;
  Generation generation_ = 0;
};

TEST_F(PolicyCompilerTest, OnlyTheGroupWhoseRulesChangedIsCompiledAgain) {
  Intent next;
  add_rule(next, "web", from_group("ops"));
  add_rule(next, "db", from_group("web"));
  EXPECT_EQ(compile(next), (std::set<std::string>{"db", "web"}));
  const auto db = compiled_.rules.at("db");
  add_rule(next, "web", RuleIntent{});
  EXPECT_EQ(compile(next), std::set<std::string>{"web"});
  EXPECT_EQ(compiled_.rules.at("db"), db);
  EXPECT_EQ(compiled_.rules.at("web")->generation, 2u);
}

TEST_F(PolicyCompilerTest, ANicThatJoinsAGroupTouchesTheGroupsThatNameIt) {
  Intent next;
  add_rule(next, "web", from_group("ops"));
  next.groups["ops"].name = "ops";
  next.groups["other"].name = "other";
  compile(next);
  next.nics["a"] = nic("a", "10.0.0.1", {"ops"});
  EXPECT_EQ(compile(next), std::set<std::string>{"web"});
  const auto ops = compiled_.rules.at("web")->members_of("ops");
  EXPECT_TRUE(ops->contains(Vni{42}, *IpAddress::parse("10.0.0.1")));
  EXPECT_FALSE(ops->contains(Vni{43}, *IpAddress::parse("10.0.0.1")));
}

TEST_F(PolicyCompilerTest, AListedMemberCountsInEverySegment) {
  Intent next;
  add_rule(next, "web", from_group("ops"));
  next.groups["ops"].name = "ops";
  next.groups["ops"].members = {*IpAddress::parse("192.0.2.7")};
  compile(next);
  const auto ops = compiled_.rules.at("web")->members_of("ops");
  EXPECT_TRUE(ops->contains(Vni{1}, *IpAddress::parse("192.0.2.7")));
}

TEST_F(PolicyCompilerTest, ARuleThatNamesNoGroupYetMatchesNobodyUntilItComes) {
  Intent next;
  add_rule(next, "web", from_group("later"));
  compile(next);
  ASSERT_NE(compiled_.rules.at("web")->members_of("later"), nullptr);
  EXPECT_TRUE(compiled_.rules.at("web")->members_of("later")->members().empty());
  next.groups["later"].name = "later";
  next.groups["later"].members = {*IpAddress::parse("10.0.0.9")};
  EXPECT_EQ(compile(next), (std::set<std::string>{"later", "web"}));
  EXPECT_FALSE(compiled_.rules.at("web")->members_of("later")->members().empty());
  next.groups.erase("later");
  EXPECT_EQ(compile(next), (std::set<std::string>{"later", "web"}));
  EXPECT_TRUE(compiled_.rules.at("web")->members_of("later")->members().empty());
}

TEST_F(PolicyCompilerTest, ANicWithoutGroupsSendsAllAndOneWithUnknownGroupsNothing) {
  EXPECT_TRUE(compile_policy(nic("a", "10.0.0.1", {}), compiled_, 1).allow_all_egress);
  const Policy unknown = compile_policy(nic("a", "10.0.0.1", {"nowhere"}), compiled_, 1);
  EXPECT_FALSE(unknown.allow_all_egress);
  EXPECT_TRUE(unknown.groups.empty());
}

}  // namespace
}  // namespace butterfly
