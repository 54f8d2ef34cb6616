// SPDX-License-Identifier: Apache-2.0
#include "control/socket_file.h"

#include <string_view>

#include "base/socket_file.h"

namespace butterfly {

StatusOr<std::string> socket_path_of(const std::string& address) {
  constexpr std::string_view kScheme = "unix:";
  if (!address.starts_with(kScheme) || address.size() <= kScheme.size() ||
      address[kScheme.size()] != '/') {
    return invalid("API address '" + address + "': not a unix socket (wanted unix:/PATH)");
  }
  std::string path = address.substr(kScheme.size());
  if (path.size() > kMaxSocketPath) {
    return invalid("API address '" + address + "': path has " + std::to_string(path.size()) +
                   " bytes (wanted at most " + std::to_string(kMaxSocketPath) + ")");
  }
  return path;
}

}  // namespace butterfly
