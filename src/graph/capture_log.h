// SPDX-License-Identifier: Apache-2.0
// What one lcore has seen of a nic's packets while somebody captures them: their bytes as they came
// from the nic, as they went to it, and as they were where one of them was dropped.
//
// Capacity: kFrames; when it is full a frame is lost, and counted: never the packet.
// Writers:  the lcore; it reads what is wanted once a round. Readers: one control thread at a time.
// Memory:   2.1 MB, real only once somebody has captured.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/cache_line.h"
#include "base/ids.h"
#include "graph/capture_point.h"
#include "graph/counters.h"
#include "graph/packet.h"
#include "tables/expression.h"
#include "tables/lazy_array.h"

namespace butterfly {

struct CapturedFrame {
  static constexpr uint16_t kMostBytes = 2048;  // what is longer is cut

  uint64_t time_ns;  // of the system's clock, since 1970
  uint32_t length;   // of the frame
  uint16_t kept;     // of these, bytes below
  CapturePoint point;
  uint8_t node;  // that dropped it, and by which out
  uint8_t out;
  std::array<uint8_t, kMostBytes> bytes;
};

// What is to be captured.
struct CaptureWants {
  PortId port = kNoPort;
  uint16_t most_bytes = CapturedFrame::kMostBytes;
  // Only IP packets that match; null: everything. Must live until the lcore is quiescent after
  // disarm().
  const Expression* expression = nullptr;
};

class CaptureLog {
 public:
  static constexpr uint32_t kFrames = 1024;

  // Control side, one thread at a time. What is wanted counts from the lcore's next round on.
  // REQUIRES: disarmed, and the lcore was quiescent since.
  void arm(const CaptureWants& wants);
  void disarm() { armed_.store(kNoPort.value, std::memory_order_relaxed); }
  // The oldest frame, until release(); null when there is none.
  const CapturedFrame* oldest() const {
    const uint32_t tail = tail_.load(std::memory_order_relaxed);
    return tail == head_.load(std::memory_order_acquire) ? nullptr : &frames_[tail % kFrames];
  }
  void release() {
    tail_.store(tail_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  // Frames that found no room, ever.
  uint64_t lost() const { return lost_.read(); }

  // Lcore side. Cost when nobody captures: a load a round, and a compare a burst at the graph's
  // rim. Once a round: whether somebody captures.
  bool begin_round() {
    port_ = PortId{armed_.load(std::memory_order_acquire)};
    return is_on();
  }
  bool is_on() const { return port_ != kNoPort; }
  // Whether what passes this port is captured. REQUIRES: the port is not kNoPort.
  bool wants(PortId port) const { return port == port_; }
  [[gnu::cold]] void note_received(const Packet& packet) { note(packet, CapturePoint::from_nic); }
  // Before a packet is sent, which may be gone afterwards; kept by confirm_sent() only.
  [[gnu::cold]] void prepare_sent(const Packet& packet) {
    prepared_ = write(packet, CapturePoint::to_nic) != nullptr;
  }
  [[gnu::cold]] void confirm_sent() {
    if (prepared_) publish();
  }
  // If it came from the port or was on its way to it.
  [[gnu::cold]] void note_dropped(size_t node, size_t out, const Packet& packet);

 private:
  void note(const Packet& packet, CapturePoint point) {
    if (write(packet, point)) publish();
  }
  // Into the next place; null when the packet is not wanted, or there is no place.
  CapturedFrame* write(const Packet& packet, CapturePoint point);
  void publish() {
    head_.store(head_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  // Written by the control side.
  alignas(kCacheLine) std::atomic<uint16_t> armed_{kNoPort.value};
  CaptureWants wants_;
  alignas(kCacheLine) std::atomic<uint32_t> tail_{0};
  // Written by the lcore.
  alignas(kCacheLine) std::atomic<uint32_t> head_{0};
  PortId port_ = kNoPort;
  bool prepared_ = false;
  Count lost_;
  LazyArray<CapturedFrame> frames_{kFrames};
};

}  // namespace butterfly
