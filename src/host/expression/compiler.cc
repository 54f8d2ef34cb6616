// SPDX-License-Identifier: Apache-2.0
#include "host/expression/compiler.h"

#include "host/expression/child.h"
#include "host/expression/program.h"

namespace butterfly {

StatusOr<std::shared_ptr<const Expression>> ChildCompiler::compile(const std::string& text) {
  const std::lock_guard lock(mutex_);
  if (auto known = find(text)) return known;
  std::erase_if(known_, [](const auto& entry) { return entry.second.expired(); });
  if (known_.size() >= kMaxExpressions) {
    recent_.clear();
    std::erase_if(known_, [](const auto& entry) { return entry.second.expired(); });
  }
  if (known_.size() >= kMaxExpressions) {
    return exhausted("the host has " + std::to_string(known_.size()) +
                     " different expressions (wanted at most " + std::to_string(kMaxExpressions) +
                     ")");
  }
  ++compiled_;
  auto program = compile_in_child(program_, text);
  if (!program.ok()) return program.status();
  auto expression = load_expression(text, *program);
  if (!expression.ok()) return expression.status();
  known_[text] = *expression;
  recent_.push_back(*expression);
  if (recent_.size() > kRecent) recent_.pop_front();
  return *expression;
}

std::shared_ptr<const Expression> ChildCompiler::find(const std::string& text) const {
  const auto it = known_.find(text);
  return it == known_.end() ? nullptr : it->second.lock();
}

uint64_t ChildCompiler::compiled() const {
  const std::lock_guard lock(mutex_);
  return compiled_;
}

}  // namespace butterfly
