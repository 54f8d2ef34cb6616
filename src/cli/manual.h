// SPDX-License-Identifier: Apache-2.0
// What the tree of commands says of itself: to the shell, and as a manual page.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

namespace butterfly {

// Names that a daemon knows; empty when none answers.
struct KnownNames {
  using List = std::function<std::vector<std::string>()>;
  List nics;
  List groups;
};

// As the daemon tells them to which `words` speak: --api, BUTTERFLY_API, or the usual one.
KnownNames names_of_daemon(const std::vector<std::string>& words);

// What may stand at the place of the last of `words`, one a line: commands, options, the values
// that an option takes, names of nics and groups. `words` are those behind the program's name, the
// last may be incomplete or empty.
std::string completions(const CLI::App& app, const std::vector<std::string>& words,
                        const KnownNames& names);

// butterfly(1) in man(7).
std::string manual_page(const CLI::App& app);

}  // namespace butterfly
