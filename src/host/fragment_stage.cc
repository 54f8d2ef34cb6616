// SPDX-License-Identifier: Apache-2.0
#include "host/fragment_stage.h"

#include "graph/run_brick.h"

namespace butterfly {
namespace {

// So many datagrams are given up in one slice of expiry; each has a few hundred fragments at most.
constexpr int kExpiredAtOnce = 8;

// Of a guest the segment counts as well: facts of held packets name its slot.
uint32_t place_of(const Packet& packet) {
  if (packet.in_port == kUplinkPort) return packet.origin.value;
  return packet.origin.value | static_cast<uint32_t>(packet.segment) << 16;
}

// Held packets must not keep the lcores from receiving.
bool are_buffers_scarce(const Packet& packet) {
  return rte_mempool_avail_count(packet.pool) < packet.pool->size / 2;
}

// What the datagram's first fragment said of it; where its own bytes lie, the packet knows better.
void adopt(Packet& packet, const FragmentTable::Datagram& datagram, uint32_t end) {
  const wire::Parsed& first = datagram.first;
  wire::Parsed& own = packet.parsed;
  packet.tcp_end = datagram.tcp_base + end;
  packet.tcp_behind_first = static_cast<uint16_t>(end - first.l4_length);
  own.protocol = first.protocol;
  own.icmp_type = first.icmp_type;
  own.source_is_high = first.source_is_high;
  own.starts_flow = first.starts_flow;
  own.key = first.key;
}

// What a sequence number would be at the start of the datagram, counting back from the data. SYN
// and FIN take a number each (RFC 9293 §3.4).
uint32_t tcp_base_of(const Packet& packet) {
  const auto* tcp = packet.at<wire::TcpHeader>(packet.parsed.l4);
  if (packet.parsed.protocol != wire::kProtoTcp || !tcp) return 0;
  const uint32_t marks =
      ((tcp->flags & wire::kTcpSyn) != 0 ? 1U : 0U) + ((tcp->flags & wire::kTcpFin) != 0 ? 1U : 0U);
  return tcp->sequence + marks - static_cast<uint32_t>(tcp->header_length());
}

}  // namespace

void FragmentStage::run(Node& node, std::span<Packet*> burst, Lcore& lcore) {
  FragmentStage& self = node.brick<FragmentStage>();
  for (Packet* packet : burst) self.take(*packet, lcore);
  lcore.counters().ledger().held.set(self.table_.held());
}

void FragmentStage::leave(Packet& packet, Out out, Lcore& lcore) noexcept {
  if (packet.trace_slot != 0) {
    if (TraceStep* step = lcore.trace().add_step(packet.trace_slot, node_->index())) {
      step->out = static_cast<uint8_t>(out);
    }
  }
  engine::push_out(*node_, static_cast<size_t>(out), packet, packet.length(), lcore);
}

void FragmentStage::take(Packet& packet, Lcore& lcore) noexcept {
  const auto [id, part] =
      wire::read_fragment_facts(packet.bytes(), packet.parsed, place_of(packet));
  const uint32_t hash = table_.hash_of(id);
  if (owner_of(hash, lcores_) != lcore.index()) {
    packet.flow_hash = hash;  // tells the hand-over whose it is
    leave(packet, Out::elsewhere, lcore);
    return;
  }
  Datagram* datagram = datagram_of(packet, id, hash, lcore);
  if (!datagram) return;
  if (datagram->is_spoilt) return leave(packet, Out::spoilt, lcore);
  switch (table_.fit(*datagram, part)) {
    case FragmentTable::Fit::fits:
      break;
    case FragmentTable::Fit::duplicate:
      return leave(packet, Out::duplicate, lcore);
    case FragmentTable::Fit::overlap:
      give_up(*datagram, Out::overlap, lcore);
      return leave(packet, Out::overlap, lcore);
  }
  if (packet.parsed.kind == wire::FrameKind::first_fragment) {
    datagram->first = packet.parsed;
    datagram->has_first = true;
    datagram->tcp_base = tcp_base_of(packet);
    leave(packet, Out::passed, lcore);
    table_.release(*datagram, [&](void* handle) {
      auto& held = *static_cast<Packet*>(handle);
      if (lcore.tracing()) lcore.trace().begin(held);
      const auto facts = wire::read_fragment_facts(held.bytes(), held.parsed, place_of(held));
      adopt(held, *datagram, facts.part.end());
      leave(held, Out::released, lcore);
    });
  } else if (datagram->has_first) {
    adopt(packet, *datagram, part.end());
    leave(packet, Out::passed, lcore);
  } else {
    return wait(*datagram, packet, lcore);
  }
  if (table_.is_complete(*datagram)) table_.erase(*datagram);
}

FragmentStage::Datagram* FragmentStage::datagram_of(Packet& packet, const wire::FragmentId& id,
                                                    uint32_t hash, Lcore& lcore) noexcept {
  const uint64_t life = life_of(packet);
  Datagram* datagram = table_.find(id, hash);
  if (datagram && (datagram->life != life || table_.has_expired(*datagram, lcore.now()))) {
    give_up(*datagram, datagram->life != life ? Out::gone : Out::timed_out, lcore);
    table_.erase(*datagram);
    datagram = nullptr;
  }
  if (life == 0) {
    leave(packet, Out::gone, lcore);
    return nullptr;
  }
  if (datagram) return datagram;
  if (!table_.may_begin(packet.origin.value)) {
    leave(packet, Out::share_used_up, lcore);
    return nullptr;
  }
  if (!table_.has_room()) {
    Datagram& oldest = *table_.oldest();
    give_up(oldest, Out::evicted, lcore);
    table_.erase(oldest);
  }
  return &table_.begin(id, hash, packet.origin.value, life, lcore.now());
}

void FragmentStage::wait(Datagram& datagram, Packet& packet, Lcore& lcore) noexcept {
  const bool may_wait = table_.may_hold(datagram, packet.length());
  if (!may_wait || are_buffers_scarce(packet)) {
    const Out why = may_wait ? Out::no_buffers : Out::share_used_up;
    give_up(datagram, why, lcore);
    return leave(packet, why, lcore);
  }
  while (!table_.has_room_to_hold()) {
    // Of somebody else, since no share is as large as the whole; one without held ones goes too.
    Datagram& oldest = *table_.oldest();
    give_up(oldest, Out::evicted, lcore);
    if (&oldest == &datagram) return leave(packet, Out::evicted, lcore);
    table_.erase(oldest);
  }
  lcore.charge(packet.in_port, 1);
  engine::count_out(*node_, static_cast<size_t>(Out::held), packet.length());
  if (packet.trace_slot != 0) {
    if (TraceStep* step = lcore.trace().add_step(packet.trace_slot, node_->index())) {
      step->out = static_cast<uint8_t>(Out::held);
    }
    lcore.trace().finish(packet.trace_slot, packet.out_port);
    packet.trace_slot = 0;  // a new trace begins when it goes on
  }
  table_.hold(datagram, &packet, packet.length());
}

void FragmentStage::give_up(Datagram& datagram, Out why, Lcore& lcore) noexcept {
  datagram.is_spoilt = true;
  table_.release(datagram, [&](void* handle) { leave(*static_cast<Packet*>(handle), why, lcore); });
}

void FragmentStage::expire(Lcore& lcore) noexcept {
  for (int i = 0; i < kExpiredAtOnce; ++i) {
    Datagram* oldest = table_.oldest();
    if (!oldest || !table_.has_expired(*oldest, lcore.now())) break;
    give_up(*oldest, Out::timed_out, lcore);
    table_.erase(*oldest);
  }
  lcore.counters().ledger().held.set(table_.held());
}

uint64_t FragmentStage::life_of(const Packet& packet) const noexcept {
  if (packet.in_port != kUplinkPort) {
    const Nic* nic = nics_.find(packet.in_port);
    const bool is_there = nic && nic->vni == packet.vni && nic->segment == packet.segment;
    return is_there ? nic->serial.value : 0;
  }
  const Peer* peer = peers_.find(packet.source_peer);
  const Segment* segment = segments_.at(packet.segment);
  if (!peer || !segment || segment->vni != packet.vni || !segment->admits(packet.source_peer)) {
    return 0;
  }
  // Slots of peers are used again; addresses are what they are.
  uint64_t words[2];
  std::memcpy(words, peer->address.bytes().data(), sizeof words);
  return (words[0] * 0x9e3779b97f4a7c15ULL ^ words[1]) | 1;
}

}  // namespace butterfly
