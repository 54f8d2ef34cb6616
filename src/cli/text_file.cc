// SPDX-License-Identifier: Apache-2.0
#include "cli/text_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>

namespace butterfly {

StatusOr<std::string> read_text(const std::string& name) {
  std::ostringstream text;
  if (name == "-") {
    text << std::cin.rdbuf();
    return text.str();
  }
  std::ifstream file(name);
  if (!file) return not_found("file '" + name + "': " + std::strerror(errno));
  // An empty file sets failbit on `text`; reading itself failed only when badbit is set.
  text << file.rdbuf();
  if (file.bad()) return not_found("file '" + name + "': " + std::strerror(errno));
  return text.str();
}

}  // namespace butterfly
