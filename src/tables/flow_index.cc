// SPDX-License-Identifier: Apache-2.0
#include "tables/flow_index.h"

#include <algorithm>

namespace butterfly {
namespace {

constexpr uint32_t kFullLoad = 8;       // entries a bucket at capacity
constexpr uint32_t kFirstCount = 1024;  // 64 KiB: it starts with about as many buckets

struct Size {
  uint32_t first;
  uint32_t most;  // `first` doubled some times
};
Size size_for(uint32_t capacity) {
  const uint32_t wanted = std::max((capacity + kFullLoad - 1) / kFullLoad, 1U);
  uint32_t doublings = 0;
  while (wanted >> doublings > kFirstCount) ++doublings;
  const uint32_t first = (wanted + (1U << doublings) - 1) >> doublings;
  return {first, first << doublings};
}

}  // namespace

FlowIndex::FlowIndex(uint32_t capacity)
    : count_(size_for(capacity).first),
      split_(count_),
      most_(size_for(capacity).most),
      buckets_(most_),
      chained_(most_ + 2) {}

bool FlowIndex::insert(uint32_t hash, uint32_t entry) noexcept {
  Bucket* bucket = &buckets_[bucket_of(hash)];
  for (;;) {
    if (const uint32_t free = matches(*bucket, 0); free != 0) {
      const auto slot = static_cast<uint32_t>(std::countr_zero(free));
      bucket->tags[slot] = tag_of(hash);
      bucket->entries[slot] = entry;
      return true;
    }
    if (bucket->next == 0) {
      bucket->next = acquire();
      if (bucket->next == 0) return false;
    }
    bucket = &chained_[bucket->next];
  }
}

void FlowIndex::erase(uint32_t hash, uint32_t entry) noexcept {
  Bucket& first = buckets_[bucket_of(hash)];
  for (Bucket* bucket = &first; bucket; bucket = next_of(*bucket)) {
    for (uint32_t found = matches(*bucket, tag_of(hash)); found != 0; found &= found - 1) {
      const auto slot = static_cast<uint32_t>(std::countr_zero(found));
      if (bucket->entries[slot] != entry) continue;
      bucket->tags[slot] = 0;
      unchain_empty(first);
      return;
    }
  }
}

// 0 when there is none left.
uint32_t FlowIndex::acquire() noexcept {
  uint32_t chained = free_chained_;
  if (chained != 0) {
    free_chained_ = chained_[chained].next;
  } else if (fresh_chained_ < most_ + 2) {
    chained = fresh_chained_++;
  } else {
    return 0;
  }
  chained_[chained] = {};
  return chained;
}

void FlowIndex::release(uint32_t chained) noexcept {
  chained_[chained].next = free_chained_;
  free_chained_ = chained;
}

void FlowIndex::unchain_empty(Bucket& first) noexcept {
  for (Bucket* bucket = &first; bucket->next != 0;) {
    const uint32_t chained = bucket->next;
    if (matches(chained_[chained], 0) == (1U << kSlots) - 1) {
      bucket->next = chained_[chained].next;
      release(chained);
    } else {
      bucket = &chained_[chained];
    }
  }
}

}  // namespace butterfly
