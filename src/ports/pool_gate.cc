// SPDX-License-Identifier: Apache-2.0
#include "ports/pool_gate.h"

#include <rte_errno.h>

#include <cerrno>
#include <utility>

namespace butterfly {
namespace {

// An empty pool whose operations lead to another one.
rte_mempool* gate = nullptr;
// Where they lead for this thread's next request; null: nowhere.
thread_local rte_mempool* behind = nullptr;

int refuse_alloc(rte_mempool*) { return -ENOTSUP; }
// Packets know the pool that they came from, so none is ever given back here.
int refuse_enqueue(rte_mempool*, void* const*, unsigned) { return -ENOTSUP; }
int take(rte_mempool*, void** objects, unsigned count) {
  rte_mempool* pool = std::exchange(behind, nullptr);
  return pool ? rte_mempool_get_bulk(pool, objects, count) : -ENOBUFS;
}
unsigned count_none(const rte_mempool*) { return 0; }

rte_mempool_ops make_ops() {
  rte_mempool_ops ops{};
  std::strncpy(ops.name, "butterfly_gate", sizeof ops.name - 1);
  ops.alloc = refuse_alloc;
  ops.enqueue = refuse_enqueue;
  ops.dequeue = take;
  ops.get_count = count_none;
  return ops;
}

Status make_gate() {
  const rte_mempool_ops ops = make_ops();
  rte_mempool* pool = nullptr;
  if (rte_mempool_register_ops(&ops) >= 0) {
    pool = rte_mempool_create_empty("gate", 1, sizeof(rte_mbuf), 0,
                                    sizeof(rte_pktmbuf_pool_private), SOCKET_ID_ANY, 0);
  }
  if (!pool || rte_mempool_set_ops_byname(pool, ops.name, nullptr) != 0) {
    return exhausted(std::string("vhost-user: no gate for its buffers: ") +
                     rte_strerror(rte_errno));
  }
  gate = pool;
  return ok_status();
}

}  // namespace

Status PoolGate::make() {
  static const Status status = make_gate();
  return status;
}

rte_mempool* PoolGate::open_once(const PacketPool& pool) noexcept {
  behind = pool.raw();
  return gate;
}

}  // namespace butterfly
