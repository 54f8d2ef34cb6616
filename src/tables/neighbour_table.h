// SPDX-License-Identifier: Apache-2.0
// Underlay neighbours (next hops of tunnels): address → MAC, by ARP (RFC 826) or ND (RFC 4861).
//
// Key:      next-hop address, set by the control side before a snapshot that uses the slot.
// Capacity: kMaxPeers slots, chosen by the control side; it refuses what does not fit.
// Writers:  control side: claim. Any lcore: learn, note_asked (single words, last wins).
// Readers:  any lcore.
// Memory:   32 bytes an entry.
#pragma once

#include <atomic>
#include <memory>

#include "base/clock.h"
#include "base/ids.h"
#include "base/ip.h"
#include "base/mac.h"

namespace butterfly {

class NeighbourTable {
 public:
  static constexpr uint32_t kReachableMs = 30'000;  // then asked again, still used
  static constexpr uint32_t kForgetMs = 120'000;    // unanswered that long: no longer used
  static constexpr uint32_t kRetryMs = 1'000;       // between questions
  // The first questions of a refresh go to the MAC that is known: a thousand hosts that ask by
  // broadcast for a thousand peers would interrupt each other 33,000 times a second.
  static constexpr uint32_t kUnicastMs = kReachableMs + 3 * kRetryMs;

  NeighbourTable() : slots_(std::make_unique<Slot[]>(kMaxPeers)) {}

  // Control side. The slot must not be in use by any snapshot still read.
  void claim(uint16_t slot, const IpAddress& address) {
    slots_[slot].address = address;
    slots_[slot].mac_word.store(0, std::memory_order_relaxed);
    slots_[slot].asked_ms.store(0, std::memory_order_relaxed);
  }
  const IpAddress& address(uint16_t slot) const { return slots_[slot].address; }

  // Lcores. The MAC, or a zero MAC while it is not known (or forgotten).
  Mac find(uint16_t slot, TimeMs now) const { return Mac::from_u64(find_u64(slot, now)); }
  // The same as Mac::to_u64(), 0 while not known: cheaper to test.
  uint64_t find_u64(uint16_t slot, TimeMs now) const { return find_within(slot, now, kForgetMs); }
  // Where to send a question: the MAC while it was confirmed lately, else zero (ask everyone).
  Mac find_for_refresh(uint16_t slot, TimeMs now) const {
    return Mac::from_u64(find_within(slot, now, kUnicastMs));
  }
  void learn(uint16_t slot, const Mac& mac, TimeMs now) {
    slots_[slot].learnt_ms.store(now, std::memory_order_relaxed);
    slots_[slot].mac_word.store(mac.to_u64(), std::memory_order_release);
  }
  // Whether a question is due: not known or ageing, and not asked within kRetryMs.
  bool should_ask(uint16_t slot, TimeMs now) const {
    const Slot& entry = slots_[slot];
    const TimeMs asked = entry.asked_ms.load(std::memory_order_relaxed);
    if (asked != 0 && age_ms(now, asked) < kRetryMs) return false;
    return entry.mac_word.load(std::memory_order_acquire) == 0 || age(entry, now) > kReachableMs;
  }
  void note_asked(uint16_t slot, TimeMs now) {
    Slot& entry = slots_[slot];
    entry.asked_ms.store(now == 0 ? 1 : now, std::memory_order_relaxed);
    // Else the MAC of a neighbour that has been silent for 49 days would look fresh again. An
    // answer that another lcore learns at this very moment is lost and asked for again.
    if (age(entry, now) > kForgetMs) entry.mac_word.store(0, std::memory_order_relaxed);
  }
  // A number that goes up with each call: the lcore that asks goes on where it stopped, however
  // often the list of next hops is made anew. One lcore only.
  uint32_t next_look() { return looks_++; }

 private:
  struct Slot {
    IpAddress address;
    std::atomic<uint64_t> mac_word{0};
    std::atomic<TimeMs> learnt_ms{0};
    std::atomic<TimeMs> asked_ms{0};
  };
  static_assert(sizeof(Slot) == 32);

  static uint32_t age(const Slot& entry, TimeMs now) {
    return age_ms(now, entry.learnt_ms.load(std::memory_order_relaxed));
  }
  uint64_t find_within(uint16_t slot, TimeMs now, uint32_t limit_ms) const {
    const Slot& entry = slots_[slot];
    const uint64_t word = entry.mac_word.load(std::memory_order_acquire);
    return word == 0 || age(entry, now) > limit_ms ? 0 : word;
  }

  std::unique_ptr<Slot[]> slots_;
  uint32_t looks_ = 0;
};

}  // namespace butterfly
