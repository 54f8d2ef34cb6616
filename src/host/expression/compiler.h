// SPDX-License-Identifier: Apache-2.0
// Expressions from text, each compiled once (decision record 0016).
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/status.h"
#include "tables/expression.h"

namespace butterfly {

// Any thread.
class ExpressionCompiler {
 public:
  virtual ~ExpressionCompiler() = default;
  // invalid_argument: not an expression, or one that costs too much; in libpcap's words.
  // resource_exhausted, failed_precondition: it may be one, but cannot be compiled now.
  virtual StatusOr<std::shared_ptr<const Expression>> compile(const std::string& text) = 0;
};

// Compiles in a child process, one at a time, and remembers what is in use and the last few
// besides, so that a rule that is planned, applied, taken back or put into other groups is compiled
// once.
class ChildCompiler : public ExpressionCompiler {
 public:
  // `program`: path of butterfly-expression-compiler.
  explicit ChildCompiler(std::string program) : program_(std::move(program)) {}

  StatusOr<std::shared_ptr<const Expression>> compile(const std::string& text) override;
  // How many children there have been.
  uint64_t compiled() const;

  // Different expressions that are in use at a time; more are resource_exhausted.
  static constexpr size_t kMaxExpressions = 1'000;

 private:
  static constexpr size_t kRecent = 64;
  std::shared_ptr<const Expression> find(const std::string& text) const;

  const std::string program_;
  mutable std::mutex mutex_;  // guards what follows, and that there is one child at a time
  std::map<std::string, std::weak_ptr<const Expression>> known_;
  std::deque<std::shared_ptr<const Expression>> recent_;
  uint64_t compiled_ = 0;
};

}  // namespace butterfly
