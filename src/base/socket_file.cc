// SPDX-License-Identifier: Apache-2.0
#include "base/socket_file.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace butterfly {

static_assert(kMaxSocketPath == sizeof(sockaddr_un::sun_path) - 1);

bool is_socket_served(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int result = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  // EAGAIN: a listener whose backlog is full is a listener.
  const bool served = result == 0 || errno == EAGAIN;
  close(fd);
  return served;
}

Status clear_socket_path(const std::string& what, const std::string& path) {
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return ok_status();
    return precondition(what + ": cannot be looked at: " + std::strerror(errno));
  }
  if (!S_ISSOCK(info.st_mode)) {
    return precondition(what + ": something else is there (wanted a free path)");
  }
  if (is_socket_served(path)) {
    return precondition(what + ": somebody else listens there (wanted a free path)");
  }
  if (unlink(path.c_str()) == 0) return ok_status();
  return precondition(what + ": cannot be removed: " + std::strerror(errno));
}

Status set_socket_rights(const std::string& what, const std::string& path, unsigned mode,
                         const std::string& group) {
  if (!group.empty()) {
    const struct group* entry = getgrnam(group.c_str());
    if (entry == nullptr) {
      return precondition(what + ": group '" + group +
                          "' does not exist (wanted a group of this system)");
    }
    if (chown(path.c_str(), static_cast<uid_t>(-1), entry->gr_gid) != 0) {
      return precondition(what + ": cannot be given to group '" + group + "': " +
                          std::strerror(errno) + " (wanted: the daemon's user in that group)");
    }
  }
  if (chmod(path.c_str(), static_cast<mode_t>(mode)) != 0) {
    return precondition(what + ": mode cannot be set: " + std::strerror(errno));
  }
  return ok_status();
}

}  // namespace butterfly
