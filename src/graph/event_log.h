// SPDX-License-Identifier: Apache-2.0
// What one lcore tells of packets that it drops, of connections that rules with a log procedure let
// start, and of where it learns that stations are: while somebody watches, so many of them a
// second, the others counted.
//
// Capacity: kEvents; when it is full an event is kept back, and counted.
// Writers:  the lcore; it reads what is wanted once a round. Readers: one control thread at a time.
// Memory:   0.35 MB, real only once somebody has watched.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/cache_line.h"
#include "base/clock.h"
#include "base/ids.h"
#include "graph/brick.h"
#include "graph/counters.h"
#include "tables/fdb.h"
#include "tables/lazy_array.h"

namespace butterfly {

enum class EventKind : uint8_t {
  drop,           // by `out` of `node`
  egress_start,   // a connection that a guest starts
  ingress_start,  // a connection to a guest
  station,        // what came of learning where a frame's sender is: `learnt`
};

// A plain value, whose facts are copies: what they name may be gone when it is read.
struct Event {
  static constexpr size_t kHead = 128;  // as far as the headers of nearly all frames go

  EventKind kind;
  uint8_t node;
  uint8_t out;
  uint8_t head_length;
  TimeMs time;
  uint32_t length;     // of the frame, bytes
  uint32_t kept_back;  // others of the same kind (and out) since the last one that was told
  PortId in_port;
  PortId out_port;
  PeerId peer;         // of `station`, from the uplink: who sent it
  Fdb::Learnt learnt;  // of `station`
  Vni vni;
  std::array<uint8_t, kHead> head;  // the frame's first bytes
  // Names, ended by a zero: the rule that lets it start or refuses it, and its group; of a rule of
  // the guard list its key, and no group. Empty when no rule decided.
  std::array<char, 72> rule;
  std::array<char, 72> group;
};

// Which events are told: every Nth of a kind, and not more than so many a second.
class EventSampler {
 public:
  // A kind of event: an out that drops, one of the two starts, or what learning came to.
  static constexpr size_t key_of(size_t node, size_t out) { return node * kMaxOuts + out; }
  static constexpr size_t key_of(EventKind start) {
    return kMaxNodes * kMaxOuts + static_cast<size_t>(start) - 1;
  }
  static constexpr size_t key_of(Fdb::Learnt learnt) {
    return kMaxNodes * kMaxOuts + 2 + static_cast<size_t>(learnt);
  }
  static constexpr size_t kKeys =
      kMaxNodes * kMaxOuts + 2 + static_cast<size_t>(Fdb::Learnt::unfit) + 1;

  // REQUIRES: neither is 0.
  void set(uint32_t sample_every, uint32_t per_second) {
    sample_every_ = sample_every;
    per_second_ = per_second;
  }
  // Nothing was kept back.
  void reset() {
    kinds_.fill({});
    has_second_ = false;
  }
  // Whether to tell an event that stands for `weight`; then how many of its kind were kept back
  // since the last one. The first of a kind is told when the rate allows it.
  std::optional<uint32_t> admit(size_t key, TimeMs now, uint32_t weight = 1);
  void keep_back(size_t key, uint32_t weight = 1);

 private:
  bool take(TimeMs now);

  struct Kind {
    uint32_t kept_back = 0;
    bool was_told = false;
  };
  uint32_t sample_every_ = 1;
  uint32_t per_second_ = 1;
  bool has_second_ = false;
  TimeMs second_ = 0;  // when the present one began
  uint32_t told_ = 0;  // in it
  std::array<Kind, kKeys> kinds_{};
};

// What watchers want to be told, all together.
struct EventWants {
  uint32_t sample_every = 1;
  uint32_t per_second = 1;
  bool starts = false;
  bool stations = false;
  std::array<uint32_t, kMaxNodes> outs{};  // of each node a bit for each out whose drops are wanted
  bool any_port = false;
  std::array<uint64_t, kMaxPorts / 64> ports{};  // a bit a port that packets come from or go to

  void add_port(PortId port) { ports[port.value / 64] |= uint64_t{1} << (port.value % 64); }
};
static_assert(kMaxOuts <= 32 && kMaxPorts % 64 == 0);

class EventLog {
 public:
  static constexpr uint32_t kEvents = 1024;

  // Control side, one thread at a time. What is wanted counts from the lcore's next round on.
  void arm(const EventWants& wants);
  void disarm() { armed_.store(0, std::memory_order_relaxed); }
  // The oldest event, false when there is none.
  bool take(Event& event);
  // Forgets what nobody has taken.
  void clear() { tail_.store(head_.load(std::memory_order_acquire), std::memory_order_release); }

  // Lcore side.
  // Once a round: whether somebody watches.
  bool begin_round() {
    const uint32_t armed = armed_.load(std::memory_order_acquire);
    if (armed != 0) [[unlikely]]
      follow(armed);
    return armed != 0;
  }
  bool wants_drop(size_t node, size_t out, PortId in_port, PortId out_port) const {
    return (outs_[node].load(std::memory_order_relaxed) >> out & 1) != 0 &&
           wants_ports(in_port, out_port);
  }
  bool wants_start(PortId in_port, PortId out_port) const {
    return starts_.load(std::memory_order_relaxed) && wants_ports(in_port, out_port);
  }
  bool wants_stations() const { return stations_.load(std::memory_order_relaxed); }
  // The rule that refuses the packet at hand; null: none does. What the name refers to must live
  // until the packet has left its node.
  void set_refusing(const std::string* rule) { refusing_ = rule; }
  const std::string* take_refusing() { return std::exchange(refusing_, nullptr); }
  // The place for an event that is told, its kept_back filled in; null when it is kept back.
  Event* begin(size_t key, TimeMs now);
  // REQUIRES: begin() has returned a place, which is filled in now.
  void finish() {
    head_.store(head_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

 private:
  void follow(uint32_t armed);
  bool wants_ports(PortId in_port, PortId out_port) const {
    return any_port_.load(std::memory_order_relaxed) || wants_port(in_port) || wants_port(out_port);
  }
  bool wants_port(PortId port) const {
    return port.value < kMaxPorts &&
           (ports_[port.value / 64].load(std::memory_order_relaxed) >> (port.value % 64) & 1) != 0;
  }

  // Written by the control side when somebody begins or ends to watch.
  alignas(kCacheLine) std::atomic<uint32_t> armed_{0};  // which time; 0: nobody watches
  uint32_t times_armed_ = 0;                            // control side only
  std::atomic<uint32_t> sample_every_{1};
  std::atomic<uint32_t> per_second_{1};
  std::atomic<bool> starts_{false};
  std::atomic<bool> stations_{false};
  std::atomic<bool> any_port_{false};
  std::array<std::atomic<uint32_t>, kMaxNodes> outs_{};
  std::array<std::atomic<uint64_t>, kMaxPorts / 64> ports_{};
  alignas(kCacheLine) std::atomic<uint32_t> tail_{0};
  // Written by the lcore.
  alignas(kCacheLine) std::atomic<uint32_t> head_{0};
  uint32_t followed_ = 0;
  const std::string* refusing_ = nullptr;
  EventSampler sampler_;
  LazyArray<Event> events_{kEvents};
};

}  // namespace butterfly
