// SPDX-License-Identifier: Apache-2.0
// Whether one more flow may begin: limits of each nic and each segment, and everybody's share of
// the table.
//
// Limits hold for the host: what other lcores count is read, recent and not locked, so that with
// several lcores a limit may be passed by what begins on them at the same time. With no limit set
// nothing is summed.
// Share:  the last eighth of each lcore's table is everybody's equally. Once the rest is taken, who
//         has his part of that eighth or more begins nothing: none of the others is ever kept from
//         his part.
// Full:   the oldest half-open flow of the same nic on this lcore makes way, if there is one: a
//         guest that is flooded with SYNs goes on to be reached. It is gone at settle(), unless its
//         handshake is completed before that.
// Writer: one lcore; rates are shared (tables/rate_limits.h).
#pragma once

#include <array>
#include <vector>

#include "base/firewall_settings.h"
#include "tables/flow_table.h"
#include "tables/rate_limits.h"

namespace butterfly {

enum class Admission : uint8_t {
  ok,
  nic_flows,
  nic_half_open,
  nic_rate,
  segment_flows,
  segment_half_open,
  segment_rate,
  share,
};

// 0: no limit.
struct FlowLimits {
  uint32_t nic_flows = 0;
  uint32_t nic_half_open = 0;
  uint32_t nic_new_per_s = 0;
  uint32_t segment_flows = 0;
  uint32_t segment_half_open = 0;
  uint32_t segment_new_per_s = 0;

  FlowLimits(const FirewallSettings& settings = {});
  bool any() const {
    return (nic_flows | nic_half_open | nic_new_per_s | segment_flows | segment_half_open |
            segment_new_per_s) != 0;
  }
};

// The rates of new flows, of a whole host.
struct FlowRates {
  RateLimits nics{1};
  RateLimits segments{1, kMaxSegments};
};

class FlowAdmission {
 public:
  // `all`: those of every lcore of the host, also `flows`; complete before the first admit(). What
  // it refers to outlives it.
  FlowAdmission(FlowTable& flows, const std::vector<const FlowAccounts*>& all, FlowRates& rates)
      : flows_(flows), all_(all), rates_(rates) {}

  // `nics`: how many share the table.
  void set_limits(const FirewallSettings& settings, uint32_t nics) noexcept;

  // Whether a flow of `key` may begin; it counts for the rates then. One that makes way for it
  // counts no more at once.
  Admission admit(const AccountKey& key, bool is_half_open, TimeMs now) noexcept {
    if (!is_limited_ && flows_.size() < nearly_full_) [[likely]]
      return Admission::ok;
    return ask(key, is_half_open, now);
  }
  // Whether a flow of `key` may begin anew in its place.
  Admission admit_anew(const AccountKey& key, TimeMs now) noexcept;
  // Whether one that began elsewhere may go on here: as admit(), but nobody makes way, and rates do
  // not matter.
  Admission admit_grown(const AccountKey& key, bool is_half_open) const noexcept;
  // No packet of the round is left: ends those that made way.
  void settle() noexcept {
    if (leaving_count_ != 0) [[unlikely]]
      end_leaving();
  }
  // How many made way since the start.
  uint64_t evicted() const { return evicted_.load(std::memory_order_relaxed); }

 private:
  Admission ask(const AccountKey& key, bool is_half_open, TimeMs now) noexcept;
  Admission check(const AccountKey& key, bool is_half_open) const noexcept;
  template <typename Of>
  FlowAccounts::Counts sum(const Of& of) const noexcept;
  bool has_had_share(const AccountKey& key) const noexcept;
  bool evict_oldest(const AccountKey& key) noexcept;
  void end_leaving() noexcept;

  FlowTable& flows_;
  const std::vector<const FlowAccounts*>& all_;
  FlowRates& rates_;
  FlowLimits limits_;
  RateLimit nic_rate_;
  RateLimit segment_rate_;
  bool is_limited_ = false;
  uint32_t nearly_full_ = 0xffffffff;    // the last eighth begins
  uint32_t share_ = 0xffffffff;          // of one nic in it
  std::array<uint32_t, 256> leaving_{};  // entries
  size_t leaving_count_ = 0;
  std::atomic<uint64_t> evicted_{0};
};

}  // namespace butterfly
