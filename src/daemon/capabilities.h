// SPDX-License-Identifier: Apache-2.0
// What the daemon needs of capabilities(7) when it does not run as root.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "daemon/config.h"

namespace butterfly {

// Bits of the capabilities that this process may use, as in linux/capability.h.
uint64_t effective_capabilities();

// One line for each that the start needs and `effective` has not:
//   uplink 'eth1': CAP_NET_RAW is missing (wanted: …)
std::vector<std::string> missing_capabilities(const Config& config, uint64_t effective);

// As nics of type tap need; empty when it is there.
std::string missing_for_taps(uint64_t effective);

// permission_denied with the first that is missing.
Status check_capabilities(const Config& config, uint64_t effective);

}  // namespace butterfly
