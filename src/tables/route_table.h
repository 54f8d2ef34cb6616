// SPDX-License-Identifier: Apache-2.0
// The routes of one lcore: where packets went that came from one place with one pair of MACs, and
// what that answer rests on. Flows refer to routes, so one compare checks what many flows share.
//
// Key:      RouteKey: destination and source MAC, and the origin (nic, or segment and peer).
// Value:    where to, and the generations of the nics that let it pass.
// Capacity: kRoutes, in sets of eight. Full: the route of a set that was longest not walked gives
//           way; the flows that referred to it walk again.
// Writer:   the lcore, which is also the only reader.
// Memory:   64 bytes a route, touched when used.
//
// A flow keeps a RouteMark: the route's slot and version. The version grows whenever the slot comes
// to mean something else, so that a mark stands for exactly what its flow's verdicts were given
// for. It has 16 bits: FlowTable::sweep() takes away marks of old versions, and a slot refuses to
// change more often than a quarter of the numbers between two sweeps, so no old mark can come true
// again.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "base/clock.h"
#include "base/ids.h"
#include "tables/lazy_array.h"
#include "wire/flow_key.h"

namespace butterfly {

// All zero: none.
struct RouteMark {
  uint16_t route;
  uint16_t version;
};

struct alignas(16) RouteKey {
  uint8_t macs[12];  // as a frame begins: destination, source
  uint32_t origin;   // Packet::origin

  // REQUIRES: at least 16 bytes at `frame`.
  static RouteKey of(const uint8_t* frame, uint32_t origin) {
    RouteKey key;
    std::memcpy(key.macs, frame, sizeof key.macs);
    key.origin = origin;
    return key;
  }
  // Whether the key is of(frame, origin).
  [[gnu::always_inline]] bool is_of(const uint8_t* frame, uint32_t origin_of_frame) const {
    const __m128i own = _mm_load_si128(reinterpret_cast<const __m128i*>(this));
    const __m128i head = _mm_loadu_si128(reinterpret_cast<const __m128i*>(frame));
    const __m128i other = _mm_insert_epi32(head, static_cast<int>(origin_of_frame), 3);
    const __m128i difference = _mm_xor_si128(own, other);
    return _mm_testz_si128(difference, difference) != 0;
  }
  bool operator==(const RouteKey& other) const {
    return std::memcmp(this, &other, sizeof other) == 0;
  }
};
static_assert(sizeof(RouteKey) == 16);

// What a route leads to, and what was asked for that. Two that are equal are the same route.
#pragma pack(push, 4)
struct RouteAnswer {
  Generation from_nic = 0;  // of the nic it comes from; 0: it came through a tunnel
  Generation to_nic = 0;    // of the nic it goes to; 0: it goes into a tunnel
  Vni vni;
  uint32_t max_length = 0;  // of the frame, in bytes
  PortId out_port = kNoPort;
  PeerId peer = kNoPeer;

  bool operator==(const RouteAnswer&) const = default;
};
#pragma pack(pop)
static_assert(sizeof(RouteAnswer) == 28);

struct alignas(64) Route {
  RouteKey key;
  uint64_t epoch;  // in which it was found to hold; 0: never
  RouteAnswer answer;
  TimeMs walked;  // when a packet took it brick by brick
  uint16_t version;
  uint16_t version_swept;  // what it was when all flows had been swept last
  uint8_t swept;           // which sweep that was
};
static_assert(sizeof(Route) == 64);

class RouteTable {
 public:
  static constexpr uint32_t kRoutes = 65'536;

  explicit RouteTable(const wire::HashSeed& seed) : seed_(seed), routes_(kRoutes) {
    routes_[0].key.origin = kNoOrigin;  // so that no mark, 0, leads to a route that fits no packet
  }

  [[gnu::always_inline]] Route& at(RouteMark mark) const { return routes_[mark.route]; }
  bool is_current(RouteMark mark) const {
    return mark.route == 0 || routes_[mark.route].version == mark.version;
  }

  // The mark of the route with that key and answer, walked just now, in `epoch` (never 0). None
  // when its slot has changed too often lately.
  RouteMark walk(const RouteKey& key, const RouteAnswer& answer, TimeMs now,
                 uint64_t epoch) noexcept;
  // FlowTable::sweep() has looked at every flow once more.
  void note_all_swept() { ++swept_; }

 private:
  static constexpr uint32_t kWays = 8;
  static constexpr uint16_t kMaxChanges = 0x4000;
  static constexpr uint32_t kNoOrigin = 0xffffffff;

  Route& slot_for(const RouteKey& key, TimeMs now) noexcept;
  bool change(Route& route) noexcept;

  const wire::HashSeed& seed_;
  LazyArray<Route> routes_;
  uint8_t swept_ = 0;
};

}  // namespace butterfly
