// SPDX-License-Identifier: Apache-2.0
// Nic and subnets → what its guest is answered.
#pragma once

#include <memory>

#include "host/intent/intent.h"
#include "tables/guest_service.h"
#include "tables/peer_table.h"

namespace butterfly {

// Null for a nic that names no subnet. REQUIRES: a valid intent.
std::shared_ptr<const GuestService> compile_service(const NicIntent& nic, const Intent& intent,
                                                    const Vtep& vtep);

}  // namespace butterfly
