// SPDX-License-Identifier: Apache-2.0
// Where the daemon's helper process is, which compiles the expressions of rules.
#pragma once

#include <string>

namespace butterfly {

// Beside the daemon where it was built, in ../libexec/butterfly where it is installed. The path of
// the second when neither is there.
std::string expression_program();

}  // namespace butterfly
