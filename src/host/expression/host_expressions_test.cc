// SPDX-License-Identifier: Apache-2.0
// Expressions in a host's rules: refused whole, compiled once, kept through a restart.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/expression/compiler.h"
#include "host/expression/expression_test_support.h"
#include "host/host_test_support.h"

namespace butterfly {
namespace {

using test::nic_intent;
using testing::HasSubstr;

class HostExpressions : public testing::Test {
 protected:
  HostExpressions() { host_ = make_host(compiler_); }
  std::unique_ptr<Host> make_host(std::shared_ptr<ExpressionCompiler> compiler) {
    HostOptions options;
    options.mode = IdleMode::manual;
    options.flow_capacity = 1024;
    options.expressions = std::move(compiler);
    return std::move(*Host::create(std::move(options), test::pool(), ports_));
  }
  static void add_rule(Intent& intent, const std::string& group, const std::string& expression,
                       uint16_t port = 0) {
    RuleIntent rule;
    rule.expression = expression;
    if (port != 0) {
      rule.protocol = 6;
      rule.first_port = rule.last_port = port;
    }
    intent.groups[group].name = group;
    intent.groups[group].rules.set(rule_id(rule), rule);
  }
  static Intent two_nics(const std::string& expression) {
    Intent intent;
    intent.nics["a"] = nic_intent("a", "52:54:00:00:00:01", "10.0.0.1");
    intent.nics["b"] = nic_intent("b", "52:54:00:00:00:02", "10.0.0.2", {"web"});
    add_rule(intent, "web", expression);
    return intent;
  }
  bool arrives(uint16_t port) {
    const std::string packet =
        "eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/ipv4(src=10.0.0.1, dst=10.0.0.2)/"
        "udp(sport=" +
        std::to_string(++last_source_) + ", dport=" + std::to_string(port) + ")";
    ports_.links.at("a")->feed(test::bytes_of(packet));
    host_->run_round(1'000'000);
    return !ports_.links.at("b")->take().empty();
  }

