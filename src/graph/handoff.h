// SPDX-License-Identifier: Apache-2.0
// Hand-over of packets between lcores: a flow has one owner, the only writer of its entry
// (decision record 0006).
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <memory>
#include <span>
#include <vector>

#include "base/cache_line.h"
#include "graph/graph.h"

namespace butterfly {

// Which of `lcores` lcores owns the flows of that hash. From 15 bits of it that FlowIndex does not
// choose buckets by: each lcore's table would else use one part of its index only.
inline uint16_t owner_of(uint32_t flow_hash, uint16_t lcores) {
  return static_cast<uint16_t>((flow_hash & 0x7fff) * lcores >> 15);
}

// A ring with one producing and one consuming lcore. Capacity kSlots packets; full refuses.
class HandoffRing {
 public:
  static constexpr uint32_t kSlots = 1024;

  // Producer: the consumer sees it after publish().
  bool push(Packet* packet) noexcept {
    if (next_ - tail_seen_ == kSlots) {
      tail_seen_ = tail_.load(std::memory_order_acquire);
      if (next_ - tail_seen_ == kSlots) return false;
    }
    slots_[next_++ % kSlots] = packet;
    return true;
  }
  uint32_t unpublished() const noexcept { return next_ - head_.load(std::memory_order_relaxed); }
  void publish() noexcept { head_.store(next_, std::memory_order_release); }

  // Any thread: up to where it was filled, and whether all up to there was taken.
  uint32_t filled() const noexcept { return head_.load(std::memory_order_acquire); }
  bool has_given(uint32_t position) const noexcept {
    return static_cast<int32_t>(tail_.load(std::memory_order_acquire) - position) >= 0;
  }

  // Consumer: takes up to packets.size(); returns how many.
  uint16_t pop(std::span<Packet*> packets) noexcept {
    const uint32_t tail = tail_.load(std::memory_order_relaxed);
    const uint32_t ready = head_.load(std::memory_order_acquire) - tail;
    const uint16_t count = static_cast<uint16_t>(std::min<size_t>(ready, packets.size()));
    for (uint16_t i = 0; i < count; ++i) packets[i] = slots_[(tail + i) % kSlots];
    if (count != 0) tail_.store(tail + count, std::memory_order_release);
    return count;
  }

 private:
  alignas(kLinePair) uint32_t next_ = 0;  // producer's own
  uint32_t tail_seen_ = 0;
  alignas(kCacheLine) std::atomic<uint32_t> head_{0};     // producer writes
  alignas(kLinePair) std::atomic<uint32_t> tail_{0};      // consumer writes
  alignas(kLinePair) std::array<Packet*, kSlots> slots_;  // producer writes
};

// A thread that sleeps when idle and can be woken.
class Waker {
 public:
  virtual ~Waker() = default;
  // Any thread; cheap when the other is awake. REQUIRES: what it shall see when awake was made
  // known by a sequentially consistent read-modify-write before.
  virtual void wake_if_sleeping() noexcept = 0;
};

// All rings of a host and the lcores to wake behind them. Each lcore has a word that says in which
// of its rings packets lie, so that looking costs the same however many lcores there are.
class HandoffMesh {
 public:
  explicit HandoffMesh(uint16_t lcores)
      : lcores_(lcores),
        rings_(static_cast<size_t>(lcores) * lcores),
        inboxes_(lcores),
        wakers_(lcores) {
    for (auto& ring : rings_) ring = std::make_unique<HandoffRing>();
  }
  uint16_t lcores() const { return lcores_; }
  HandoffRing& ring(uint16_t from, uint16_t to) {
    return *rings_[static_cast<size_t>(from) * lcores_ + to];
  }
  void set_waker(uint16_t lcore, Waker* waker) { wakers_[lcore] = waker; }

