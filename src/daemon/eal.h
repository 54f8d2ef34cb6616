// SPDX-License-Identifier: Apache-2.0
// Starts DPDK's environment layer for the daemon.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "daemon/config.h"

namespace butterfly {

// What there is of hugepages, before EAL takes any.
struct HugepageFacts {
  bool is_enough = false;
  std::string text;    // "256 MB wanted, 0 MB of 2 MiB pages free"
  std::string remedy;  // a command
  // To be taken: what the configuration says, or what is computed, but no more than there are
  // hugepages for, and at least 256 (daemon/memory_plan.h).
  uint32_t memory_mb = 0;
};
HugepageFacts look_at_hugepages(const Config& config, const std::string& sysfs = "/sys");

struct EalResult {
  bool hugepages = false;
  uint32_t memory_mb = 0;
  std::vector<std::string> warnings;
};

// Once a process. Neither files nor locks are shared, so several daemons may run on one machine.
// resource_exhausted with the remedy when the memory cannot be had.
StatusOr<EalResult> start_eal(const Config& config);

}  // namespace butterfly
