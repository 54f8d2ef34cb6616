// SPDX-License-Identifier: Apache-2.0
// The forwarding database: which MAC was last seen where (IEEE 802.1Q §8.8), for all segments.
//
// Key:      VNI and MAC.
// Value:    a local port, or a peer behind the uplink; when the MAC was last seen.
// Capacity: given at construction, in buckets of four; a key may lie in either of two buckets. With
//           both full, or its segment or port at its limit, a new MAC is not learnt, and nobody
//           else's is thrown out. Aged entries count until they are swept or their place in a full
//           bucket is needed.
// Moves:    a MAC that moves more often than the limit is held: it stays where it is for a while.
// Writers:  any lcore, for the few nanoseconds that it holds a try-lock. Who does not get it leaves
//           the learning to its next packet: no lcore waits. The control side forgets.
// Readers:  any lcore, without a lock. A reader that is interrupted in the middle while its entry
//           is replaced twice may get a place of another segment: check the port's segment.
// Memory:   24 bytes an entry.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/ids.h"
#include "base/mac.h"
#include "base/switch_settings.h"
#include "tables/segment_table.h"
#include "wire/flow_key.h"

namespace butterfly {

class Fdb {
 public:
  using Place = Segment::Place;

  enum class Learnt : uint8_t {
    learnt,      // was not known
    refreshed,   // known there; the time was brought up to date
    moved,       // was known elsewhere
    unchanged,   // known there, seen a moment ago: nothing was written
    full,        // no room where this key may lie
    quota,       // its segment has as many MACs as it may have
    port_quota,  // its port has as many MACs as it may have
    held,        // known elsewhere, and it has moved too often: it stays there
    busy,        // another lcore was writing
    unfit,       // no station has this address: zero or a group
  };
  // For traces: "learnt", "refreshed", …
  static const char* name_of(Learnt result);

  // What may be settled while lcores run. 0: no limit.
  struct Limits {
    uint32_t ageing_ms = 300'000;
    uint32_t per_port = 0;     // MACs that are learnt at a port of this host
    uint32_t per_segment = 0;  // MACs that are learnt in a segment
    uint32_t moves_per_s = 0;  // of one MAC
    uint32_t hold_ms = 10'000;

    static Limits of(const SwitchSettings& settings);
    bool operator==(const Limits&) const = default;
  };
  // Since the start.
  struct Counts {
    uint64_t moved = 0;       // times that a MAC moved
    uint64_t held = 0;        // times that one began to be held
    uint64_t not_learnt = 0;  // frames whose new MAC was not learnt: its segment at its limit, or
                              // no room
  };

  // `capacity` is rounded up to a power of two, at least 8. REQUIRES: ageing_ms is less than 12
  // days, and the whole table is swept at least once in that time.
  Fdb(uint32_t capacity, const Limits& limits,
      const wire::HashSeed& seed = wire::random_hash_seed());

  // Any lcore: counts for whatever is learnt or found from now on. Lower limits forget nothing.
  void set_limits(const Limits& limits) noexcept;

  // Where the MAC was last seen, unless that was longer ago than the ageing time. Any lcore.
  std::optional<Place> find(Vni vni, const Mac& mac, TimeMs now) const noexcept;

  // Notes that the MAC was seen at `place`. `segment` is the VNI's slot in the SegmentTable, it
  // stays the same until forget_segment. Writes only what is new, or older than a second. Any
  // lcore.
  Learnt learn(Vni vni, uint16_t segment, const Mac& mac, Place place, TimeMs now) noexcept;

  // That a MAC which was just learnt was known elsewhere, by intent. Any lcore.
  void note_move() noexcept { moves_.fetch_add(1, std::memory_order_release); }

  // Frees what has aged among the next `slots` entries; returns how many. Does nothing when another
  // lcore is writing. For lcores between bursts, every millisecond or so: it takes the lock's line.
  uint32_t sweep(TimeMs now, uint32_t slots) noexcept;

  // One entry, as it is told.
  struct Station {
    Vni vni;
    Mac mac;
    Place place;
    uint32_t age_ms = 0;  // since it was last seen
    bool is_held = false;
  };
  // Which entries; empty members match anything.
  struct Filter {
    std::optional<Vni> vni;
    std::optional<Mac> mac;
    std::optional<Place> place;

