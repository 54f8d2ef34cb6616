// SPDX-License-Identifier: Apache-2.0
// The file of a unix socket (unix(7)).
#include "control/socket_file.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace butterfly {
namespace {

constexpr size_t kMaxPath = sizeof(sockaddr_un::sun_path) - 1;

// Whether somebody accepts connections at `path`.
bool is_served(const std::string& path) {
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

Status fail(const std::string& path, const std::string& fact) {
  return precondition("API socket '" + path + "': " + fact);
}

}  // namespace

StatusOr<std::string> socket_path_of(const std::string& address) {
  constexpr std::string_view kScheme = "unix:";
  if (!address.starts_with(kScheme) || address.size() <= kScheme.size() ||
      address[kScheme.size()] != '/') {
    return invalid("API address '" + address + "': not a unix socket (wanted unix:/PATH)");
  }
  std::string path = address.substr(kScheme.size());
  if (path.size() > kMaxPath) {
    return invalid("API address '" + address + "': path has " + std::to_string(path.size()) +
                   " bytes (wanted at most " + std::to_string(kMaxPath) + ")");
  }
  return path;
}

Status clear_socket_path(const std::string& path) {
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return ok_status();
    return fail(path, std::string("cannot be looked at: ") + std::strerror(errno));
  }
  if (!S_ISSOCK(info.st_mode)) return fail(path, "something else is there (wanted a free path)");
  if (is_served(path)) return fail(path, "somebody else listens there (wanted a free path)");
  if (unlink(path.c_str()) == 0) return ok_status();
  return fail(path, std::string("cannot be removed: ") + std::strerror(errno));
}

Status set_socket_rights(const std::string& path, unsigned mode, const std::string& group) {
  if (!group.empty()) {
    const struct group* entry = getgrnam(group.c_str());
    if (entry == nullptr) {
      return fail(path, "group '" + group + "' does not exist (wanted a group of this system)");
    }
    if (chown(path.c_str(), static_cast<uid_t>(-1), entry->gr_gid) != 0) {
      return fail(path, "cannot be given to group '" + group + "': " + std::strerror(errno));
    }
  }
  if (chmod(path.c_str(), static_cast<mode_t>(mode)) != 0) {
    return fail(path, std::string("mode cannot be set: ") + std::strerror(errno));
  }
  return ok_status();
}

}  // namespace butterfly
