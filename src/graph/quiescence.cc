// SPDX-License-Identifier: Apache-2.0
#include "graph/quiescence.h"

#include <cstdlib>
#include <ctime>

namespace butterfly {

void Quiescence::Free::operator()(void* memory) const noexcept { std::free(memory); }

StatusOr<std::unique_ptr<Quiescence>> Quiescence::create(uint16_t lcores) {
  const size_t size = (rte_rcu_qsbr_get_memsize(lcores) + 63) & ~size_t{63};
  void* memory = std::aligned_alloc(64, size);
  if (!memory || rte_rcu_qsbr_init(static_cast<rte_rcu_qsbr*>(memory), lcores) != 0) {
    std::free(memory);
    return exhausted("quiescence: no memory for " + std::to_string(lcores) + " lcores");
  }
  return std::unique_ptr<Quiescence>(new Quiescence(memory));
}

void Quiescence::wait() noexcept {
  const uint64_t token = rte_rcu_qsbr_start(get());
  // Polling lcores pass within microseconds; the nap keeps a busy machine from paying for a spin.
  const timespec nap{0, 20'000};
  while (rte_rcu_qsbr_check(get(), token, /*wait=*/false) != 1) nanosleep(&nap, nullptr);
}

}  // namespace butterfly
