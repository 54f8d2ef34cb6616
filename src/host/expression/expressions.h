// SPDX-License-Identifier: Apache-2.0
// The expressions of an intent's rules.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/status.h"
#include "host/expression/compiler.h"
#include "host/intent/difference.h"

namespace butterfly {

// By text.
using Expressions = std::map<std::string, std::shared_ptr<const Expression>>;

// Those of the rules that come with the change, each compiled once. The first fault found, as
// "group 'web': rule 0123…: …" or "guard rule 'x': …"; with `is_restored` what does not compile
// matches nothing instead. `compiler` may be null: a host without one refuses every expression.
StatusOr<Expressions> compile_expressions(const Difference& change, ExpressionCompiler* compiler,
                                          bool is_restored);

// What is wrong with rules whose expressions match nothing, by group and rule id (of the guard
// list: no group, and key): brings `warnings` up to date with the change.
void note_dead_expressions(const Difference& change, const Expressions& expressions,
                           std::map<std::string, std::string>& warnings);

}  // namespace butterfly
