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

// The trace slots of packets that a port may take.
class SentTraces {
 public:
  void keep(std::span<Packet* const> packets) {
    for (size_t i = 0; i < packets.size(); ++i) slots_[i] = packets[i]->trace_slot;
  }
  // Of the first `taken` of them.
  void finish(uint16_t taken, Node& node, PortId port, Lcore& lcore) const {
    for (uint16_t i = 0; i < taken; ++i) {
      if (slots_[i] == 0) continue;
      note_step(slots_[i], node, PortOut::Out::sent, lcore);
      lcore.trace().finish(slots_[i], port);
    }
  }

 private:
  std::array<uint8_t, kBurst> slots_;
};

}  // namespace

PortOut::PortOut(std::span<Port* const> ports) : ports_(ports), stages_(ports.size()) {
  size_t count = 0;
  for (size_t i = 0; i < ports.size(); ++i) {
    if (!ports[i]) continue;
    stages_[i] = std::make_unique<Stage>();
    ++count;
  }
  waiting_.reserve(count);
}

// Packets for the same port mostly come together.
void PortOut::run(Node& node, std::span<Packet*> burst, Lcore& lcore) {
  PortOut& self = node.brick<PortOut>();
  Packet** first = burst.data();
  Packet** const end = first + burst.size();
  while (first != end) {
    const PortId id = (*first)->out_port;
    Packet** last = first + 1;
    while (last != end && (*last)->out_port == id) ++last;
    self.gather(id, std::span(first, last), lcore);
    first = last;
  }
}

void PortOut::gather(PortId id, std::span<Packet*> packets, Lcore& lcore) {
  if (id.value >= ports_.size() || !ports_[id.value]) {
    for (Packet* packet : packets) refuse(*packet, Out::gone, lcore);
    return;
  }
  Stage& stage = *stages_[id.value];
  if (!stage.is_waiting) waiting_.push_back(id);
  stage.is_waiting = true;
  if (stage.count + packets.size() > kBurst) send(id, stage, lcore);
  std::memcpy(stage.packets.data() + stage.count, packets.data(), packets.size_bytes());
  stage.count = static_cast<uint16_t>(stage.count + packets.size());
}

void PortOut::flush(Lcore& lcore) {
  for (const PortId id : waiting_) {
    send(id, *stages_[id.value], lcore);
    stages_[id.value]->is_waiting = false;
  }
  waiting_.clear();
}

// A packet that is too long costs itself only; any other refusal is about all that is left.
void PortOut::send(PortId id, Stage& stage, Lcore& lcore) {
  PortCounts& port = lcore.counters().port(id);
  std::span left(stage.packets.data(), stage.count);
  while (!left.empty()) {
    const Port::Sent sent = transmit(id, left, lcore);
    left = left.subspan(sent.taken);
    const bool one = sent.refusal == Port::Refusal::too_long;
    const auto refused = left.first(one ? std::min<size_t>(1, left.size()) : left.size());
    for (Packet* packet : refused) refuse(*packet, out_of(sent.refusal), lcore);
    port.tx_refused.add(refused.size());
    left = left.subspan(refused.size());
  }
  stage.count = 0;
}

// One call of the port, with what it took counted.
Port::Sent PortOut::transmit(PortId id, std::span<Packet*> packets, Lcore& lcore) {
  uint64_t bytes = 0;
  for (const Packet* packet : packets) bytes += packet->length();
  SentTraces traces;  // a sent packet may be gone after transmit(), its slot not
  if (lcore.tracing()) traces.keep(packets);
  const Port::Sent sent = ports_[id.value]->transmit(lcore.index(), packets);
  for (const Packet* packet : packets.subspan(sent.taken)) bytes -= packet->length();
  if (lcore.tracing()) traces.finish(sent.taken, *node_, id, lcore);
  OutCount& count = node_->counts()[static_cast<size_t>(Out::sent)];
  count.packets.add(sent.taken);
  count.bytes.add(bytes);
  PortCounts& port = lcore.counters().port(id);
  port.tx_packets.add(sent.taken);
  port.tx_bytes.add(bytes);
  lcore.counters().ledger().sent.add(sent.taken);
  return sent;
}

void PortOut::refuse(Packet& packet, Out out, Lcore& lcore) {
  note_step(packet.trace_slot, *node_, out, lcore);
  OutCount& count = node_->counts()[static_cast<size_t>(out)];
  count.packets.add(1);
  count.bytes.add(packet.length());
  lcore.drop(packet);
}

}  // namespace butterfly
