// SPDX-License-Identifier: Apache-2.0
#include "tables/flow_table.h"

#include <algorithm>

namespace butterfly {

FlowTable::FlowTable(uint32_t capacity, const wire::HashSeed& seed, const FlowTimeouts& timeouts)
    : capacity_(std::max(capacity, 1U)),
      hasher_(seed),
      index_(capacity_),
      flows_(capacity_),
      histories_(capacity_),
      v6_keys_(capacity_),
      free_(capacity_) {
  set_timeouts(timeouts);
}

void FlowTable::set_timeouts(const FlowTimeouts& timeouts) noexcept {
  for (size_t i = 0; i < limits_.size(); ++i) {
    limits_[i] = (timeouts.ms[i] + (1U << kSeenShift) - 1) >> kSeenShift;
  }
}

Flow* FlowTable::find(const wire::FlowId& id, uint32_t hash, TimeMs now) noexcept {
  const uint32_t entry =
      index_.find(hash, [&](uint32_t candidate) { return flows_[candidate].id == id; });
  if (entry == FlowIndex::kNone) return nullptr;
  if (is_expired(flows_[entry], now)) [[unlikely]]
    return end(hash, entry);
  return &flows_[entry];
}

Flow* FlowTable::end(uint32_t hash, uint32_t entry) noexcept {
  index_.erase(hash, entry);
  free_entry(entry);
  return nullptr;
}

Flow* FlowTable::insert(const wire::FlowKey& key, wire::Family family, const wire::FlowId& id,
                        uint32_t hash, TimeMs now) noexcept {
  const uint32_t entry =
      free_.take([this](uint32_t next) { __builtin_prefetch(&flows_[next], 1); });
  if (entry == FreeEntries::kNone) return nullptr;
  if (!index_.insert(hash, entry)) {
    free_.put_back(entry);
    return nullptr;
  }
  used_ = std::max(used_, entry + 1);
  Flow& flow = flows_[entry];
  flow = {};
  flow.id = id;
  flow.see(now);
  flow.is_live = true;
  flow.is_v6 = family == wire::Family::v6;
  histories_[entry] = {};
  if (flow.is_v6) v6_keys_[entry] = key;
  index_.grow(
      ++size_, [this](uint32_t moved) { return hasher_.hash_of(flows_[moved].id); },
      [this](uint32_t next) { __builtin_prefetch(&flows_[next]); });
  return &flow;
}

wire::FlowKey FlowTable::key_of(const Flow& flow) const noexcept {
  if (flow.is_v6) return v6_keys_[entry_of(flow)];
  return {{flow.id.words[0], flow.id.words[1]}};
}

void FlowTable::set_verdict(Flow& flow, Role role, const NicVerdict& verdict,
                            const AccountKey& nic) noexcept {
  const uint32_t entry = entry_of(flow);
  FlowHistory& history = histories_[entry];
  const bool comes_to_owner = role == Role::initiator || history.verdicts[0].serial == 0;
  if (!comes_to_owner || history.verdict(role).serial == verdict.serial) {
    history.verdict(role) = verdict;
    return;
  }
  accounts_.leave(entry);
  history.verdict(role) = verdict;
  accounts_.enter(entry, nic, is_half_open(flow));
}

// What the responder of a half-open flow has sent is kept as far as Flow has room: there is no more
// of it but from who floods.
void FlowTable::spill(Flow& flow, size_t role) noexcept {
  FlowHistory& history = this->history(flow);
  if (role == 0 || !history.is_half_open) {
    auto& before = before_of(history, role);
    before.packets = before.packets + flow.packets[role];
    before.bytes = before.bytes + flow.bytes[role];
  }
  flow.packets[role] = 0;
  flow.bytes[role] = 0;
}

Tally FlowTable::tally(const Flow& flow, Role sender) const noexcept {
  const auto role = static_cast<size_t>(sender);
  const FlowHistory& history = this->history(flow);
  Tally tally{flow.packets[role], flow.bytes[role]};
  if (role == 1 && history.is_half_open) return tally;
  const auto& before = role == 0 ? history.before_of_initiator : history.before_of_responder;
  tally.packets += before.packets;
  tally.bytes += before.bytes;
  return tally;
}

void FlowTable::reset_tallies(Flow& flow) noexcept {
  for (const Role role : {Role::initiator, Role::responder}) set_tally(flow, role, {});
}

void FlowTable::set_tally(Flow& flow, Role sender, const Tally& tally) noexcept {
  const auto role = static_cast<size_t>(sender);
  FlowHistory& history = this->history(flow);
  if (role == 1 && history.is_half_open) {
    flow.packets[1] = static_cast<uint16_t>(std::min<uint64_t>(tally.packets, 0x7fff));
    flow.bytes[1] = static_cast<uint32_t>(std::min<uint64_t>(tally.bytes, 1U << 30));
    return;
  }
  flow.packets[role] = 0;
  flow.bytes[role] = 0;
  auto& before = before_of(history, role);
  before.packets = tally.packets & ((uint64_t{1} << 38) - 1);
  before.bytes = tally.bytes & ((uint64_t{1} << 50) - 1);
}

void FlowTable::free_entry(uint32_t entry) noexcept {
  accounts_.leave(entry);
  flows_[entry].is_live = false;
  free_.put_back(entry);
  --size_;
}

void FlowTable::erase(Flow& flow) noexcept {
  index_.erase(hasher_.hash_of(flow.id), entry_of(flow));
  free_entry(entry_of(flow));
}

uint32_t FlowTable::sweep(TimeMs now, uint32_t buckets, RouteTable* routes) noexcept {
  const uint32_t before = size_;
  // Their histories lie far away: fetched together before they are read.
  std::array<uint32_t, 64> ended;
  size_t ended_count = 0;
  const auto free_ended = [&] {
    for (size_t i = 0; i < ended_count; ++i) free_entry(ended[i]);
    ended_count = 0;
  };
  const auto keep = [&](uint32_t entry) {
    Flow& flow = flows_[entry];
    if (is_expired(flow, now)) {
      __builtin_prefetch(&histories_[entry], 1);
      if (ended_count == ended.size()) free_ended();
      ended[ended_count++] = entry;
      return false;
    }
    if (routes) {
      for (RouteMark& mark : flow.routes) {
        if (!routes->is_current(mark)) mark = {};
      }
    }
    return true;
  };
  const auto touch = [this](uint32_t entry) { __builtin_prefetch(&flows_[entry], 1); };
  if (index_.sweep(buckets, touch, keep) && routes) routes->note_all_swept();
  free_ended();
  return before - size_;
}

}  // namespace butterfly
