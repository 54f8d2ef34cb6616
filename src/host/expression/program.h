// SPDX-License-Identifier: Apache-2.0
// From a compiler's answer to something that lcores run.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "host/expression/classic_program.h"
#include "tables/expression.h"

namespace butterfly {

// Checks the program; it is interpreted (decision record 0016 says why). invalid_argument as
// check_program().
StatusOr<std::shared_ptr<const Expression>> load_expression(
    const std::string& text, std::vector<ClassicInstruction> program);

// One that matches nothing, because of `fault`.
std::shared_ptr<const Expression> make_dead_expression(const std::string& text,
                                                       const std::string& fault);

}  // namespace butterfly
