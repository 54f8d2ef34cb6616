// SPDX-License-Identifier: Apache-2.0
#include "tables/flow_table.h"

#include <algorithm>
#include <bit>
#include <cassert>

namespace butterfly {
namespace {

constexpr uint32_t kNone = 0xffffffff;
// Entries a bucket holds on average when the table is full: 8 bytes of index an entry. A full table
// reads a second line for a sixth of its misses; one that is half full for none.
constexpr uint32_t kLoad = 8;
// So that small tables fill to their capacity too, however unevenly a few keys fall.
constexpr uint32_t kMinBuckets = 8;

}  // namespace

FlowTable::FlowTable(uint32_t capacity, const wire::HashSeed& seed, const FlowTimeouts& timeouts)
    : capacity_(std::max(capacity, 1U)),
      bucket_count_(std::max((capacity_ + kLoad - 1) / kLoad, kMinBuckets)),
      hasher_(seed),
      buckets_(bucket_count_),
      flows_(capacity_),
      histories_(capacity_),
      v6_keys_(capacity_),
      free_head_(kNone) {
  for (size_t i = 0; i < limits_.size(); ++i) {
    limits_[i] = (timeouts.ms[i] + (1U << kSeenShift) - 1) >> kSeenShift;
  }
}

int FlowTable::free_slot(const Bucket& bucket) {
  const uint32_t free = matches(bucket, 0);
  return free == 0 ? -1 : std::countr_zero(free);
}

Flow* FlowTable::find_among(uint32_t bucket, uint32_t candidates, const wire::FlowId& id,
                            TimeMs now) {
  for (; candidates != 0; candidates &= candidates - 1) {
    const auto slot = static_cast<uint32_t>(std::countr_zero(candidates));
    Flow& flow = flows_[buckets_[bucket].entries[slot]];
    if (!(flow.id == id)) continue;
    if (!is_expired(flow, now)) return &flow;
    free_at({bucket, slot});
    return nullptr;
  }
  return nullptr;
}

Flow* FlowTable::find_in_second(const wire::FlowId& id, uint32_t hash, TimeMs now) {
  const uint16_t tag = tag_of(hash);
  const uint32_t bucket = other_bucket(first_bucket(hash), tag);
  return find_among(bucket, matches(buckets_[bucket], tag), id, now);
}

Flow* FlowTable::find(const wire::FlowId& id, uint32_t hash, TimeMs now) noexcept {
  const uint32_t bucket = first_bucket(hash);
  const uint32_t candidates = matches(buckets_[bucket], tag_of(hash));
  if (Flow* flow = find_among(bucket, candidates, id, now)) return flow;
  return buckets_[bucket].overflowed == 0 ? nullptr : find_in_second(id, hash, now);
}

Flow* FlowTable::insert(const wire::FlowKey& key, wire::Family family, const wire::FlowId& id,
                        uint32_t hash, TimeMs now) noexcept {
  uint32_t entry = free_head_;
  if (entry == kNone) {
    if (fresh_ == capacity_) return nullptr;
    entry = fresh_;
  }
  if (!place(hash, entry)) return nullptr;
  Flow& flow = flows_[entry];
  if (entry == fresh_) {
    ++fresh_;
  } else {
    free_head_ = static_cast<uint32_t>(flow.id.words[0]);
  }
  ++size_;
  flow = {};
  flow.id = id;
  flow.see(now);
  flow.is_live = true;
  flow.is_v6 = family == wire::Family::v6;
  histories_[entry] = {};
  if (flow.is_v6) v6_keys_[entry] = key;
  return &flow;
}

wire::FlowKey FlowTable::key_of(const Flow& flow) const noexcept {
  if (flow.is_v6) return v6_keys_[entry_of(flow)];
  return {{flow.id.words[0], flow.id.words[1]}};
}

void FlowTable::spill(Flow& flow, size_t role) noexcept {
  auto& before = history(flow).before[role];
  before.packets = before.packets + flow.packets[role];
  before.bytes = before.bytes + flow.bytes[role];
  flow.packets[role] = 0;
  flow.bytes[role] = 0;
}

Tally FlowTable::tally(const Flow& flow, Role sender) const noexcept {
  const auto role = static_cast<size_t>(sender);
  const auto& before = history(flow).before[role];
  return {before.packets + flow.packets[role], before.bytes + flow.bytes[role]};
}

void FlowTable::reset_tallies(Flow& flow) noexcept {
  for (const size_t role : {0, 1}) {
    flow.packets[role] = 0;
    flow.bytes[role] = 0;
    history(flow).before[role] = {};
  }
}

// The first bucket while it has room, so that a miss ends there.
bool FlowTable::place(uint32_t hash, uint32_t entry) {
  const uint16_t tag = tag_of(hash);
  const uint32_t first = first_bucket(hash);
  const uint32_t second = other_bucket(first, tag);
  int slot = free_slot(buckets_[first]);
  if (slot >= 0) {
    put({first, static_cast<uint32_t>(slot)}, tag, entry, false);
    return true;
  }
  if (buckets_[first].overflowed == UINT16_MAX) return false;
  slot = free_slot(buckets_[second]);
  if (slot >= 0 && second != first) {
    put({second, static_cast<uint32_t>(slot)}, tag, entry, true);
    return true;
  }
  if (make_room(first, slot)) {
    put({first, static_cast<uint32_t>(slot)}, tag, entry, false);
    return true;
  }
  if (second != first && make_room(second, slot)) {
    put({second, static_cast<uint32_t>(slot)}, tag, entry, true);
    return true;
  }
  return false;
}

void FlowTable::put(Place place, uint16_t tag, uint32_t entry, bool second) {
  Bucket& bucket = buckets_[place.bucket];
  bucket.tags[place.slot] = tag;
  bucket.entries[place.slot] = entry;
  if (!second) return;
  bucket.second = static_cast<uint16_t>(bucket.second | 1U << place.slot);
  ++buckets_[other_bucket(place.bucket, tag)].overflowed;
}

void FlowTable::take(Place place) {
  Bucket& bucket = buckets_[place.bucket];
  const uint16_t tag = bucket.tags[place.slot];
  bucket.tags[place.slot] = 0;
  if ((bucket.second >> place.slot & 1U) == 0) return;
  bucket.second = static_cast<uint16_t>(bucket.second & ~(1U << place.slot));
  --buckets_[other_bucket(place.bucket, tag)].overflowed;
}

// Moves one flow of a full bucket to the other bucket that it may lie in.
bool FlowTable::make_room(uint32_t bucket, int& slot) {
  for (uint32_t i = 0; i < kSlots; ++i) {
    const Bucket& from = buckets_[bucket];
    const uint16_t tag = from.tags[i];
    const uint32_t entry = from.entries[i];
    const bool was_second = (from.second >> i & 1U) != 0;
    const uint32_t target = other_bucket(bucket, tag);
    const int room = target == bucket ? -1 : free_slot(buckets_[target]);
    if (room < 0 || (!was_second && from.overflowed == UINT16_MAX)) continue;
    take({bucket, i});
    put({target, static_cast<uint32_t>(room)}, tag, entry, !was_second);
    slot = static_cast<int>(i);
    return true;
  }
  return false;
}

void FlowTable::free_at(Place place) {
  const uint32_t entry = buckets_[place.bucket].entries[place.slot];
  take(place);
  Flow& flow = flows_[entry];
  flow.is_live = false;
  flow.id.words[0] = free_head_;
  free_head_ = entry;
  --size_;
}

void FlowTable::erase(Flow& flow, uint32_t hash) noexcept {
  const uint32_t entry = entry_of(flow);
  const uint16_t tag = tag_of(hash);
  const uint32_t first = first_bucket(hash);
  for (const uint32_t bucket : {first, other_bucket(first, tag)}) {
    for (uint32_t found = matches(buckets_[bucket], tag); found != 0; found &= found - 1) {
      const auto slot = static_cast<uint32_t>(std::countr_zero(found));
      if (buckets_[bucket].entries[slot] != entry) continue;
      free_at({bucket, slot});
      return;
    }
  }
}

uint32_t FlowTable::sweep(TimeMs now, uint32_t slots, RouteTable* routes) noexcept {
  const uint32_t before = size_;
  const auto count = static_cast<uint32_t>((slots + kSlots - 1) / kSlots);
  for (uint32_t i = 0; i < std::min(count, bucket_count_); ++i) {
    const uint32_t bucket = sweep_bucket_;
    sweep_bucket_ = bucket + 1 == bucket_count_ ? 0 : bucket + 1;
    for (uint32_t slot = 0; slot < kSlots; ++slot) {
      if (buckets_[bucket].tags[slot] == 0) continue;
      __builtin_prefetch(&flows_[buckets_[bucket].entries[slot]]);
    }
    for (uint32_t slot = 0; slot < kSlots; ++slot) {
      if (buckets_[bucket].tags[slot] == 0) continue;
      Flow& flow = flows_[buckets_[bucket].entries[slot]];
      if (is_expired(flow, now)) {
        free_at({bucket, slot});
      } else if (routes) {
        for (RouteMark& mark : flow.routes) {
          if (!routes->is_current(mark)) mark = {};
        }
      }
    }
    if (routes && sweep_bucket_ == 0) routes->note_all_swept();
  }
  return before - size_;
}

}  // namespace butterfly
