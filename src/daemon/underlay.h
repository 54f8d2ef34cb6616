// SPDX-License-Identifier: Apache-2.0
// Our tunnel endpoint, from what the configuration and the device say of the underlay.
#pragma once

#include <string>
#include <vector>

#include "base/mac.h"
#include "base/status.h"
#include "daemon/config.h"
#include "tables/peer_table.h"

namespace butterfly {

// `mtu`: of the underlay, bytes of IP packet. failed_precondition when it leaves guests less than
// IPv6 needs.
StatusOr<Vtep> make_vtep(const UplinkConfig& config, const Mac& mac, uint16_t mtu);

// invalid_argument: keys that do not go together.
Status check_together(const UplinkConfig& config);

// All devices that are the uplink, the first one first.
std::vector<std::string> devices_of(const UplinkConfig& config);

// A warning, when guests cannot have the MTU that they expect; else empty.
std::string small_underlay(const UplinkConfig& config, const Vtep& vtep);

}  // namespace butterfly
