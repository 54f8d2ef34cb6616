// SPDX-License-Identifier: Apache-2.0
// Bounds what librte_vhost takes from a pool while it reads a guest's ring.
#pragma once

#include <rte_mempool.h>

#include "base/status.h"
#include "graph/packet_pool.h"

namespace butterfly {

// librte_vhost copies whatever length a descriptor chain has, adding buffer after buffer until the
// pool is empty: one guest could stop everybody, and keep an lcore copying for seconds. Its own
// limit (linear buffers) takes a chain of 4 GiB and a bit for a short one, and excludes TCP
// segmentation. Behind the gate it gets the buffers that it asks for first, one a frame, and no
// more: a frame that does not fit its buffer is dropped, with no more than a buffer's worth copied.
//
// A pool behind a gate should have a cache for each lcore: the library may still write the start of
// a frame that it has dropped, and in the lcore's cache the buffer is nobody else's yet.
class PoolGate {
 public:
  // Makes the gate of this process, once; later calls do nothing. Control side.
  static Status make();
  // What to give to rte_vhost_dequeue_burst(), for one call by this thread. The packets are of
  // `pool` and go back there. REQUIRES: make() was ok.
  static rte_mempool* open_once(const PacketPool& pool) noexcept;
};

}  // namespace butterfly
