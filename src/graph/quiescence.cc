// SPDX-License-Identifier: Apache-2.0
#include "graph/quiescence.h"

#include <rte_cycles.h>
#include <rte_pause.h>

#include <cstdlib>
#include <ctime>

namespace butterfly {
namespace {

// Some twenty microseconds: several rounds of an lcore that polls.
constexpr uint64_t kSpinCycles = 50'000;

}  // namespace

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
  const auto has_passed = [&] { return rte_rcu_qsbr_check(get(), token, /*wait=*/false) == 1; };
  // Polling lcores pass within microseconds, a nap takes some seventy; it keeps a busy machine from
  // paying for a long spin.
  const uint64_t begin = rte_rdtsc();
  while (rte_rdtsc() - begin < kSpinCycles) {
    if (has_passed()) return;
    rte_pause();
  }
  const timespec nap{0, 20'000};
  while (!has_passed()) nanosleep(&nap, nullptr);
}

}  // namespace butterfly
