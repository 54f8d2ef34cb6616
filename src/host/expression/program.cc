// SPDX-License-Identifier: Apache-2.0
#include "host/expression/program.h"

namespace butterfly {
namespace {

class InterpretedExpression : public Expression {
 public:
  InterpretedExpression(const std::string& text, std::vector<ClassicInstruction> program)
      : Expression(text), program_(std::move(program)) {}
  bool matches(std::span<const uint8_t> packet) const noexcept override {
    return run_program(program_, packet);
  }

 private:
  std::vector<ClassicInstruction> program_;
};

class DeadExpression : public Expression {
 public:
  using Expression::Expression;
  bool matches(std::span<const uint8_t>) const noexcept override { return false; }
};

}  // namespace

StatusOr<std::shared_ptr<const Expression>> load_expression(
    const std::string& text, std::vector<ClassicInstruction> program) {
  RETURN_IF_ERROR(check_program(program));
  return std::make_shared<InterpretedExpression>(text, std::move(program));
}

std::shared_ptr<const Expression> make_dead_expression(const std::string& text,
                                                       const std::string& fault) {
  return std::make_shared<DeadExpression>(text, fault);
}

}  // namespace butterfly
