// SPDX-License-Identifier: Apache-2.0
// Starts DPDK's environment layer for the daemon.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "daemon/config.h"

namespace butterfly {

struct EalResult {
  bool hugepages = false;
  std::vector<std::string> warnings;
};

// Once a process. Neither files nor locks are shared, so several daemons may run on one machine.
// resource_exhausted with the remedy when the memory cannot be had.
StatusOr<EalResult> start_eal(const DataplaneConfig& config);

}  // namespace butterfly
