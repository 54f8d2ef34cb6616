// SPDX-License-Identifier: Apache-2.0
#include "daemon/service_user.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>

namespace butterfly {

Status become(const std::string& user) {
  const passwd* entry = getpwnam(user.c_str());
  if (entry == nullptr) {
    return not_found("user '" + user + "' does not exist (wanted: a user of this system)");
  }
  if (initgroups(user.c_str(), entry->pw_gid) != 0 ||
      setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) != 0 ||
      setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) != 0) {
    return absl::PermissionDeniedError("user '" + user + "': cannot be taken on: " +
                                       std::strerror(errno) + " (wanted: to be run as root)");
  }
  return ok_status();
}

Surroundings surroundings_of_service() {
  Surroundings surroundings;
  surroundings.capabilities = uint64_t{1} << CAP_NET_ADMIN | uint64_t{1} << CAP_NET_RAW;
  surroundings.lockable_bytes = std::numeric_limits<uint64_t>::max();
  return surroundings;
}

}  // namespace butterfly
