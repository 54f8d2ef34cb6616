// SPDX-License-Identifier: Apache-2.0
#include "graph/handoff.h"

#include "graph/run_brick.h"

namespace butterfly {
namespace {

bool is_scarce(const Packet& packet) {
  return packet.length() > kBufferData &&
         rte_mempool_avail_count(packet.pool) < packet.pool->size / 2;
}

}  // namespace

void HandoffOut::run(Node& node, std::span<Packet*> burst, Lcore& lcore) {
  HandoffOut& self = node.brick<HandoffOut>();
  for (Packet* packet : burst) {
    const uint16_t owner = static_cast<uint16_t>(packet->flow_hash % self.mesh_.lcores());
    const uint8_t slot = packet->trace_slot;
    packet->trace_slot = 0;  // the owner begins a trace of its own
    const uint32_t length = packet->length();
    const PortId out_port = packet->out_port;
    const bool taken = !is_scarce(*packet) && self.mesh_.ring(lcore.index(), owner).push(packet);
    const Out out = taken ? Out::handed_over : Out::ring_full;
    if (slot != 0) {
      if (TraceStep* step = lcore.trace().add_step(slot, node.index())) {
        step->out = static_cast<uint8_t>(out);
      }
      lcore.trace().finish(slot, out_port);
    }
    engine::count_out(node, static_cast<size_t>(out), length);
    if (taken) {
      lcore.counters().ledger().handed_over.add(1);
      self.touched_[owner] = true;
    } else {
      lcore.drop(*packet);
    }
  }
}

void HandoffOut::flush() noexcept {
  for (uint16_t lcore = 0; lcore < touched_.size(); ++lcore) {
    if (!touched_[lcore]) continue;
    touched_[lcore] = false;
    mesh_.wake(lcore);
  }
}

}  // namespace butterfly
