// SPDX-License-Identifier: Apache-2.0
// A lock that ends with its holder.
#include "control/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

namespace butterfly {
namespace {

// "by process 123": the holder writes its number into the file; empty if it has not yet.
std::string holder(int fd) {
  char text[24] = {};
  if (pread(fd, text, sizeof text - 1, 0) <= 0) return "";
  return " by process " + std::string(text, strcspn(text, "\n"));
}

}  // namespace

StatusOr<FileLock> FileLock::take(const std::string& what, const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return precondition(what + ": cannot open its lock '" + path + "': " + std::strerror(errno) +
                        " (wanted a directory that exists and may be written)");
  }
  FileLock lock(fd);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    return precondition(what + ": in use" + holder(fd) +
                        " (wanted one of its own for every "
                        "butterflyd)");
  }
  const std::string number = std::to_string(getpid()) + "\n";
  // Only for the message above: the lock holds without it.
  if (ftruncate(fd, 0) != 0 || pwrite(fd, number.data(), number.size(), 0) < 0) return lock;
  return lock;
}

std::optional<std::string> FileLock::holder_of(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  const FileLock lock(fd);
  if (flock(fd, LOCK_SH | LOCK_NB) == 0) return std::nullopt;
  const std::string by = holder(fd);
  return by.empty() ? "another process" : by.substr(std::string_view(" by ").size());
}

FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileLock::~FileLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace butterfly
