// SPDX-License-Identifier: Apache-2.0
// Finds entries of a table by a 32-bit hash, nearly always in one cache line. Grows with what it
// holds, a bucket at a time, so that few entries lie in few lines however large it may become.
//
// Key:      a hash; several entries may have one. Who asks compares the keys themselves.
// Value:    the entry's number, below kNone.
// Capacity: given when made. Three to six entries a bucket of ten while it grows, eight at the end;
//           what finds its bucket full lies in another one chained to it.
// Memory:   11 to 21 bytes an entry while it grows, 10 when full. Touched when needed; it does not
//           shrink.
//
// One thread only. Source: Larson, "Dynamic Hashing" (1978), for growing by splitting. Here the
// upper bits of the hash choose the bucket and the upper buckets split first, so it doubles in
// place: bucket b becomes 2b and 2b + 1, where nothing lies any more.
#pragma once

#include <immintrin.h>

#include <bit>
#include <cstdint>
#include <utility>

#include "tables/lazy_array.h"

namespace butterfly {

class FlowIndex {
 public:
  static constexpr uint32_t kNone = 0xffffffff;
  static constexpr uint32_t kSlots = 10;  // of a bucket

  explicit FlowIndex(uint32_t capacity);

  // A lookup for a burst: fetch() for all, then guess() for all with what that gave.
  const void* fetch(uint32_t hash) const {
    const Bucket* bucket = &buckets_[bucket_of(hash)];
    __builtin_prefetch(bucket);
    return bucket;
  }
  // An entry that may have that hash, or kNone, from one line.
  [[gnu::always_inline]] static uint32_t guess(const void* fetched, uint32_t hash) {
    const auto& bucket = *static_cast<const Bucket*>(fetched);
    const uint32_t found = matches(bucket, tag_of(hash));
    return found == 0 ? kNone : bucket.entries[std::countr_zero(found)];
  }
  // The entry of those that may have that hash for which `is_it(entry)`; kNone when there is none.
  template <typename IsIt>
  uint32_t find(uint32_t hash, IsIt is_it) const {
    for (const Bucket* bucket = &buckets_[bucket_of(hash)]; bucket; bucket = next_of(*bucket)) {
      for (uint32_t found = matches(*bucket, tag_of(hash)); found != 0; found &= found - 1) {
        const uint32_t entry = bucket->entries[std::countr_zero(found)];
        if (is_it(entry)) return entry;
      }
    }
    return kNone;
  }

  // False when there is no room in its bucket nor in another to chain to it.
  bool insert(uint32_t hash, uint32_t entry) noexcept;
  // REQUIRES: inserted with that hash.
  void erase(uint32_t hash, uint32_t entry) noexcept;

  // To be called after each insert, `size` being how many entries there are: splits one bucket when
  // it is time. `hash_of(entry)` is what the entry was inserted with; `touch(entry)` fetches what
  // hash_of() will read of it at the next call.
  template <typename HashOf, typename Touch>
  void grow(uint32_t size, HashOf hash_of, Touch touch) noexcept {
    if (split_ == count_ && (size <= kGrowAt * count_ || count_ == most_)) [[likely]]
      return;
    Bucket old = std::exchange(buckets_[--split_], Bucket{});
    for (uint32_t chained = 0;; release(chained)) {
      each_slot(old, [&](uint32_t slot) { insert(hash_of(old.entries[slot]), old.entries[slot]); });
      chained = old.next;
      if (chained == 0) break;
      old = chained_[chained];
    }
    if (split_ != 0) {
      const Bucket& next = buckets_[split_ - 1];
      each_slot(next, [&](uint32_t slot) { touch(next.entries[slot]); });
      return;
    }
    count_ *= 2;
    split_ = count_;
  }

  // Looks at the entries in the next `buckets` buckets, to the end at most: `touch` for all of a
  // bucket, then `keep`; those for which it is false are taken out. True when it came to the end:
  // every entry that is still there has been seen since that was so last.
  template <typename Touch, typename Keep>
  bool sweep(uint32_t buckets, Touch touch, Keep keep) noexcept {
    for (uint32_t i = 0; i < buckets; ++i) {
      if (swept_ == split_ && split_ != count_) swept_ = 2 * split_;
      for (Bucket* bucket = &buckets_[swept_]; bucket; bucket = next_of(*bucket)) {
        each_slot(*bucket, [&](uint32_t slot) { touch(bucket->entries[slot]); });
        each_slot(*bucket, [&](uint32_t slot) {
          if (!keep(bucket->entries[slot])) bucket->tags[slot] = 0;
        });
      }
      unchain_empty(buckets_[swept_]);
      if (++swept_ >= (split_ == count_ ? count_ : 2 * count_)) {
        swept_ = 0;
        return true;
      }
    }
    return false;
  }

 private:
  static constexpr uint32_t kGrowAt = 6;  // entries a bucket

  // One cache line.
  struct alignas(64) Bucket {
    uint16_t tags[kSlots];  // 0: free
    uint32_t next;          // number of the chained bucket; 0: none
    uint32_t entries[kSlots];
  };
  static_assert(sizeof(Bucket) == 64);

  static uint16_t tag_of(uint32_t hash) { return static_cast<uint16_t>(hash | 0x8000); }
  // Buckets below `split_` are as they were; those above have been split already.
  [[gnu::always_inline]] uint32_t bucket_of(uint32_t hash) const {
    const uint64_t scaled = static_cast<uint64_t>(hash) * count_;
    const auto bucket = static_cast<uint32_t>(scaled >> 32);
    return bucket < split_ ? bucket : static_cast<uint32_t>(scaled >> 31);
  }
  // A bit for each slot with that tag.
  static uint32_t matches(const Bucket& bucket, uint16_t tag) {
    const __m256i tags = _mm256_load_si256(reinterpret_cast<const __m256i*>(&bucket));
    const __m256i equal = _mm256_cmpeq_epi16(tags, _mm256_set1_epi16(static_cast<short>(tag)));
    const auto bytes = static_cast<uint32_t>(_mm256_movemask_epi8(equal));
    return _pext_u32(bytes, 0x55555);  // two bits a tag, ten tags
  }
  template <typename Visit>
  static void each_slot(const Bucket& bucket, Visit visit) {
    for (uint32_t slot = 0; slot < kSlots; ++slot) {
      if (bucket.tags[slot] != 0) visit(slot);
    }
  }
  Bucket* next_of(const Bucket& bucket) const {
    return bucket.next == 0 ? nullptr : &chained_[bucket.next];
  }
  uint32_t acquire() noexcept;
  void release(uint32_t chained) noexcept;
  void unchain_empty(Bucket& first) noexcept;

  uint32_t count_;  // of buckets before the growing that is under way
  uint32_t split_;  // buckets from here on are split; count_: nothing is under way
  uint32_t most_;   // buckets at the end
  LazyArray<Bucket> buckets_;
  LazyArray<Bucket> chained_;  // by number, from 1
  uint32_t free_chained_ = 0;  // list, linked by `next`
  uint32_t fresh_chained_ = 1;
  uint32_t swept_ = 0;
};

}  // namespace butterfly
