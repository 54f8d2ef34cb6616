// SPDX-License-Identifier: Apache-2.0
// The unix socket in an address of the API.
#pragma once

#include <string>

#include "base/status.h"

namespace butterfly {

// The path in "unix:/PATH".
StatusOr<std::string> socket_path_of(const std::string& address);

}  // namespace butterfly
