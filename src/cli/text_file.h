// SPDX-License-Identifier: Apache-2.0
// Files that the command line names.
#pragma once

#include <string>

#include "base/status.h"

namespace butterfly {

// All of it; "-" is standard input.
StatusOr<std::string> read_text(const std::string& name);

}  // namespace butterfly
