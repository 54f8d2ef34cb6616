// SPDX-License-Identifier: Apache-2.0
// Datagrams that come in fragments: which parts of each have come, what its first one said, and
// what waits for it (decision record 0013). Sources: RFC 791 §3.2, 1858, 5722, 8200 §4.5, 4963.
//
// Key:      wire::FragmentId, in a seeded hash.
// Value:    Datagram, a bitmap of the units of 8 bytes that have come and one of where parts begin,
//           and a queue of handles of what is held, in order of arrival.
// Capacity: FragmentLimits. A source (a port, or a peer in a segment) has a share of everything;
//           who has used it up can begin no datagram. The whole full: oldest() is to make room.
// Time:     a datagram lives for timeout_ms from its first arrival, whatever comes later.
// Writer:   one lcore, the only reader too.
// Memory:   2 KiB a datagram for the bitmaps, touched when used, and some 150 bytes.
#pragma once

#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "tables/lazy_array.h"
#include "wire/fragment.h"

namespace butterfly {

// Of one lcore.
struct FragmentLimits {
  uint16_t datagrams = 512;
  uint16_t datagrams_per_source = 64;
  uint16_t held = 2048;            // fragments
  uint16_t held_per_source = 256;  // two of the largest datagrams, cut for links of 576 bytes
  uint32_t bytes_per_source = 1 << 20;
  // What is on the way together is there within milliseconds. IPv4's 16-bit identifications come
  // around within seconds on fast links (RFC 4963), so longer means more false company, not less
  // loss.
  uint32_t timeout_ms = 5'000;
};

class FragmentTable {
 public:
  static constexpr uint16_t kNone = 0xffff;

  struct Datagram {
    wire::FragmentId id;
    wire::Parsed first;  // what its first fragment said, once that has come
    uint64_t life = 0;   // the caller's: of what it came from
    TimeMs begun = 0;
    uint32_t tcp_base = 0;  // of TCP: the sequence number that its first byte would have
    uint32_t end = 0;       // length, once the last part has come
    uint32_t furthest = 0;  // where the last byte seen so far ends
    uint16_t units = 0;     // of 8 bytes, that have come
    uint16_t share = 0;     // of whom
    uint16_t oldest_held = kNone, newest_held = kNone;
    uint16_t bucket_next = kNone;
    uint16_t older = kNone, newer = kNone;
    uint16_t bucket = 0;
    bool has_first = false;
    bool is_spoilt = false;  // nothing of it goes on any more
  };

  enum class Fit : uint8_t { fits, duplicate, overlap };

  FragmentTable(const FragmentLimits& limits, const wire::HashSeed& seed);

  // How many fragments of a source may wait from now on, of a quarter as many datagrams; what waits
  // goes on to.
  void set_share(uint32_t held) noexcept {
    limits_.held_per_source = static_cast<uint16_t>(held);
    limits_.datagrams_per_source = static_cast<uint16_t>(held / 4);
  }

  // Seeded; tables with equal seeds agree.
  uint32_t hash_of(const wire::FragmentId& id) const noexcept;
  // The datagram, or null; also one that has lived too long and was not erased yet.
  Datagram* find(const wire::FragmentId& id, uint32_t hash) noexcept;
  // Whether that source may begin one more; false when its share is used up.
  bool may_begin(uint32_t source) const noexcept {
    return shares_[share_of(source)].datagrams < limits_.datagrams_per_source;
  }
  bool has_room() const noexcept { return free_datagram_ != kNone; }
  // REQUIRES: has_room(), and find() gives null.
  Datagram& begin(const wire::FragmentId& id, uint32_t hash, uint32_t source, uint64_t life,
                  TimeMs now) noexcept;

  // Whether the part is new, and if so notes that it has come. An exact duplicate, of place and
  // length, may go (RFC 8200 §4.5); any other overlap, a part beyond the end, or a second end, is
  // an attack (RFC 1858, 5722).
  Fit fit(Datagram& datagram, const wire::FragmentPart& part) noexcept;
  bool is_complete(const Datagram& datagram) const noexcept {
    return datagram.end != 0 && datagram.units == (datagram.end + 7) / 8;
  }

  // Whether its source may have one more held.
  bool may_hold(const Datagram& datagram, uint32_t length) const noexcept {
    const Share& share = shares_[datagram.share];
    return share.held < limits_.held_per_source && share.bytes + length <= limits_.bytes_per_source;
  }
  bool has_room_to_hold() const noexcept { return free_held_ != kNone; }
  // Queues the handle. REQUIRES: may_hold() and has_room_to_hold().
  void hold(Datagram& datagram, void* handle, uint32_t length) noexcept;
  // Gives all that is held of the datagram to `visit`, in order of arrival, and keeps none.
  template <typename Visit>
  void release(Datagram& datagram, Visit visit) noexcept {
    while (datagram.oldest_held != kNone) visit(take_held(datagram));
  }
  // Forgets the datagram. REQUIRES: nothing of it is held.
  void erase(Datagram& datagram) noexcept;

  // The one that began first, null when there is none.
  Datagram* oldest() noexcept { return oldest_ == kNone ? nullptr : &datagrams_[oldest_]; }
  bool has_expired(const Datagram& datagram, TimeMs now) const noexcept {
    return age_ms(now, datagram.begun) >= limits_.timeout_ms;
  }
  uint32_t held() const { return held_count_; }
  uint32_t size() const { return size_; }

 private:
  static constexpr size_t kUnits = 8192;  // 65,535 bytes
  static constexpr size_t kWords = kUnits / 64;
  static constexpr uint16_t kPortShares = 1280;  // a port's own
  static constexpr uint16_t kTunnelShares = 1024;
  struct Bitmaps {
    uint64_t come[kWords];
    uint64_t begins[kWords];
  };
  struct Held {
    void* handle;
    uint32_t length;
    uint16_t next;
  };
  struct Share {
    uint16_t datagrams = 0;
    uint16_t held = 0;
    uint32_t bytes = 0;
  };

  static uint16_t share_of(uint32_t source) noexcept;
  uint16_t index_of(const Datagram& datagram) const {
    return static_cast<uint16_t>(&datagram - datagrams_.data());
  }
  void* take_held(Datagram& datagram) noexcept;
  bool is_duplicate(const Datagram& datagram, const wire::FragmentPart& part) const noexcept;

  FragmentLimits limits_;
  wire::HashSeed seed_;
  std::vector<Datagram> datagrams_;
  LazyArray<Bitmaps> bitmaps_;  // of the datagram with the same index
  std::vector<Held> fragments_;
  std::vector<uint16_t> buckets_;  // first datagram of each
  std::vector<Share> shares_;
  uint16_t free_datagram_ = kNone;  // chained by bucket_next
  uint16_t free_held_ = kNone;      // chained by next
  uint16_t oldest_ = kNone;
  uint16_t newest_ = kNone;
  uint32_t held_count_ = 0;
  uint32_t size_ = 0;
};

}  // namespace butterfly
