// SPDX-License-Identifier: Apache-2.0
// EAL, packet buffers and large tables for benches: no root, no hugepages.
#pragma once

#include <cstddef>

#include "graph/packet_pool.h"

namespace butterfly::bench {

// The pool of this process, made at first use together with EAL. It keeps an lcore's cache, as a
// port's pool does: the buffers freed last are filled first, and a burst's buffers stay near.
PacketPool& packet_pool();

// The socket id of a new heap of DPDK's, of at least so many bytes in huge pages where the kernel
// gives them. Starts EAL; the memory is kept until the process ends. REQUIRES: a name of its own.
int huge_heap(const char* name, size_t bytes);

}  // namespace butterfly::bench
