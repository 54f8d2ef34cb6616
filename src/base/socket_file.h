// SPDX-License-Identifier: Apache-2.0
// The file of a unix socket that we listen at: whether its path is free, its mode and group.
// `what` begins the messages: "API socket '/run/x.sock'".
#pragma once

#include <cstddef>
#include <string>

#include "base/status.h"

namespace butterfly {

// The longest path a unix socket may have (sockaddr_un, without the final NUL).
inline constexpr size_t kMaxSocketPath = 107;

// Whether somebody accepts connections at `path`. REQUIRES: path.size() <= kMaxSocketPath.
bool is_socket_served(const std::string& path);

// Removes a socket file at which nobody listens. failed_precondition when somebody does, or when
// something else is there. REQUIRES: no other process makes a socket there at the same time;
// path.size() <= kMaxSocketPath.
Status clear_socket_path(const std::string& what, const std::string& path);

// An empty `group` leaves the group as it is.
Status set_socket_rights(const std::string& what, const std::string& path, unsigned mode,
                         const std::string& group);

}  // namespace butterfly
