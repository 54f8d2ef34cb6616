// SPDX-License-Identifier: Apache-2.0
// What the tree of commands says of itself: to the shell, and as a manual page.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace butterfly {

// What may stand at the place of the last of `words`, one a line: commands, options, the values
// that an option takes. `words` are those behind the program's name, the last may be incomplete or
// empty.
std::string completions(const CLI::App& app, const std::vector<std::string>& words);

// butterfly(1) in man(7).
std::string manual_page(const CLI::App& app);

}  // namespace butterfly