  // Lcore `from`: what it has pushed into its ring towards `to` may be taken.
  void announce(uint16_t from, uint16_t to) noexcept {
    ring(from, to).publish();
    // The only read-modify-write of a hand-over. It comes after the packets and before the look at
    // the sleeper, so that either sees the other.
    inboxes_[to].rings.fetch_or(bit_of(from), std::memory_order_seq_cst);
    if (wakers_[to]) wakers_[to]->wake_if_sleeping();
  }
  // Lcore `to`: visits the rings that were announced since the last call. Whatever is announced
  // later is seen by the next call.
  template <typename Visit>
  void visit_announced(uint16_t to, Visit visit) noexcept {
    std::atomic<uint64_t>& rings = inboxes_[to].rings;
    if (rings.load(std::memory_order_relaxed) == 0) [[likely]]
      return;
    for (uint64_t left = rings.exchange(0, std::memory_order_acquire); left != 0;
         left &= left - 1) {
      for (auto from = static_cast<uint16_t>(std::countr_zero(left)); from < lcores_; from += 64) {
        visit(ring(from, to));
      }
    }
  }
  // Lcore side: whether any ring towards `lcore` holds packets that it was told of.
  bool has_packets_for(uint16_t lcore) const noexcept {
    return inboxes_[lcore].rings.load(std::memory_order_seq_cst) != 0;
  }
  // Any thread: up to where each ring is filled, and whether all up to there was taken since. It is
  // in its lcore's graph then, until that lcore's next quiescent point.
  std::vector<uint32_t> filled() const {
    std::vector<uint32_t> positions;
    for (const auto& ring : rings_) positions.push_back(ring->filled());
    return positions;
  }
  bool has_given(std::span<const uint32_t> positions) const {
    for (size_t i = 0; i < rings_.size(); ++i) {
      if (!rings_[i]->has_given(positions[i])) return false;
    }
    return true;
  }

 private:
  struct alignas(kLinePair) Inbox {
    std::atomic<uint64_t> rings{0};  // a bit for the rings from that lcore, the 64th after it, …
  };
  static uint64_t bit_of(uint16_t from) { return uint64_t{1} << (from % 64); }

  uint16_t lcores_;
  std::vector<std::unique_ptr<HandoffRing>> rings_;
  std::vector<Inbox> inboxes_;
  std::vector<Waker*> wakers_;
};

// The graph's rim towards other lcores.
//
// In:   flow_hash set; it names the owner.
// Out:  in the owner's ring, or a counted refusal.
//
// What lies in a large buffer is handed over only while half of its pool is left: rings that nobody
// empties must not keep the lcores from receiving.
class HandoffOut {
 public:
  enum class Out : uint8_t { handed_over, ring_full };
  static constexpr std::array kOuts{
      OutInfo{"handed-over", Edge::forward, "given to the lcore that owns the flow"},
      OutInfo{"ring-full", Edge::drop, "the lcore that owns the flow cannot keep up"},
  };
  static constexpr BrickInfo kInfo{"handoff", kOuts};

  explicit HandoffOut(HandoffMesh& mesh) : mesh_(mesh), is_waiting_(mesh.lcores()) {
    waiting_.reserve(mesh.lcores());
  }
  Node& add_to(Graph& graph, const std::string& name) {
    return graph.add_sink(name, kInfo, this, run, run);
  }
  // At the end of a round: tells the owners what they got.
  void flush(const Lcore& lcore) noexcept;

 private:
  // So many packets are announced at once, while the round goes on: a ring holds more.
  static constexpr uint32_t kAnnounced = HandoffRing::kSlots / 4;

  static void run(Node& node, std::span<Packet*> burst, Lcore& lcore);
  bool give(Packet& packet, const Lcore& lcore) noexcept;

  HandoffMesh& mesh_;
  LineVector<uint8_t> is_waiting_;  // by lcore: listed in waiting_
  LineVector<uint16_t> waiting_;    // lcores with packets that were not announced
};

// Adds to `entry` what other lcores have handed to this one: all that lay there when it looked.
// Returns how many packets.
uint32_t take_over(HandoffMesh& mesh, Node& entry, Lcore& lcore) noexcept;

}  // namespace butterfly
