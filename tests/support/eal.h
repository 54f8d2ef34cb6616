// SPDX-License-Identifier: Apache-2.0
// EAL for tests and benches: no root, no hugepages, no files, no PCI.
#pragma once

#include "graph/packet_pool.h"

namespace butterfly::test {

// Starts EAL once in this process; later calls do nothing. Aborts with a message on failure.
void start_eal();
// A pool for the whole process, made at first use.
PacketPool& pool();
// The same of large buffers, for super-frames.
PacketPool& large_pool();

}  // namespace butterfly::test
