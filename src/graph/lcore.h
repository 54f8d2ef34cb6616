// SPDX-License-Identifier: Apache-2.0
// What one lcore owns while it walks a graph: time, counters, traces, and the packets it is about
// to free. Made by the host, lent to every graph that runs on the lcore.
#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include "base/clock.h"
#include "graph/capture_log.h"
#include "graph/counters.h"
#include "graph/event_log.h"
#include "graph/packet_pool.h"
#include "graph/trace.h"
#include "tables/hit_counts.h"

namespace butterfly {

class Lcore {
 public:
  // `index` counts from 0; it is not a CPU number. `pool` must outlive the lcore.
  Lcore(uint16_t index, PacketPool& pool) : index_(index), pool_(pool) {}
  ~Lcore() { flush_freed(); }
  Lcore(const Lcore&) = delete;
  Lcore& operator=(const Lcore&) = delete;

  uint16_t index() const { return index_; }
  PacketPool& pool() { return pool_; }
  LcoreCounters& counters() { return counters_; }
  const LcoreCounters& counters() const { return counters_; }
  HitCounts& hits() { return hits_; }
  const HitCounts& hits() const { return hits_; }
  TraceBuffer& trace() { return trace_; }
  EventLog& events() { return events_; }
  CaptureLog& capture() { return capture_; }
  const CaptureLog& capture() const { return capture_; }

  // Read once a round by the loop.
  TimeMs now() const { return now_; }
  void set_now(TimeMs now) { now_ = now; }
  // Whether this round records traces; constant within a round.
  bool tracing() const { return tracing_; }
  void set_tracing(bool on) { tracing_ = on; }
  // Whether this round's drops and starts may be wanted by somebody; constant within a round.
  bool logging() const { return logging_; }
  void set_logging(bool on) { logging_ = watches_drops_ = on; }
  // The same of drops alone, by whoever wants to see what is dropped: those who log, or capture.
  bool watches_drops() const { return watches_drops_; }
  void watch_drops() { watches_drops_ = true; }

  // The packets that came from `port` have given work beyond a packet of a known flow each: as much
  // as `packets` more of these. The port's turn to be polled comes the later for it.
  void charge(PortId port, uint32_t packets) {
    if (port.value < kMaxPorts) charges_[port.value] += packets;
  }
  // What has been charged to the port since the last call.
  uint32_t take_charge(PortId port) { return std::exchange(charges_[port.value], 0); }

  // Takes a dropped packet: frees it with others, later in this round. Of a node's out:
  // drop_at() in graph/note_event.h.
  void drop(Packet& packet) {
    if (packet.trace_slot != 0) trace_.finish(packet.trace_slot, packet.out_port);
    freed_[freed_count_++] = &packet;
    if (freed_count_ == freed_.size()) flush_freed();
  }
  void flush_freed() {
    if (freed_count_ == 0) return;
    counters_.ledger().dropped.add(freed_count_);
    free_packets(std::span(freed_.data(), freed_count_));
    freed_count_ = 0;
  }

 private:
  uint16_t index_;
  PacketPool& pool_;
  TimeMs now_ = 0;
  bool tracing_ = false;
  bool logging_ = false;
  bool watches_drops_ = false;
  size_t freed_count_ = 0;
  std::array<Packet*, 64> freed_;
  std::array<uint32_t, kMaxPorts> charges_{};  // by PortId
  LcoreCounters counters_;
  TraceBuffer trace_;
  HitCounts hits_;
  EventLog events_;
  CaptureLog capture_;
};

}  // namespace butterfly
