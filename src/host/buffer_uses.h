// SPDX-License-Identifier: Apache-2.0
// How many ordinary packet buffers can be held at the same time, and by what: so many the pool
// should have, and so the memory is computed when nobody has set it. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "host/reports.h"

namespace butterfly {

struct BufferShape {
  uint16_t lcores = 1;
  uint32_t nics = 0;
  uint32_t cache = 0;          // of the pool, for each lcore
  uint32_t receive_slots = 0;  // of the uplink's rings, all queues; both 0: none hold buffers
  uint32_t transmit_slots = 0;
};

// Bounds, each by itself; what cannot hold any is left out. Guests' rings hold none: librte_vhost
// copies. A burst to be flooded is copied for every nic of its segment, which is the nics' part.
std::vector<BufferUse> buffer_uses(const BufferShape& shape);
uint64_t sum_of(std::span<const BufferUse> uses);

}  // namespace butterfly