    bool fits(const Station& station) const;
  };
  // Control side: calls `sink` for every entry that fits and has not aged, in no order, until it
  // returns false. What comes, moves or goes meanwhile may be seen or not.
  void for_each(const Filter& filter, TimeMs now,
                const std::function<bool(const Station&)>& sink) const;
  // Control side: forgets those that fit, aged ones too; returns how many. Lcores may learn them
  // again at once.
  uint32_t forget(const Filter& filter);

  // Control side: forgets everything at a place or of a segment; returns how much that was.
  // REQUIRES: no lcore learns it any more.
  uint32_t forget_port(PortId port);
  uint32_t forget_peer(PeerId peer);
  uint32_t forget_segment(Vni vni);

  // Grows whenever a MAC is found, or made, to be no longer where it was: never for one that is
  // new, seen again or aged. Any thread.
  uint64_t moves() const { return moves_.load(std::memory_order_acquire); }
  // Entries in use, aged ones included.
  uint32_t size() const { return size_.load(std::memory_order_relaxed); }
  // Learnt at a port of this host.
  uint32_t size_of(PortId port) const { return ports_[port.value].load(std::memory_order_relaxed); }
  Counts counts() const;
  uint32_t capacity() const { return static_cast<uint32_t>(buckets_count_) * kWays; }

 private:
  static constexpr uint32_t kWays = 4;
  static constexpr uint32_t kRefreshMs = 1'000;
  static constexpr uint32_t kMoveWindowMs = 1'000;

  // Each word is whole by itself. `key` is written last when an entry is taken and zeroed first
  // when it is freed, so a value read between two equal keys belongs to that key.
  struct Entry {
    std::atomic<uint64_t> key{0};    // MAC << 16 | low 16 bits of the VNI; 0: free
    std::atomic<uint64_t> value{0};  // VNI's high 8 bits, place and whether held in 24, last seen
                                     // in 32 (TimeMs)
  };
  // What only who learns needs of an entry.
  struct Note {
    uint16_t segment = 0;          // where it is counted
    uint16_t moves = 0;            // since `since`
    std::atomic<TimeMs> since{0};  // of an entry that is held: until when
  };
  struct alignas(64) Bucket {
    std::array<Entry, kWays> ways;
  };
  static_assert(sizeof(Bucket) == 64);

  // Where a key may lie.
  struct Spot {
    uint64_t key;
    uint8_t vni_high;
    std::array<size_t, 2> buckets;
  };
  struct Found {
    Entry* entry = nullptr;
    uint64_t value = 0;
  };
  class TryLock;

  Spot spot_of(Vni vni, const Mac& mac) const noexcept;
  Found look_up(const Spot& spot) const noexcept;
  bool has_aged(uint64_t value, TimeMs now) const noexcept;
  bool is_held(const Entry& entry, uint64_t value, TimeMs now) const noexcept;
  static bool has_room(uint32_t used, const std::atomic<uint32_t>& limit) noexcept;
  Entry& slot(size_t index) const { return buckets_[index / kWays].ways[index % kWays]; }
  size_t index_of(const Entry& entry) const;
  Note& note_of(const Entry& entry) const { return notes_[index_of(entry)]; }

  // Beyond this line: with the lock held.
  Learnt move(Entry& entry, uint64_t value, uint64_t wanted, TimeMs now) noexcept;
  Entry* make_room(const Spot& spot, TimeMs now) noexcept;
  void release(Entry& entry) noexcept;
  void count_at(uint64_t value, int change) noexcept;

  const size_t buckets_count_;
  const wire::HashSeed seed_;
  const std::unique_ptr<Bucket[]> buckets_;
  const std::unique_ptr<Note[]> notes_;  // by entry

  // Written at changes of settings only.
  std::atomic<uint32_t> ageing_ms_;
  std::atomic<uint32_t> refresh_ms_;
  std::atomic<uint32_t> per_port_;
  std::atomic<uint32_t> per_segment_;
  std::atomic<uint32_t> moves_per_s_;
  std::atomic<uint32_t> hold_ms_;

  alignas(64) std::atomic<uint64_t> moves_{0};  // read by every lcore for every burst
  alignas(64) std::atomic<bool> locked_{false};
  std::atomic<uint32_t> size_{0};
  std::atomic<uint64_t> moved_{0};
  std::atomic<uint64_t> held_{0};
  std::atomic<uint64_t> not_learnt_{0};
  size_t cursor_ = 0;  // of sweep
  // Of entries. Written with the lock held; a look without it may be a moment old.
  const std::unique_ptr<std::atomic<uint32_t>[]> ports_;     // by PortId
  const std::unique_ptr<std::atomic<uint32_t>[]> segments_;  // by segment
};

}  // namespace butterfly
