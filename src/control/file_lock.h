// SPDX-License-Identifier: Apache-2.0
// A lock that ends with its holder: flock(2) on a file beside what it guards.
#pragma once

#include <optional>
#include <string>

#include "base/status.h"

namespace butterfly {

// The file stays behind on purpose: removing it would let two holders lock two files of one name.
class FileLock {
 public:
  // Takes `path` or fails at once: failed_precondition when another holds it. `what` begins the
  // message: "state file '/var/lib/butterfly/state.db'".
  static StatusOr<FileLock> take(const std::string& what, const std::string& path);

  // "process 123" when somebody holds `path`, "another process" when that has not said who it is.
  // Makes nothing.
  static std::optional<std::string> holder_of(const std::string& path);

  FileLock() = default;
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace butterfly
