// SPDX-License-Identifier: Apache-2.0
#include "host/expression/expressions.h"

#include "host/expression/program.h"

namespace butterfly {
namespace {

// A rule of a group, or of the guard list, which is in no group.
struct ChangedRule {
  const std::string& group;
  const std::string& id;
  const RuleIntent* before;  // null: it comes
  const RuleIntent* after;   // null: it goes
};

template <typename Map, typename Visit>
void for_each_changed_rule(const std::string& group, const Map& before, const Map& after,
                           const Visit& visit) {
  Map::for_each_difference(before, after, [&](const auto* old_rule, const auto* rule) {
    visit(ChangedRule{group, rule ? rule->first : old_rule->first,
                      old_rule ? &old_rule->second : nullptr, rule ? &rule->second : nullptr});
  });
}

template <typename Visit>
void for_each_changed_rule(const Difference& change, const Visit& visit) {
  static const decltype(GroupIntent::rules) none;
  static const std::string no_group;
  for (const auto& group : change.groups) {
    for_each_changed_rule(group.key(), group.before ? group.before->second.rules : none,
                          group.after ? group.after->second.rules : none, visit);
  }
  for (const auto& rule : change.guard) {
    visit(ChangedRule{no_group, rule.key(), rule.before ? &rule.before->second.match : nullptr,
                      rule.after ? &rule.after->second.match : nullptr});
  }
}

// "group 'web': rule 0123…: expression 'tcp prot'", the text cut to fit a line.
std::string what(const ChangedRule& rule, const std::string& text) {
  constexpr size_t kMaxShown = 80;
  const std::string shown = text.size() <= kMaxShown ? text : text.substr(0, kMaxShown) + "…";
  const std::string owner = rule.group.empty() ? "guard rule '" + rule.id + "'"
                                               : "group '" + rule.group + "': rule " + rule.id;
  return owner + ": expression '" + shown + "'";
}

// Where libpcap says only what is wrong.
constexpr const char* kWanted = " (wanted an expression as pcap-filter(7) has them)";

StatusOr<std::shared_ptr<const Expression>> compile(const std::string& text,
                                                    ExpressionCompiler* compiler) {
  if (compiler) return compiler->compile(text);
  return precondition("this host has no compiler for it (wanted a rule without expression)");
}

}  // namespace

StatusOr<Expressions> compile_expressions(const Difference& change, ExpressionCompiler* compiler,
                                          bool is_restored) {
  Expressions expressions;
  Status fault = ok_status();
  for_each_changed_rule(change, [&](const ChangedRule& rule) {
    if (!fault.ok() || !rule.after || rule.after->expression.empty()) return;
    const std::string& text = rule.after->expression;
    if (expressions.contains(text)) return;
    auto expression = compile(text, compiler);
    if (expression.ok()) {
      expressions[text] = *expression;
    } else if (is_restored) {
      expressions[text] = make_dead_expression(text, std::string(expression.status().message()));
    } else {
      std::string reason(expression.status().message());
      if (reason.find(" (wanted ") == std::string::npos) reason += kWanted;
      fault = Status(expression.status().code(), what(rule, text) + ": " + reason);
    }
  });
  if (!fault.ok()) return fault;
  return expressions;
}

void note_dead_expressions(const Difference& change, const Expressions& expressions,
                           std::map<std::string, std::string>& warnings) {
  if (warnings.empty() && expressions.empty()) return;
  for_each_changed_rule(change, [&](const ChangedRule& rule) {
    const std::string place = rule.group + "/" + rule.id;
    if (rule.before) warnings.erase(place);
    if (!rule.after || rule.after->expression.empty()) return;
    const std::string& text = rule.after->expression;
    const auto expression = expressions.find(text);
    if (expression == expressions.end() || expression->second->fault().empty()) return;
    warnings[place] = what(rule, text) + " does not compile any more, and lets nothing pass: " +
                      expression->second->fault();
  });
}

}  // namespace butterfly
