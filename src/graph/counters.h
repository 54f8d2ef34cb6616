// SPDX-License-Identifier: Apache-2.0
// Counters of one lcore: one writer (the lcore), any readers; they outlive snapshots.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/cache_line.h"
#include "base/ids.h"
#include "graph/brick.h"

namespace butterfly {

// A 64-bit count with one writer. Readers on other threads see a recent value; no read-modify-write
// is atomic, so it compiles to a plain add.
class Count {
 public:
  void add(uint64_t n) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void set(uint64_t n) { value_.store(n, std::memory_order_relaxed); }
  uint64_t read() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

struct OutCount {
  Count packets;
  Count bytes;
};

struct PortCounts {
  Count rx_packets;
  Count rx_bytes;
  Count tx_packets;
  Count tx_bytes;
  Count tx_refused;  // packets the port would not take: ring full, not connected, too long
};

// The ledger of an lcore. Between bursts: received + made + copied + taken_over ==
// sent + merged + dropped + handed_over + held.
struct LedgerCounts {
  Count received;
  Count made;
  Count copied;
  Count sent;
  Count merged;  // into a packet that is sent
  Count dropped;
  Count handed_over;  // to another lcore's ring
  Count taken_over;   // from another lcore's ring
  Count held;         // at present: fragments that wait for the first of their datagram
  Count no_buffer;    // copies or packets that could not be made: the pool was empty
};

inline constexpr size_t kMaxNodes = 48;

class LcoreCounters {
 public:
  LcoreCounters() : outs_(std::make_unique<Outs>()), ports_(std::make_unique<Ports>()) {}

  // The counters of the node with this index, kMaxOuts of them. Node indexes are the order of
  // wiring, the same in every snapshot.
  OutCount* node(size_t index) { return outs_->counts.data() + index * kMaxOuts; }
  const OutCount* node(size_t index) const { return outs_->counts.data() + index * kMaxOuts; }
  PortCounts& port(PortId id) { return ports_->counts[id.value]; }
  const PortCounts& port(PortId id) const { return ports_->counts[id.value]; }
  LedgerCounts& ledger() { return ledger_; }
  const LedgerCounts& ledger() const { return ledger_; }

 private:
  struct alignas(kCacheLine) Outs {
    std::array<OutCount, kMaxNodes * kMaxOuts> counts;
  };
  struct alignas(kCacheLine) Ports {
    std::array<PortCounts, kMaxPorts> counts;
  };
  std::unique_ptr<Outs> outs_;
  std::unique_ptr<Ports> ports_;
  LedgerCounts ledger_;
};

}  // namespace butterfly