  test::ScriptedPorts ports_;
  std::shared_ptr<ChildCompiler> compiler_ = std::make_shared<ChildCompiler>(test::kCompiler);
  std::unique_ptr<Host> host_;
  uint16_t last_source_ = 2000;
};

TEST_F(HostExpressions, DecideWhatItsRuleAllows) {
  ASSERT_EQ(host_->apply(two_nics("udp dst port 53")), ok_status());
  EXPECT_TRUE(arrives(53));
  EXPECT_FALSE(arrives(54));
}

TEST_F(HostExpressions, AFaultNamesTheRuleAndLeavesThePolicyAsItWas) {
  const Intent good = two_nics("udp dst port 53");
  ASSERT_EQ(host_->apply(good), ok_status());
  Intent bad = good;
  add_rule(bad, "web", "udp");
  add_rule(bad, "web", "udp prot 54");
  bad.nics["c"] = nic_intent("c", "52:54:00:00:00:03", "10.0.0.3");
  RuleIntent wrong;
  wrong.expression = "udp prot 54";
  const Status status = host_->apply(bad);
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("group 'web': rule " + rule_id(wrong) +
                        ": expression 'udp prot 54': can't parse filter expression: syntax error"));
  EXPECT_EQ(host_->check_expressions(good, bad), status);
  EXPECT_EQ(*host_->intent(), good);
  EXPECT_FALSE(ports_.links.contains("c"));
  EXPECT_TRUE(arrives(53));
  EXPECT_FALSE(arrives(54));
}

TEST_F(HostExpressions, ALongTextIsCutInTheMessage) {
  const Status status = host_->apply(two_nics(std::string(60'000, '(')));
  EXPECT_LT(status.message().size(), 400u);
  EXPECT_THAT(std::string(status.message()), HasSubstr("((("));
}

TEST_F(HostExpressions, AThousandRulesWithTheSameOneCompileItOnce) {
  Intent intent = two_nics("udp");
  for (uint16_t port = 1; port <= 1'000; ++port)
    add_rule(intent, "web", "src net 10.0.0.0/8", port);
  ASSERT_EQ(host_->check_expressions({}, intent), ok_status());
  ASSERT_EQ(host_->restore(intent), ok_status());
  EXPECT_EQ(compiler_->compiled(), 2u);
  // A change elsewhere, and one beside it.
  intent.nics["c"] = nic_intent("c", "52:54:00:00:00:03", "10.0.0.3", {"web"});
  ASSERT_EQ(host_->apply(intent), ok_status());
  add_rule(intent, "web", "udp", 80);
  ASSERT_EQ(host_->apply(intent), ok_status());
  EXPECT_EQ(compiler_->compiled(), 2u);
  EXPECT_TRUE(arrives(53));
}

TEST_F(HostExpressions, WhatDoesNotCompileAnyMoreLetsNothingPassAndIsWarnedOf) {
  Intent intent = two_nics("udp dst port 53");
  add_rule(intent, "web", "udp prot 54");
  ASSERT_EQ(host_->restore(intent), ok_status());
  EXPECT_TRUE(arrives(53));
  EXPECT_FALSE(arrives(54));
  ASSERT_EQ(host_->report().warnings.size(), 1u);
  EXPECT_THAT(host_->report().warnings[0],
              HasSubstr("expression 'udp prot 54' does not compile any "
                        "more, and lets nothing pass: can't parse"));
  // It stands in nobody's way.
  add_rule(intent, "web", "udp dst port 55");
  ASSERT_EQ(host_->apply(intent), ok_status());
  EXPECT_TRUE(arrives(55));
  EXPECT_EQ(host_->report().warnings.size(), 1u);
  RuleIntent dead;
  dead.expression = "udp prot 54";
  intent.groups["web"].rules.erase(rule_id(dead));
  ASSERT_EQ(host_->apply(intent), ok_status());
  EXPECT_TRUE(host_->report().warnings.empty());
}

GuardIntent guard_rule(const std::string& key, GuardIntent::Action action,
                       const std::string& expression) {
  GuardIntent rule;
  rule.key = key;
  rule.action = action;
  rule.match.protocol = 17;
  rule.match.expression = expression;
  return rule;
}

TEST_F(HostExpressions, OfTheGuardListAreAskedAndRefusedByKey) {
  Intent intent = two_nics("udp");
  intent.guard["k"] = guard_rule("k", GuardIntent::Action::deny, "udp dst port 54");
  ASSERT_EQ(host_->apply(intent), ok_status());
  EXPECT_TRUE(arrives(53));
  EXPECT_FALSE(arrives(54));
  // A change beside it does not compile it again, and keeps it.
  intent.guard["l"] = guard_rule("l", GuardIntent::Action::deny, "udp dst port 55");
  ASSERT_EQ(host_->apply(intent), ok_status());
  EXPECT_FALSE(arrives(54));
  EXPECT_FALSE(arrives(55));
  intent.guard["l"].match.expression = "udp prot 54";
  EXPECT_THAT(std::string(host_->apply(intent).message()),
              HasSubstr("guard rule 'l': expression 'udp prot 54': can't parse"));
  EXPECT_FALSE(arrives(55));
}

TEST_F(HostExpressions, AGuardRuleWhoseOneDoesNotCompileAnyMoreErrsOnTheSafeSide) {
  Intent intent = two_nics("udp");
  intent.guard["k"] = guard_rule("k", GuardIntent::Action::allow, "udp prot 53");
  ASSERT_EQ(host_->restore(intent), ok_status());
  EXPECT_TRUE(arrives(53));  // by the group
  intent.groups["web"].rules = {};
  ASSERT_EQ(host_->apply(intent), ok_status());
  EXPECT_FALSE(arrives(53));
  intent = two_nics("udp");
  intent.guard["k"] = guard_rule("k", GuardIntent::Action::deny, "udp prot 54");
  host_ = make_host(compiler_);
  ASSERT_EQ(host_->restore(intent), ok_status());
  EXPECT_FALSE(arrives(53));
  ASSERT_EQ(host_->report().warnings.size(), 1u);
  EXPECT_THAT(host_->report().warnings[0],
              HasSubstr("guard rule 'k': expression 'udp prot 54' does not compile any more, and "
                        "lets nothing pass: can't parse"));
  intent.guard.erase("k");
  ASSERT_EQ(host_->apply(intent), ok_status());
  EXPECT_TRUE(host_->report().warnings.empty());
  EXPECT_TRUE(arrives(53));
}

TEST_F(HostExpressions, AHostWithoutACompilerRefusesThem) {
  host_ = make_host(nullptr);
  const Status status = host_->apply(two_nics("udp"));
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("has no compiler"));
  host_ = make_host(std::make_shared<ChildCompiler>("/nowhere"));
  EXPECT_TRUE(absl::IsFailedPrecondition(host_->apply(two_nics("udp"))));
}

// --- the same rule, typed and written as an expression ------------------------------------------

struct Pair {
  RuleIntent typed;
  RuleIntent written;
};

Pair random_pair(test::Random& random) {
  using test::pick;
  Pair pair;
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : " and ") + part; };
  constexpr std::pair<uint8_t, const char*> kProtocols[] = {{6, "tcp"}, {17, "udp"}};
  const auto& [protocol, word] = kProtocols[pick(random, 2)];
  pair.typed.family = RuleFamily::v4;
  add("ip");
  if (pick(random, 4) != 0) {
    pair.typed.protocol = protocol;
    add(word);
    if (pick(random, 2)) {
      const uint16_t first = static_cast<uint16_t>(50 + pick(random, 4));
      const uint16_t last = static_cast<uint16_t>(first + pick(random, 4));
      pair.typed.first_port = first;
      pair.typed.last_port = last;
      add("dst portrange " + std::to_string(first) + "-" + std::to_string(last));
    }
  } else if (pick(random, 2)) {
    pair.typed.protocol = 1;
    pair.typed.icmp_type = static_cast<uint8_t>(8 + 5 * pick(random, 2));
    add("icmp[0] = " + std::to_string(*pair.typed.icmp_type));
  }
  if (pick(random, 2)) {
    const std::string net = "10.0.0." + std::to_string(4 * pick(random, 3)) + "/30";
    pair.typed.peer_cidr = Cidr::parse(net);
    add("src net " + net);
  }
  pair.written.expression = text;
  return pair;
}

class TwinExpressions : public HostExpressions {
 protected:
  // Whether the packet reaches b, in a host of its own policy.
  static bool passes(Host& host, test::ScriptedPorts& ports, const std::string& packet) {
    ports.links.at("a")->feed(test::bytes_of(packet));
    host.run_round(1'000'000);
    return !ports.links.at("b")->take().empty();
  }
};

TEST_F(TwinExpressions, TypedAndWrittenRulesGiveTheSameVerdicts) {
  test::Random random(7);
  test::ScriptedPorts other_ports;
  HostOptions options;
  options.mode = IdleMode::manual;
  options.flow_capacity = 65536;
  options.expressions = compiler_;
  const auto other = std::move(*Host::create(std::move(options), test::pool(), other_ports));
  int passed = 0;
  uint16_t source_port = 1000;
  for (int i = 0; i < 60; ++i) {
    Intent typed = two_nics("");
    typed.nics["a"].antispoof = false;
    typed.groups["web"].rules = {};
    Intent written = typed;
    for (uint32_t j = 0; j <= test::pick(random, 3); ++j) {
      const Pair pair = random_pair(random);
      typed.groups["web"].rules.set(rule_id(pair.typed), pair.typed);
      written.groups["web"].rules.set(rule_id(pair.written), pair.written);
    }
    ASSERT_EQ(host_->apply(typed), ok_status());
    ASSERT_EQ(other->apply(written), ok_status());
    for (int j = 0; j < 30; ++j) {
      const std::string ports = "(sport=" + std::to_string(++source_port) +
                                ", dport=" + std::to_string(49 + test::pick(random, 9)) + ")";
      const std::string transports[] = {
          "tcp" + ports, "udp" + ports,
          "icmp(type=" + std::to_string(8 + 5 * test::pick(random, 2)) +
              ", id=" + std::to_string(source_port) + ")"};
      const std::string packet =
          "eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/ipv4(src=10.0.0." +
          std::to_string(3 + test::pick(random, 9)) + ", dst=10.0.0.2)/" +
          transports[test::pick(random, 3)];
      const bool wanted = passes(*host_, ports_, packet);
      passed += wanted;
      ASSERT_EQ(passes(*other, other_ports, packet), wanted) << packet << " round " << i;
    }
  }
  EXPECT_GT(passed, 200);
  EXPECT_LT(passed, 1'600);
}

}  // namespace
}  // namespace butterfly
