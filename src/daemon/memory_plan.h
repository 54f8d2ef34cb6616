// SPDX-License-Identifier: Apache-2.0
// How the daemon's memory is divided, and how much of it there is when the configuration does not
// say.
#pragma once

#include <cstdint>

namespace butterfly {

inline constexpr uint32_t kPoolCache = 256;  // buffers, for each lcore
// Super-frames live for a round: an lcore's cache would only hoard them.
inline constexpr uint32_t kLargePoolCache = 0;

inline constexpr uint32_t kLeastMemoryMb = 256;  // when nobody says otherwise

// What a host of so many lcores can hold in buffers with 128 nics and full rings of so many
// uplinks; in MiB, at least 256 and at most 4,096.
uint32_t computed_memory_mb(uint16_t lcores, uint16_t uplinks);

// Buffers that a memory of so many MiB has room for.
uint32_t ordinary_buffers(uint32_t memory_mb);
uint32_t large_buffers(uint32_t memory_mb);
// The MiB that so many ordinary buffers want.
uint32_t memory_mb_for(uint64_t ordinary);

}  // namespace butterfly
