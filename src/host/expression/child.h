// SPDX-License-Identifier: Apache-2.0
// Runs butterfly-expression-compiler.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/classic_bpf.h"
#include "base/status.h"

namespace butterfly {

// Its limits of CPU time and memory are base/classic_bpf.h's; this is for a machine that gives it
// no CPU.
inline constexpr std::chrono::milliseconds kExpressionPatience{5'000};

// The program as it came: not checked (program.h does). Waits for the child's end and leaves
// neither child nor descriptor behind. Status codes as ExpressionCompiler::compile().
StatusOr<std::vector<ClassicInstruction>> compile_in_child(
    const std::string& compiler, const std::string& text,
    std::chrono::milliseconds patience = kExpressionPatience);

}  // namespace butterfly
