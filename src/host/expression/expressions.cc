// SPDX-License-Identifier: Apache-2.0
#include "host/expression/expressions.h"

#include "host/expression/program.h"

namespace butterfly {
namespace {

using Rules = decltype(GroupIntent::rules);

// `visit` gets the group's name and pointers to the rule's entry before and after, or null.
template <typename Visit>
void for_each_changed_rule(const Difference& change, const Visit& visit) {
  static const Rules none;
  for (const auto& group : change.groups) {
    Rules::for_each_difference(
        group.before ? group.before->second.rules : none,
        group.after ? group.after->second.rules : none,
        [&](const auto* before, const auto* after) { visit(group.key(), before, after); });
  }
}

// "group 'web': rule 0123…: expression 'tcp prot'", the text cut to fit a line.
std::string what(const std::string& group, const std::string& id, const std::string& text) {
  constexpr size_t kMaxShown = 80;
  const std::string shown = text.size() <= kMaxShown ? text : text.substr(0, kMaxShown) + "…";
  return "group '" + group + "': rule " + id + ": expression '" + shown + "'";
}

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
  for_each_changed_rule(change, [&](const std::string& group, const auto*, const auto* rule) {
    if (!fault.ok() || !rule || rule->second.expression.empty()) return;
    const std::string& text = rule->second.expression;
    if (expressions.contains(text)) return;
    auto expression = compile(text, compiler);
    if (expression.ok()) {
      expressions[text] = *expression;
    } else if (is_restored) {
      expressions[text] = make_dead_expression(text, std::string(expression.status().message()));
    } else {
      fault = Status(expression.status().code(), what(group, rule->first, text) + ": " +
                                                     std::string(expression.status().message()));
    }
  });
  if (!fault.ok()) return fault;
  return expressions;
}

void note_dead_expressions(const Difference& change, const Expressions& expressions,
                           std::map<std::string, std::string>& warnings) {
  if (warnings.empty() && expressions.empty()) return;
  for_each_changed_rule(
      change, [&](const std::string& group, const auto* before, const auto* after) {
        if (before) warnings.erase(group + "/" + before->first);
        if (!after || after->second.expression.empty()) return;
        const std::string& text = after->second.expression;
        const auto expression = expressions.find(text);
        if (expression == expressions.end() || expression->second->fault().empty()) return;
        warnings[group + "/" + after->first] =
            what(group, after->first, text) +
            " does not compile any more, and lets nothing pass: " + expression->second->fault();
      });
}

}  // namespace butterfly
