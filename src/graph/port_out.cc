// SPDX-License-Identifier: Apache-2.0
#include "graph/port_out.h"

#include <algorithm>

#include "graph/note_event.h"

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

void SendStages::make_room_for(std::span<Port* const> ports) {
  for (size_t i = 0; i < ports.size(); ++i) {
    if (ports[i] && !stages_[i]) stages_[i] = std::make_unique<Stage>();
  }
}

// Packets for the same port mostly come together.
void PortOut::run(Node& node, std::span<Packet*> burst, Lcore& lcore) {
  PortOut& self = node.brick<PortOut>();
  Packet** first = burst.data();
  Packet** const end = first + burst.size();
  while (first != end) {
    const PortId id = (*first)->out_port;
    Packet** last = first;
    uint64_t bytes = 0;
    do {
      bytes += (*last)->length();
    } while (++last != end && (*last)->out_port == id);
    self.gather(id, std::span(first, last), bytes, lcore);
    first = last;
  }
}

void PortOut::gather(PortId id, std::span<Packet*> packets, uint64_t bytes, Lcore& lcore) {
  if (id.value >= ports_.size() || !ports_[id.value]) {
    for (Packet* packet : packets) refuse(*packet, Out::gone, lcore);
    return;
  }
  Stage& stage = *stages_.stages_[id.value];
  if (!stage.is_waiting) stages_.waiting_.push_back(id);
  stage.is_waiting = true;
  if (stage.count + packets.size() > kBurst && !may_wait_for_more(id, stage, packets)) {
    send(id, stage, lcore);
  }
  std::memcpy(stage.packets.data() + stage.count, packets.data(), packets.size_bytes());
  stage.count = static_cast<uint16_t>(stage.count + packets.size());
  stage.bytes += bytes;
}

// A train of TCP data from the wire is longer than a burst, and a guest has the least work with it
// in one piece. Copies do not wait: each takes a buffer beyond those that the round has received.
bool PortOut::may_wait_for_more(PortId id, const Stage& stage,
                                std::span<Packet* const> packets) const {
  if (!merges_ || stage.count + packets.size() > kMergeMost) return false;
  const Port::Offloads takes = ports_[id.value]->offloads();
  return (takes.tso4 || takes.tso6) &&
         std::ranges::none_of(packets, [](const Packet* packet) { return packet->shares_bytes(); });
}

void PortOut::flush(Lcore& lcore) {
  for (const PortId id : stages_.waiting_) {
    Stage& stage = *stages_.stages_[id.value];
    send(id, stage, lcore);
    stage.is_waiting = false;
  }
  stages_.waiting_.clear();
}

// A packet that is too long, for the port or for what room it has left, costs itself only; any
// other refusal is about all that is left.
void PortOut::send(PortId id, Stage& stage, Lcore& lcore) {
  if (merges_ && stage.count > 1) merge(id, stage, lcore);
  std::span left(stage.packets.data(), stage.count);
  uint64_t sent_packets = 0;
  uint64_t sent_bytes = stage.bytes;
  while (!left.empty()) {
    const auto burst = left.first(std::min<size_t>(kBurst, left.size()));
    const Port::Sent sent = transmit(id, burst, lcore);
    sent_packets += sent.taken;
    left = left.subspan(sent.taken);
    if (sent.taken == burst.size()) continue;
    const bool one =
        sent.refusal == Port::Refusal::too_long || sent.refusal == Port::Refusal::too_few_buffers;
    const auto refused = left.first(one ? 1 : left.size());
    for (Packet* packet : refused) {
      sent_bytes -= packet->length();
      refuse(*packet, out_of(sent.refusal), lcore);
    }
    left = left.subspan(refused.size());
  }
  count(id, sent_packets, stage.count - sent_packets, sent_bytes, lcore);
  stage.count = 0;
  stage.bytes = 0;
}

void PortOut::merge(PortId id, Stage& stage, Lcore& lcore) {
  const Port::Offloads takes = ports_[id.value]->offloads();
  if (!takes.tso4 && !takes.tso6) return;
  const std::span packets(stage.packets.data(), stage.count);
  stage.count = merge_tcp(packets, takes);
  const auto merged = packets.subspan(stage.count);
  if (merged.empty()) return;
  OutCount& out = node_->counts()[static_cast<size_t>(Out::merged)];
  for (const Packet* piece : merged) {
    const uint32_t length = length_before_merge(*piece);
    out.bytes.add(length);
    stage.bytes -= length - piece->length();  // what remains of it is its data
    note_step(piece->trace_slot, *node_, Out::merged, lcore);
    if (piece->trace_slot != 0) lcore.trace().finish(piece->trace_slot, id);
  }
  out.packets.add(merged.size());
  lcore.counters().ledger().merged.add(merged.size());
}

// One call of the port.
Port::Sent PortOut::transmit(PortId id, std::span<Packet*> packets, Lcore& lcore) {
  Port& port = *ports_[id.value];
  const auto is_traced = [](const Packet* packet) { return packet->trace_slot != 0; };
  const bool is_captured = lcore.capture().wants(id);
  if (!is_captured && (!lcore.tracing() || std::ranges::none_of(packets, is_traced))) [[likely]]
    return port.transmit(lcore.index(), packets);
  // One by one: a sent packet may be gone afterwards, and a port may change the order.
  Port::Sent all;
  for (Packet*& packet : packets) {
    const uint8_t slot = packet->trace_slot;
    if (is_captured) lcore.capture().prepare_sent(*packet);
    const Port::Sent sent = port.transmit(lcore.index(), std::span(&packet, 1));
    if (sent.taken == 0) {
      all.refusal = sent.refusal;
      break;
    }
    ++all.taken;
    if (is_captured) lcore.capture().confirm_sent();
    note_step(slot, *node_, Out::sent, lcore);
    if (slot != 0) lcore.trace().finish(slot, id);
  }
  return all;
}

void PortOut::count(PortId id, uint64_t sent, uint64_t refused, uint64_t sent_bytes, Lcore& lcore) {
  OutCount& out = node_->counts()[static_cast<size_t>(Out::sent)];
  out.packets.add(sent);
  out.bytes.add(sent_bytes);
  PortCounts& port = lcore.counters().port(id);
  port.tx_packets.add(sent);
  port.tx_bytes.add(sent_bytes);
  port.tx_refused.add(refused);
  lcore.counters().ledger().sent.add(sent);
}

void PortOut::refuse(Packet& packet, Out out, Lcore& lcore) {
  note_step(packet.trace_slot, *node_, out, lcore);
  OutCount& count = node_->counts()[static_cast<size_t>(out)];
  count.packets.add(1);
  count.bytes.add(packet.length());
  drop_at(node_->index(), static_cast<size_t>(out), packet, lcore);
}

}  // namespace butterfly
