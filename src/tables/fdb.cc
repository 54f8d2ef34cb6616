// SPDX-License-Identifier: Apache-2.0
#include "tables/fdb.h"

#include <algorithm>
#include <bit>
#include <thread>

namespace butterfly {
namespace {

// The upper half of a value: VNI's high bits, "in use" (so that no value is 0), peer or port.
constexpr uint64_t kInUse = 1ull << 55;
constexpr uint64_t kHeld = 1ull << 49;
constexpr uint64_t kBehindPeer = 1ull << 48;

uint64_t encode(uint8_t vni_high, const Segment::Place& place) {
  const bool remote = place.port == kUplinkPort;
  return static_cast<uint64_t>(vni_high) << 56 | kInUse | (remote ? kBehindPeer : 0) |
         static_cast<uint64_t>(remote ? place.peer.value : place.port.value) << 32;
}
Segment::Place decode(uint64_t value) {
  const auto id = static_cast<uint16_t>(value >> 32);
  if ((value & kBehindPeer) != 0) return {kUplinkPort, PeerId{id}};
  return {PortId{id}, kNoPeer};
}
constexpr uint64_t kPlaceBits = kBehindPeer | uint64_t{0xffff} << 32;

// Lcores read their clocks at different moments, so an entry may seem to lie in the future.
uint32_t age_of(uint64_t value, TimeMs now) {
  const auto age = static_cast<int32_t>(age_ms(now, static_cast<TimeMs>(value)));
  return age < 0 ? 0 : static_cast<uint32_t>(age);
}

Fdb::Station station_of(uint64_t key, uint64_t value, TimeMs now) {
  const auto vni = static_cast<uint32_t>(value >> 56 << 16 | (key & 0xffff));
  return {Vni{vni}, Mac::from_u64(key >> 16), decode(value), age_of(value, now),
          (value & kHeld) != 0};
}

}  // namespace

class Fdb::TryLock {
 public:
  explicit TryLock(std::atomic<bool>& flag) noexcept
      : flag_(flag), held_(!flag.exchange(true, std::memory_order_acquire)) {}
  ~TryLock() {
    if (held_) flag_.store(false, std::memory_order_release);
  }
  TryLock(const TryLock&) = delete;
  TryLock& operator=(const TryLock&) = delete;
  explicit operator bool() const { return held_; }

