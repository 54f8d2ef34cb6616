// SPDX-License-Identifier: Apache-2.0
#include "tables/flow_admission.h"

#include <algorithm>

namespace butterfly {
namespace {

constexpr uint32_t kReserve = 8;          // one in so many entries
constexpr uint32_t kRateBurstMs = 1'000;  // so much of a rate may begin at once

bool is_over(uint32_t count, uint32_t limit) { return limit != 0 && count >= limit; }

}  // namespace

FlowLimits::FlowLimits(const FirewallSettings& settings)
    : nic_flows(settings[Knob::nic_connections]),
      nic_half_open(settings[Knob::nic_half_open]),
      nic_new_per_s(settings[Knob::nic_new_per_s]),
      segment_flows(settings[Knob::segment_connections]),
      segment_half_open(settings[Knob::segment_half_open]),
      segment_new_per_s(settings[Knob::segment_new_per_s]) {}

void FlowAdmission::set_limits(const FirewallSettings& settings, uint32_t nics) noexcept {
  limits_ = FlowLimits(settings);
  nic_rate_ = RateLimit::of(limits_.nic_new_per_s, 0, kRateBurstMs);
  segment_rate_ = RateLimit::of(limits_.segment_new_per_s, 0, kRateBurstMs);
  is_limited_ = limits_.any();
  // Nobody's flows have a share too.
  const uint32_t reserve = flows_.capacity() / kReserve;
  if (reserve != 0) nearly_full_ = flows_.capacity() - reserve;
  share_ = std::max(reserve / (nics + 1), 1U);
}

template <typename Of>
FlowAccounts::Counts FlowAdmission::sum(const Of& of) const noexcept {
  FlowAccounts::Counts counts;
  for (const FlowAccounts* accounts : all_) {
    const FlowAccounts::Counts some = of(*accounts);
    counts.flows += some.flows;
    counts.half_open += some.half_open;
  }
  return counts;
}

bool FlowAdmission::has_had_share(const AccountKey& key) const noexcept {
  return flows_.size() >= nearly_full_ && flows_.accounts().of_nic(key).flows >= share_;
}

Admission FlowAdmission::check(const AccountKey& key, bool is_half_open) const noexcept {
  if (has_had_share(key)) return Admission::share;
  if (key.is_nobody()) return Admission::ok;
  if ((limits_.nic_flows | limits_.nic_half_open) != 0) {
    const auto counts = sum([&](const FlowAccounts& accounts) { return accounts.of_nic(key); });
    if (is_over(counts.flows, limits_.nic_flows)) return Admission::nic_flows;
    if (is_half_open && is_over(counts.half_open, limits_.nic_half_open)) {
      return Admission::nic_half_open;
    }
  }
  if ((limits_.segment_flows | limits_.segment_half_open) != 0) {
    const auto counts = sum([&](const FlowAccounts& accounts) { return accounts.of_segment(key); });
    if (is_over(counts.flows, limits_.segment_flows)) return Admission::segment_flows;
    if (is_half_open && is_over(counts.half_open, limits_.segment_half_open)) {
      return Admission::segment_half_open;
    }
  }
  return Admission::ok;
}

Admission FlowAdmission::admit_anew(const AccountKey& key, TimeMs now) noexcept {
  if (key.is_nobody()) return Admission::ok;
  const size_t segment = key.segment;
  if (nic_rate_.is_set() && !rates_.nics.take(key.port, 0, nic_rate_, 0, now)) {
    return Admission::nic_rate;
  }
  if (segment_rate_.is_set() && !rates_.segments.take(segment, 0, segment_rate_, 0, now)) {
    return Admission::segment_rate;
  }
  return Admission::ok;
}

Admission FlowAdmission::ask(const AccountKey& key, bool is_half_open, TimeMs now) noexcept {
  Admission verdict = admit_anew(key, now);
  if (verdict != Admission::ok) return verdict;
  verdict = check(key, is_half_open);
  return verdict == Admission::ok || evict_oldest(key) ? Admission::ok : verdict;
}

Admission FlowAdmission::admit_grown(const AccountKey& key, bool is_half_open) const noexcept {
  return check(key, is_half_open);
}

bool FlowAdmission::evict_oldest(const AccountKey& key) noexcept {
  const uint32_t entry = flows_.accounts().oldest_half_open(key);
  if (entry == FlowAccounts::kNone || leaving_count_ == leaving_.size()) return false;
  flows_.accounts().leave(entry);
  leaving_[leaving_count_++] = entry;
  evicted_.store(evicted() + 1, std::memory_order_relaxed);
  return true;
}

// What counts again has ended, and another flow has its entry, or it has begun anew.
void FlowAdmission::end_leaving() noexcept {
  for (size_t i = 0; i < leaving_count_; ++i) {
    const uint32_t entry = leaving_[i];
    Flow& flow = flows_.at(entry);
    if (!flow.is_live || flows_.history(flow).is_counted) continue;
    if (FlowTable::is_half_open(flow)) {
      flows_.erase(flow);
    } else {
      flows_.accounts().enter(entry, flows_.accounts().key_of(entry), /*is_half_open=*/false);
    }
  }
  leaving_count_ = 0;
}

}  // namespace butterfly
