// SPDX-License-Identifier: Apache-2.0
// How the command ends; scripts rely on these numbers.
#pragma once

#include "base/status.h"

namespace butterfly {

enum ExitCode : int {
  kDone = 0,
  kRefused = 1,       // the daemon said no, or what was asked for does not hold
  kUsage = 2,         // the command line, or a file that it names, makes no sense
  kNotReachable = 3,  // no daemon answered (in time)
  kWouldChange = 4,   // plan: there is something to do
};

inline ExitCode exit_code_of(const Status& status) {
  if (status.ok()) return kDone;
  const bool silent = absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
  return silent ? kNotReachable : kRefused;
}

}  // namespace butterfly
