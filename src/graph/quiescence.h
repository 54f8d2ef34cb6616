// SPDX-License-Identifier: Apache-2.0
// Quiescent-state based reclamation: how the control side knows that no lcore still looks at
// something it has unpublished (DPDK librte_rcu; McKenney, "Exploiting Deferred Destruction").
#pragma once

#include <rte_rcu_qsbr.h>

#include <cstdint>
#include <memory>

#include "base/status.h"

namespace butterfly {

// Lcores: enter() once, then pass() between bursts; leave() before sleeping or ending, enter()
// after. Others: wait(). While entered and between two pass() calls an lcore may use what it read.
class Quiescence {
 public:
  // For at most `lcores` lcores, numbered from 0.
  static StatusOr<std::unique_ptr<Quiescence>> create(uint16_t lcores);

  void enter(uint16_t lcore) noexcept { rte_rcu_qsbr_thread_online(get(), lcore); }
  void leave(uint16_t lcore) noexcept { rte_rcu_qsbr_thread_offline(get(), lcore); }
  void pass(uint16_t lcore) noexcept { rte_rcu_qsbr_quiescent(get(), lcore); }
  // An lcore's thread: before the first enter() and after the last leave().
  void join(uint16_t lcore) noexcept { rte_rcu_qsbr_thread_register(get(), lcore); }
  void part(uint16_t lcore) noexcept { rte_rcu_qsbr_thread_unregister(get(), lcore); }

  // Returns when every entered lcore has passed since the call. Never called by an lcore.
  void wait() noexcept;

 private:
  struct Free {
    void operator()(void* memory) const noexcept;
  };
  explicit Quiescence(void* memory) : memory_(memory) {}
  rte_rcu_qsbr* get() const { return static_cast<rte_rcu_qsbr*>(memory_.get()); }
  std::unique_ptr<void, Free> memory_;
};

}  // namespace butterfly