 private:
  std::atomic<bool>& flag_;
  const bool held_;
};

const char* Fdb::name_of(Learnt result) {
  constexpr std::array kNames{"learnt", "refreshed",        "moved", "unchanged", "full",
                              "quota",  "quota of its nic", "held",  "busy",      "unfit"};
  return kNames[static_cast<size_t>(result)];
}

Fdb::Limits Fdb::Limits::of(const SwitchSettings& settings) {
  return {.ageing_ms = settings[SwitchKnob::ageing] * 1000,
          .per_port = settings[SwitchKnob::nic_macs],
          .per_segment = settings[SwitchKnob::segment_macs],
          .moves_per_s = settings[SwitchKnob::mac_moves_per_s],
          .hold_ms = settings[SwitchKnob::mac_hold] * 1000};
}

Fdb::Fdb(uint32_t capacity, const Limits& limits, const wire::HashSeed& seed)
    : buckets_count_(std::bit_ceil(std::max(capacity, 2 * kWays)) / kWays),
      seed_(seed),
      buckets_(std::make_unique<Bucket[]>(buckets_count_)),
      notes_(std::make_unique<Note[]>(buckets_count_ * kWays)),
      ports_(std::make_unique<std::atomic<uint32_t>[]>(kMaxPorts)),
      segments_(std::make_unique<std::atomic<uint32_t>[]>(kMaxSegments)) {
  set_limits(limits);
}

// Several lcores may do so at once, for the same snapshot or for one and its successor: each does
// before it looks at anything.
void Fdb::set_limits(const Limits& limits) noexcept {
  ageing_ms_.store(limits.ageing_ms, std::memory_order_relaxed);
  refresh_ms_.store(std::min(kRefreshMs, limits.ageing_ms / 2), std::memory_order_relaxed);
  per_port_.store(limits.per_port, std::memory_order_relaxed);
  per_segment_.store(limits.per_segment, std::memory_order_relaxed);
  moves_per_s_.store(limits.moves_per_s, std::memory_order_relaxed);
  hold_ms_.store(limits.hold_ms, std::memory_order_relaxed);
}

Fdb::Counts Fdb::counts() const {
  return {moved_.load(std::memory_order_relaxed), held_.load(std::memory_order_relaxed),
          not_learnt_.load(std::memory_order_relaxed)};
}

// The hash is seeded: a guest cannot make MACs that fill the buckets of another tenant.
Fdb::Spot Fdb::spot_of(Vni vni, const Mac& mac) const noexcept {
  const uint64_t key = mac.to_u64() << 16 | (vni.value & 0xffff);
  const auto high = static_cast<uint8_t>(vni.value >> 16);
  const uint32_t hash = wire::hash_words({key, high}, seed_);
  const size_t mask = buckets_count_ - 1;
  const size_t first = hash & mask;
  // An odd distance, so the second bucket is another one.
  const size_t distance = (hash >> 16 | 1u) * 0x9e3779b1u;
  return {key, high, {first, first ^ (distance & mask)}};
}

Fdb::Found Fdb::look_up(const Spot& spot) const noexcept {
  for (const size_t bucket : spot.buckets) {
    for (Entry& entry : buckets_[bucket].ways) {
      if (entry.key.load(std::memory_order_acquire) != spot.key) continue;
      // Acquire: when this is a later owner's value, the key was zeroed before and is seen so.
      const uint64_t value = entry.value.load(std::memory_order_acquire);
      if (entry.key.load(std::memory_order_relaxed) != spot.key) continue;
      if (value >> 56 == spot.vni_high) return {&entry, value};
    }
  }
  return {};
}

bool Fdb::has_aged(uint64_t value, TimeMs now) const noexcept {
  return age_of(value, now) > ageing_ms_.load(std::memory_order_relaxed);
}

bool Fdb::is_held(const Entry& entry, uint64_t value, TimeMs now) const noexcept {
  if ((value & kHeld) == 0 || moves_per_s_.load(std::memory_order_relaxed) == 0) return false;
  const TimeMs until = note_of(entry).since.load(std::memory_order_relaxed);
  return static_cast<int32_t>(age_ms(until, now)) > 0;
}

bool Fdb::has_room(uint32_t used, const std::atomic<uint32_t>& limit) noexcept {
  const uint32_t most = limit.load(std::memory_order_relaxed);
  return most == 0 || used < most;
}

std::optional<Fdb::Place> Fdb::find(Vni vni, const Mac& mac, TimeMs now) const noexcept {
  const Found found = look_up(spot_of(vni, mac));
  if (!found.entry || has_aged(found.value, now)) return std::nullopt;
  return decode(found.value);
}

// What is refused is so without the lock: a flood keeps no other lcore from learning.
Fdb::Learnt Fdb::learn(Vni vni, uint16_t segment, const Mac& mac, Place place,
                       TimeMs now) noexcept {
  if (mac.is_zero() || mac.is_group()) return Learnt::unfit;
  const Spot spot = spot_of(vni, mac);
  const uint64_t wanted = encode(spot.vni_high, place) | now;
  const auto same_place = [wanted](uint64_t value) { return ((value ^ wanted) & kPlaceBits) == 0; };
  const Found seen = look_up(spot);
  const bool is_here = seen.entry && same_place(seen.value);
  if (is_here && age_of(seen.value, now) <= refresh_ms_.load(std::memory_order_relaxed)) {
    return Learnt::unchanged;
  }
  if (seen.entry && !is_here && is_held(*seen.entry, seen.value, now)) return Learnt::held;
  if (!is_here && place.port != kUplinkPort && !has_room(size_of(place.port), per_port_)) {
    return Learnt::port_quota;
  }
  if (!seen.entry && !has_room(segments_[segment].load(std::memory_order_relaxed), per_segment_)) {
    not_learnt_.fetch_add(1, std::memory_order_relaxed);
    return Learnt::quota;
  }

  const TryLock lock(locked_);
  if (!lock) return Learnt::busy;
  if (const Found found = look_up(spot); found.entry) {
    if (!same_place(found.value)) return move(*found.entry, found.value, wanted, now);
    const uint64_t held = is_held(*found.entry, found.value, now) ? kHeld : 0;
    found.entry->value.store(wanted | held, std::memory_order_release);
    return Learnt::refreshed;
  }
  Entry* const entry = make_room(spot, now);
  if (!entry) {
    not_learnt_.fetch_add(1, std::memory_order_relaxed);
    return Learnt::full;
  }
  entry->value.store(wanted, std::memory_order_release);
  entry->key.store(spot.key, std::memory_order_release);
  Note& note = note_of(*entry);
  note.segment = segment;
  note.moves = 0;
  note.since.store(now, std::memory_order_relaxed);
  segments_[segment].fetch_add(1, std::memory_order_relaxed);
  count_at(wanted, 1);
  size_.fetch_add(1, std::memory_order_relaxed);
  return Learnt::learnt;
}

// Moves are counted from the first one of a second on.
Fdb::Learnt Fdb::move(Entry& entry, uint64_t value, uint64_t wanted, TimeMs now) noexcept {
  if (is_held(entry, value, now)) return Learnt::held;
  Note& note = note_of(entry);
  const auto since = static_cast<int32_t>(age_ms(now, note.since.load(std::memory_order_relaxed)));
  const bool was_held = (value & kHeld) != 0;
  if (was_held || since < 0 || since >= static_cast<int32_t>(kMoveWindowMs)) {
    note.since.store(now, std::memory_order_relaxed);
    note.moves = 0;
  }
  const uint32_t most = moves_per_s_.load(std::memory_order_relaxed);
  if (most != 0 && ++note.moves > most) {
    note.since.store(now + hold_ms_.load(std::memory_order_relaxed), std::memory_order_relaxed);
    entry.value.store(value | kHeld, std::memory_order_release);
    held_.fetch_add(1, std::memory_order_relaxed);
    return Learnt::held;
  }
  count_at(value, -1);
  count_at(wanted, 1);
  entry.value.store(wanted, std::memory_order_release);
  moved_.fetch_add(1, std::memory_order_relaxed);
  moves_.fetch_add(1, std::memory_order_release);
  return Learnt::moved;
}

void Fdb::count_at(uint64_t value, int change) noexcept {
  const Place place = decode(value);
  if (place.port == kUplinkPort) return;
  ports_[place.port.value].fetch_add(static_cast<uint32_t>(change), std::memory_order_relaxed);
}

size_t Fdb::index_of(const Entry& entry) const {
  return static_cast<size_t>(reinterpret_cast<uintptr_t>(&entry) -
                             reinterpret_cast<uintptr_t>(buckets_.get())) /
         sizeof(Entry);
}

// A free entry in the emptier of the two buckets; else one that has aged; else null.
Fdb::Entry* Fdb::make_room(const Spot& spot, TimeMs now) noexcept {
  Entry* best = nullptr;
  Entry* aged = nullptr;
  uint32_t most_free = 0;
  for (const size_t bucket : spot.buckets) {
    Entry* free = nullptr;
    uint32_t free_count = 0;
    for (Entry& entry : buckets_[bucket].ways) {
      if (entry.key.load(std::memory_order_relaxed) == 0) {
        free = &entry;
        ++free_count;
      } else if (has_aged(entry.value.load(std::memory_order_relaxed), now)) {
        aged = &entry;
      }
    }
    if (free_count > most_free) {
      best = free;
      most_free = free_count;
    }
  }
  if (!best && aged) {
    release(*aged);
    best = aged;
  }
  return best;
}

void Fdb::release(Entry& entry) noexcept {
  entry.key.store(0, std::memory_order_release);
  segments_[note_of(entry).segment].fetch_sub(1, std::memory_order_relaxed);
  count_at(entry.value.load(std::memory_order_relaxed), -1);
  size_.fetch_sub(1, std::memory_order_relaxed);
}

uint32_t Fdb::sweep(TimeMs now, uint32_t slots) noexcept {
  const TryLock lock(locked_);
  if (!lock) return 0;
  uint32_t freed = 0;
  for (uint32_t i = 0; i < std::min(slots, capacity()); ++i) {
    Entry& entry = slot(cursor_);
    cursor_ = cursor_ + 1 == capacity() ? 0 : cursor_ + 1;
    if (entry.key.load(std::memory_order_relaxed) == 0 ||
        !has_aged(entry.value.load(std::memory_order_relaxed), now)) {
      continue;
    }
    release(entry);
    ++freed;
  }
  return freed;
}

bool Fdb::Filter::fits(const Station& station) const {
  if (vni && *vni != station.vni) return false;
  if (mac && *mac != station.mac) return false;
  return !place || (place->port == station.place.port && place->peer == station.place.peer);
}

void Fdb::for_each(const Filter& filter, TimeMs now,
                   const std::function<bool(const Station&)>& sink) const {
  for (size_t i = 0; i < capacity(); ++i) {
    const Entry& entry = slot(i);
    const uint64_t key = entry.key.load(std::memory_order_acquire);
    const uint64_t value = entry.value.load(std::memory_order_acquire);
    if (key == 0 || entry.key.load(std::memory_order_relaxed) != key) continue;
    if (has_aged(value, now)) continue;
    const Station station = station_of(key, value, now);
    if (filter.fits(station) && !sink(station)) return;
  }
}

// Takes the lock for a slice at a time, so that lcores keep learning meanwhile.
uint32_t Fdb::forget(const Filter& filter) {
  constexpr size_t kSlice = 256;
  uint32_t forgotten = 0;
  for (size_t next = 0; next < capacity();) {
    const TryLock lock(locked_);
    if (!lock) {
      std::this_thread::yield();
      continue;
    }
    for (const size_t end = std::min<size_t>(next + kSlice, capacity()); next < end; ++next) {
      Entry& entry = slot(next);
      const uint64_t key = entry.key.load(std::memory_order_relaxed);
      const uint64_t value = entry.value.load(std::memory_order_relaxed);
      if (key == 0 || !filter.fits(station_of(key, value, 0))) continue;
      release(entry);
      ++forgotten;
    }
  }
  if (forgotten != 0) moves_.fetch_add(1, std::memory_order_release);
  return forgotten;
}

uint32_t Fdb::forget_port(PortId port) {
  return port == kUplinkPort ? 0 : forget({.vni = {}, .mac = {}, .place = Place{port, kNoPeer}});
}

uint32_t Fdb::forget_peer(PeerId peer) {
  return forget({.vni = {}, .mac = {}, .place = Place{kUplinkPort, peer}});
}

uint32_t Fdb::forget_segment(Vni vni) { return forget({.vni = vni, .mac = {}, .place = {}}); }

}  // namespace butterfly
