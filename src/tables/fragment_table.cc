// SPDX-License-Identifier: Apache-2.0
#include "tables/fragment_table.h"

#include <algorithm>
#include <bit>

#include "base/ids.h"

namespace butterfly {
namespace {

// Whether any of the bits from `begin` up to `end` is set in the map.
bool is_any_set(const uint64_t* map, uint32_t begin, uint32_t end) {
  for (uint32_t at = begin; at < end;) {
    const uint32_t count = std::min(64 - at % 64, end - at);
    const uint64_t mask = (count == 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1) << at % 64;
    if (map[at / 64] & mask) return true;
    at += count;
  }
  return false;
}

bool is_set(const uint64_t* map, uint32_t at) { return (map[at / 64] >> at % 64 & 1) != 0; }

void set_all(uint64_t* map, uint32_t begin, uint32_t end) {
  for (uint32_t at = begin; at < end;) {
    const uint32_t count = std::min(64 - at % 64, end - at);
    map[at / 64] |= (count == 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1) << at % 64;
    at += count;
  }
}

}  // namespace

FragmentTable::FragmentTable(const FragmentLimits& limits, const wire::HashSeed& seed)
    : limits_(limits),
      seed_(seed),
      datagrams_(limits.datagrams),
      bitmaps_(limits.datagrams),
      fragments_(limits.held),
      buckets_(std::bit_ceil(size_t{2} * limits.datagrams), kNone),
      shares_(kPortShares + kTunnelShares) {
  static_assert(kPortShares >= kMaxPorts);
  for (uint16_t i = limits.datagrams; i > 0; --i) {
    datagrams_[i - 1].bucket_next = free_datagram_;
    free_datagram_ = static_cast<uint16_t>(i - 1);
  }
  for (uint16_t i = limits.held; i > 0; --i) {
    fragments_[i - 1].next = free_held_;
    free_held_ = static_cast<uint16_t>(i - 1);
  }
}

// Two 64-bit words at a time; what is carried is 32 bits, and keys are compared in full.
uint32_t FragmentTable::hash_of(const wire::FragmentId& id) const noexcept {
  uint64_t carried = 0;
  for (size_t i = 0; i < id.words.size(); i += 2) {
    const uint64_t words[2] = {id.words[i] ^ carried << 32, id.words[i + 1] ^ carried};
    carried = wire::hash_words(words, seed_);
  }
  return static_cast<uint32_t>(carried);
}

FragmentTable::Datagram* FragmentTable::find(const wire::FragmentId& id, uint32_t hash) noexcept {
  // The low bits choose the lcore.
  uint16_t at = buckets_[(hash >> 15) & (buckets_.size() - 1)];
  while (at != kNone && datagrams_[at].id != id) at = datagrams_[at].bucket_next;
  return at == kNone ? nullptr : &datagrams_[at];
}

// Ports have one each. Tunnels share them by chance: a peer cannot choose another's.
uint16_t FragmentTable::share_of(uint32_t source) noexcept {
  if (source < kPortShares) return static_cast<uint16_t>(source);
  return static_cast<uint16_t>(kPortShares + (source * 0x9e3779b1U >> 22) % kTunnelShares);
}

FragmentTable::Datagram& FragmentTable::begin(const wire::FragmentId& id, uint32_t hash,
                                              uint32_t source, uint64_t life, TimeMs now) noexcept {
  const uint16_t index = free_datagram_;
  Datagram& datagram = datagrams_[index];
  free_datagram_ = datagram.bucket_next;
  datagram = {};
  datagram.id = id;
  datagram.life = life;
  datagram.begun = now;
  datagram.share = share_of(source);
  datagram.bucket = static_cast<uint16_t>((hash >> 15) & (buckets_.size() - 1));
  datagram.bucket_next = buckets_[datagram.bucket];
  buckets_[datagram.bucket] = index;
  datagram.older = newest_;
  (newest_ == kNone ? oldest_ : datagrams_[newest_].newer) = index;
  newest_ = index;
  ++shares_[datagram.share].datagrams;
  ++size_;
  return datagram;
}

bool FragmentTable::is_duplicate(const Datagram& datagram,
                                 const wire::FragmentPart& part) const noexcept {
  const Bitmaps& maps = bitmaps_[index_of(datagram)];
  const uint32_t begin = part.begin / 8;
  const uint32_t end = (part.end() + 7) / 8;
  // One part that began there, and the next one begins, or nothing is, where this one ends.
  for (uint32_t at = begin; at < end; ++at) {
    if (!is_set(maps.come, at)) return false;
  }
  if (!is_set(maps.begins, begin) || is_any_set(maps.begins, begin + 1, end)) return false;
  const bool ends_there = end == kUnits || !is_set(maps.come, end) || is_set(maps.begins, end);
  // The last one may end within its last unit, any other only where a unit does.
  const bool holds_last = datagram.end != 0 && (datagram.end + 7) / 8 == end;
  if (!ends_there || part.is_last != holds_last) return false;
  return !holds_last || part.end() == datagram.end;
}

FragmentTable::Fit FragmentTable::fit(Datagram& datagram, const wire::FragmentPart& part) noexcept {
  Bitmaps& maps = bitmaps_[index_of(datagram)];
  const uint32_t begin = part.begin / 8;
  const uint32_t end = (part.end() + 7) / 8;
  if (is_any_set(maps.come, begin, end)) {
    return is_duplicate(datagram, part) ? Fit::duplicate : Fit::overlap;
  }
  if (datagram.end != 0 && (part.is_last || part.end() > datagram.end)) return Fit::overlap;
  if (part.is_last && part.end() < datagram.furthest) return Fit::overlap;
  set_all(maps.come, begin, end);
  set_all(maps.begins, begin, begin + 1);
  datagram.units = static_cast<uint16_t>(datagram.units + end - begin);
  datagram.furthest = std::max(datagram.furthest, part.end());
  if (part.is_last) datagram.end = part.end();
  return Fit::fits;
}

void FragmentTable::hold(Datagram& datagram, void* handle, uint32_t length) noexcept {
  const uint16_t index = free_held_;
  Held& held = fragments_[index];
  free_held_ = held.next;
  held = {handle, length, kNone};
  (datagram.oldest_held == kNone ? datagram.oldest_held : fragments_[datagram.newest_held].next) =
      index;
  datagram.newest_held = index;
  Share& share = shares_[datagram.share];
  ++share.held;
  share.bytes += length;
  ++held_count_;
}

void* FragmentTable::take_held(Datagram& datagram) noexcept {
  const uint16_t index = datagram.oldest_held;
  Held& held = fragments_[index];
  datagram.oldest_held = held.next;
  held.next = free_held_;
  free_held_ = index;
  Share& share = shares_[datagram.share];
  --share.held;
  share.bytes -= held.length;
  --held_count_;
  return held.handle;
}

void FragmentTable::erase(Datagram& datagram) noexcept {
  const uint16_t index = index_of(datagram);
  uint16_t* link = &buckets_[datagram.bucket];
  while (*link != index) link = &datagrams_[*link].bucket_next;
  *link = datagram.bucket_next;
  (datagram.older == kNone ? oldest_ : datagrams_[datagram.older].newer) = datagram.newer;
  (datagram.newer == kNone ? newest_ : datagrams_[datagram.newer].older) = datagram.older;
  // Cleaned as far as it was used; for one that fits two packets that is one word or a few.
  Bitmaps& maps = bitmaps_[index];
  const size_t words = (datagram.furthest + 511) / 512;
  std::fill_n(maps.come, words, 0);
  std::fill_n(maps.begins, words, 0);
  --shares_[datagram.share].datagrams;
  --size_;
  datagram.bucket_next = free_datagram_;
  free_datagram_ = index;
}

}  // namespace butterfly
