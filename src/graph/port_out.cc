// SPDX-License-Identifier: Apache-2.0
#include "graph/port_out.h"

namespace butterfly {
namespace {

PortOut::Out out_of(Port::Refusal refusal) {
  switch (refusal) {
    case Port::Refusal::not_connected:
      return PortOut::Out::not_connected;
    case Port::Refusal::too_long:
      return PortOut::Out::too_long;
    default:
      return PortOut::Out::ring_full;
  }
}

void note_step(uint8_t slot, Node& node, PortOut::Out out, Lcore& lcore) {
  if (slot == 0) return;
  if (TraceStep* step = lcore.trace().add_step(slot, node.index())) {
    step->out = static_cast<uint8_t>(out);
  }
}

}  // namespace

void PortOut::run(Node& node, std::span<Packet*> burst, Lcore& lcore) {
  PortOut& self = node.brick<PortOut>();
  for (Packet* packet : burst) {
    const PortId id = packet->out_port;
    if (id.value >= self.ports_.size() || !self.ports_[id.value]) {
      self.refuse(*packet, Out::gone, lcore);
      continue;
    }
    auto& stage = self.stages_[id.value];
    if (!stage) stage = std::make_unique<Stage>();
    if (stage->count == 0) self.waiting_.push_back(id);
    stage->packets[stage->count++] = packet;
    if (stage->count == kBurst) self.send(id, *stage, lcore);
  }
}

void PortOut::flush(Lcore& lcore) {
  for (const PortId id : waiting_) send(id, *stages_[id.value], lcore);
  waiting_.clear();
}

void PortOut::send(PortId id, Stage& stage, Lcore& lcore) {
  if (stage.count == 0) return;
  uint64_t bytes = 0;
  std::array<uint32_t, kBurst> lengths;
  std::array<uint8_t, kBurst> traces;  // a sent packet may be gone after transmit(), its slot not
  for (uint16_t i = 0; i < stage.count; ++i) {
    lengths[i] = stage.packets[i]->length();
    traces[i] = stage.packets[i]->trace_slot;
  }
  const Port::Sent sent =
      ports_[id.value]->transmit(lcore.index(), std::span(stage.packets.data(), stage.count));
  for (uint16_t i = 0; i < sent.taken; ++i) {
    bytes += lengths[i];
    note_step(traces[i], *node_, Out::sent, lcore);
    if (traces[i] != 0) lcore.trace().finish(traces[i], id);
  }
  OutCount& count = node_->counts()[static_cast<size_t>(Out::sent)];
  count.packets.add(sent.taken);
  count.bytes.add(bytes);
  PortCounts& port = lcore.counters().port(id);
  port.tx_packets.add(sent.taken);
  port.tx_bytes.add(bytes);
  port.tx_refused.add(static_cast<uint64_t>(stage.count - sent.taken));
  lcore.counters().ledger().sent.add(sent.taken);
  for (uint16_t i = sent.taken; i < stage.count; ++i) {
    refuse(*stage.packets[i], out_of(sent.refusal), lcore);
  }
  stage.count = 0;
}

void PortOut::refuse(Packet& packet, Out out, Lcore& lcore) {
  note_step(packet.trace_slot, *node_, out, lcore);
  OutCount& count = node_->counts()[static_cast<size_t>(out)];
  count.packets.add(1);
  count.bytes.add(packet.length());
  lcore.drop(packet);
}

}  // namespace butterfly
