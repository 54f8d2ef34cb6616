// SPDX-License-Identifier: Apache-2.0
// The file of a unix socket: its path, whether it is free, its mode and group.
#pragma once

#include <string>

#include "base/status.h"

namespace butterfly {

// The path in "unix:/PATH".
StatusOr<std::string> socket_path_of(const std::string& address);

// Removes a socket file at which nobody listens. failed_precondition when somebody does, or when
// something else is there. REQUIRES: the caller holds the lock of the path.
Status clear_socket_path(const std::string& path);

// An empty `group` leaves the group as it is.
Status set_socket_rights(const std::string& path, unsigned mode, const std::string& group);

}  // namespace butterfly
