// SPDX-License-Identifier: Apache-2.0
#include "daemon/expression_program.h"

#include <filesystem>

namespace butterfly {

std::string expression_program() {
  constexpr const char* kName = "butterfly-expression-compiler";
  std::error_code error;
  const auto directory = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  const auto beside = directory / kName;
  if (std::filesystem::exists(beside, error)) return beside.string();
  return (directory.parent_path() / "libexec" / "butterfly" / kName).string();
}

}  // namespace butterfly
