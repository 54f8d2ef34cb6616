// SPDX-License-Identifier: Apache-2.0
// Traces: which brick a packet met, which out it took and what the brick noted, step by step.
//
// An lcore records into slots of its own while a trace is armed; a finished packet that concerns
// the wanted port is handed to the control side through a small lock-free ring. When the ring is
// full the trace is dropped, never the packet.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/ids.h"
#include "graph/brick.h"

namespace butterfly {

inline constexpr size_t kMaxTraceSteps = 20;

struct TraceStep {
  uint8_t node;
  uint8_t out;
  alignas(8) std::array<std::byte, kTraceBytes> note;
};

// The journey of one packet.
struct PacketTrace {
  PortId in_port;
  PortId out_port;
  uint32_t length = 0;  // bytes, when it entered
  uint8_t step_count = 0;
  std::array<TraceStep, kMaxTraceSteps> steps;
};

// One lcore's traces. The lcore calls begin .. finish; the control side arm, disarm and take.
class TraceBuffer {
 public:
  static constexpr size_t kSlots = 255;
  static constexpr size_t kRing = 64;

  // Control side: from now on record packets that enter or leave by `port`.
  void arm(PortId port) {
    wanted_.store(port.value, std::memory_order_relaxed);
    armed_.store(true, std::memory_order_release);
  }
  void disarm() { armed_.store(false, std::memory_order_relaxed); }
  // Control side, one thread at a time: the oldest finished trace, false when there is none.
  bool take(PacketTrace& trace) {
    const uint32_t tail = tail_.load(std::memory_order_relaxed);
    if (tail == head_.load(std::memory_order_acquire)) return false;
    trace = ring_[tail % kRing];
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  // Lcore side.
  bool is_armed() const { return armed_.load(std::memory_order_acquire); }
  // Gives the packet a slot if one is free.
  void begin(Packet& packet) {
    packet.trace_slot = allocate();
    if (packet.trace_slot == 0) return;
    PacketTrace& trace = slots_[packet.trace_slot];
    trace.in_port = packet.in_port;
    trace.length = packet.length();
    trace.step_count = 0;
  }
  // The copy continues with the history of the original.
  void fork(const Packet& original, Packet& copy) {
    copy.trace_slot = original.trace_slot == 0 ? uint8_t{0} : allocate();
    if (copy.trace_slot != 0) slots_[copy.trace_slot] = slots_[original.trace_slot];
  }
  // Null when the journey is longer than kMaxTraceSteps. REQUIRES: slot != 0.
  TraceStep* add_step(uint8_t slot, uint8_t node) {
    PacketTrace& trace = slots_[slot];
    if (trace.step_count == kMaxTraceSteps) return nullptr;
    TraceStep& step = trace.steps[trace.step_count++];
    step.node = node;
    return &step;
  }
  // The packet left or was dropped; its slot is free again. REQUIRES: slot != 0.
  void finish(uint8_t slot, PortId out_port) {
    PacketTrace& trace = slots_[slot];
    trace.out_port = out_port;
    const PortId wanted{wanted_.load(std::memory_order_relaxed)};
    if (trace.in_port == wanted || trace.out_port == wanted) publish(trace);
    free_[free_count_++] = slot;
  }

  TraceBuffer() : slots_(kSlots + 1), ring_(kRing) {
    for (size_t i = kSlots; i > 0; --i) free_[free_count_++] = static_cast<uint8_t>(i);
  }

 private:
  uint8_t allocate() { return free_count_ == 0 ? uint8_t{0} : free_[--free_count_]; }
  void publish(const PacketTrace& trace) {
    const uint32_t head = head_.load(std::memory_order_relaxed);
    if (head - tail_.load(std::memory_order_acquire) == kRing) return;
    ring_[head % kRing] = trace;
    head_.store(head + 1, std::memory_order_release);
  }

  std::vector<PacketTrace> slots_;  // index 0 unused: it means "not traced"
  std::array<uint8_t, kSlots> free_;
  size_t free_count_ = 0;
  std::atomic<bool> armed_{false};
  std::atomic<uint16_t> wanted_{kNoPort.value};
  std::vector<PacketTrace> ring_;
  alignas(64) std::atomic<uint32_t> head_{0};
  alignas(64) std::atomic<uint32_t> tail_{0};
};

}  // namespace butterfly
