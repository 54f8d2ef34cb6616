// SPDX-License-Identifier: Apache-2.0
// Hand-over of packets between lcores: a flow has one owner, the only writer of its entry
// (decision record 0006).
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include "graph/graph.h"

namespace butterfly {

// A ring with one producing and one consuming lcore. Capacity kSlots packets; full refuses.
class HandoffRing {
 public:
  static constexpr uint32_t kSlots = 1024;

  bool push(Packet* packet) noexcept {
    const uint32_t head = head_.load(std::memory_order_relaxed);
    if (head - tail_seen_ == kSlots) {
      tail_seen_ = tail_.load(std::memory_order_acquire);
      if (head - tail_seen_ == kSlots) return false;
    }
    slots_[head % kSlots] = packet;
    head_.store(head + 1, std::memory_order_release);
    return true;
  }
  // Takes up to packets.size(); returns how many.
  uint16_t pop(std::span<Packet*> packets) noexcept {
    const uint32_t tail = tail_.load(std::memory_order_relaxed);
    const uint32_t ready = head_.load(std::memory_order_acquire) - tail;
    const uint16_t count = static_cast<uint16_t>(std::min<size_t>(ready, packets.size()));
    for (uint16_t i = 0; i < count; ++i) packets[i] = slots_[(tail + i) % kSlots];
    if (count != 0) tail_.store(tail + count, std::memory_order_release);
    return count;
  }
  bool is_empty() const noexcept {
    return head_.load(std::memory_order_acquire) == tail_.load(std::memory_order_acquire);
  }

 private:
  alignas(64) std::atomic<uint32_t> head_{0};
  uint32_t tail_seen_ = 0;  // producer's
  alignas(64) std::atomic<uint32_t> tail_{0};
  alignas(64) std::array<Packet*, kSlots> slots_;
};

// A thread that sleeps when idle and can be woken.
class Waker {
 public:
  virtual ~Waker() = default;
  // Any thread; cheap when the other is awake.
  virtual void wake_if_sleeping() noexcept = 0;
};

// All rings of a host and the lcores to wake behind them.
class HandoffMesh {
 public:
  explicit HandoffMesh(uint16_t lcores)
      : lcores_(lcores), rings_(static_cast<size_t>(lcores) * lcores), wakers_(lcores) {
    for (auto& ring : rings_) ring = std::make_unique<HandoffRing>();
  }
  uint16_t lcores() const { return lcores_; }
  HandoffRing& ring(uint16_t from, uint16_t to) {
    return *rings_[static_cast<size_t>(from) * lcores_ + to];
  }
  void set_waker(uint16_t lcore, Waker* waker) { wakers_[lcore] = waker; }
  void wake(uint16_t lcore) noexcept {
    if (wakers_[lcore]) wakers_[lcore]->wake_if_sleeping();
  }
  // Lcore side: whether any ring towards `lcore` holds packets.
  bool has_packets_for(uint16_t lcore) {
    for (uint16_t from = 0; from < lcores_; ++from) {
      if (!ring(from, lcore).is_empty()) return true;
    }
    return false;
  }

 private:
  uint16_t lcores_;
  std::vector<std::unique_ptr<HandoffRing>> rings_;
  std::vector<Waker*> wakers_;
};

// The graph's rim towards other lcores.
//
// In:   flow_hash set; the owner is flow_hash % lcores.
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

  explicit HandoffOut(HandoffMesh& mesh) : mesh_(mesh), touched_(mesh.lcores()) {}
  Node& add_to(Graph& graph, const std::string& name) {
    return graph.add_sink(name, kInfo, this, run, run);
  }
  // Wakes the owners that got packets this round.
  void flush() noexcept;

 private:
  static void run(Node& node, std::span<Packet*> burst, Lcore& lcore);
  HandoffMesh& mesh_;
  std::vector<bool> touched_;
};

}  // namespace butterfly
