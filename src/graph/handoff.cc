// SPDX-License-Identifier: Apache-2.0
#include "graph/handoff.h"

#include "graph/run_brick.h"

namespace butterfly {
namespace {

bool is_scarce(const Packet& packet) {
  return packet.length() > kBufferData &&
         rte_mempool_avail_count(packet.pool) < packet.pool->size / 2;
}

// What the bricks behind the hand-over read and write lies in the other lcore's cache: fetched for
// a burst at once and long before it is looked at. Headers are where they nearly always are.
void fetch(Packet& packet) {
  const auto* const data = reinterpret_cast<const char*>(&packet + 1) + RTE_PKTMBUF_HEADROOM;
  __builtin_prefetch(static_cast<rte_mbuf*>(&packet), 1);
  __builtin_prefetch(&packet.parsed, 1);
  __builtin_prefetch(&packet.flow, 1);
  __builtin_prefetch(data, 1);
  __builtin_prefetch(data + 64, 1);
}

uint32_t take_from(HandoffRing& ring, Node& entry, Lcore& lcore) {
  std::array<Packet*, kBurst> burst;
  // All that lies there: the other lcore may have filled it from many ports. It goes on pushing
  // meanwhile, so there is a bound.
  uint32_t taken = 0;
  for (uint16_t count = kBurst; count == kBurst && taken < HandoffRing::kSlots; taken += count) {
    count = ring.pop(burst);
    const std::span packets(burst.data(), count);
    for (Packet* packet : packets) fetch(*packet);
    if (lcore.tracing()) {
      for (Packet* packet : packets) lcore.trace().begin(*packet);
    }
    entry.append(packets, lcore);
  }
  return taken;
}

}  // namespace

// Puts the packet into its owner's ring, if there is room.
bool HandoffOut::give(Packet& packet, const Lcore& lcore) noexcept {
  const uint16_t owner = owner_of(packet.flow_hash, mesh_.lcores());
  HandoffRing& ring = mesh_.ring(lcore.index(), owner);
  if (is_scarce(packet) || !ring.push(&packet)) return false;
  if (!is_waiting_[owner]) {
    is_waiting_[owner] = true;
    waiting_.push_back(owner);
  }
  if (ring.unpublished() >= kAnnounced) mesh_.announce(lcore.index(), owner);
  return true;
}

void HandoffOut::run(Node& node, std::span<Packet*> burst, Lcore& lcore) {
  HandoffOut& self = node.brick<HandoffOut>();
  uint64_t given = 0;
  uint64_t given_bytes = 0;
  for (Packet* packet : burst) {
    // Read before it is another's.
    const uint8_t slot = packet->trace_slot;
    packet->trace_slot = 0;  // the owner begins a trace of its own
    const uint32_t length = packet->length();
    const PortId out_port = packet->out_port;
    const bool taken = self.give(*packet, lcore);
    const Out out = taken ? Out::handed_over : Out::ring_full;
    if (slot != 0) {
      if (TraceStep* step = lcore.trace().add_step(slot, node.index())) {
        step->out = static_cast<uint8_t>(out);
      }
      lcore.trace().finish(slot, out_port);
    }
    if (taken) [[likely]] {
      ++given;
      given_bytes += length;
    } else {
      engine::count_out(node, static_cast<size_t>(out), length);
      drop_at(node.index(), static_cast<size_t>(out), *packet, lcore);
    }
  }
  OutCount& count = node.counts()[static_cast<size_t>(Out::handed_over)];
  count.packets.add(given);
  count.bytes.add(given_bytes);
  lcore.counters().ledger().handed_over.add(given);
}

void HandoffOut::flush(const Lcore& lcore) noexcept {
  for (const uint16_t owner : waiting_) {
    is_waiting_[owner] = false;
    mesh_.announce(lcore.index(), owner);
  }
  waiting_.clear();
}

uint32_t take_over(HandoffMesh& mesh, Node& entry, Lcore& lcore) noexcept {
  uint32_t taken = 0;
  mesh.visit_announced(lcore.index(),
                       [&](HandoffRing& ring) { taken += take_from(ring, entry, lcore); });
  if (taken != 0) lcore.counters().ledger().taken_over.add(taken);
  return taken;
}

}  // namespace butterfly
