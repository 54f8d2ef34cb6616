// SPDX-License-Identifier: Apache-2.0
#include "graph/shortcut.h"

#include <algorithm>
#include <limits>

namespace butterfly {

Shortcut::Shortcut(const Tables& tables, Generation generation, const Lcore& lcore, bool enabled,
                   bool revalidates)
    : tables_(tables),
      generation_(generation),
      lcore_(lcore),
      enabled_(enabled),
      revalidates_(revalidates),
      max_tunnel_length_(tables.vtep.inner_mtu() + uint32_t{wire::kEthernetHeaderLen}) {}

// Snapshots and moves only ever grow, so one that follows another in either makes a new sum.
void Shortcut::begin_burst() noexcept {
  const TimeMs now = lcore_.now();
  const uint64_t changes = 1 + generation_ + tables_.fdb.moves();  // so that no epoch is 0
  epoch_ = changes << 22 | now >> 10;
  seen_ = now >> kSeenShift & kSeenMask;
}

bool Shortcut::still_holds(Route& route, const Packet& packet) noexcept {
  const RouteAnswer& answer = route.answer;
  if (route.epoch == 0 || age_ms(lcore_.now(), route.walked) >= kRouteMs) return false;
  if (generation_of(packet.in_port) != answer.from_nic) return false;
  if (generation_of(answer.out_port) != answer.to_nic) return false;
  if (!stations_stand(packet, answer)) return false;
  route.epoch = epoch_;
  return true;
}

// Whether both stations are known to be where the packet comes from and where the answer leads. The
// source may not be: another lcore held the FDB when it was to be learnt.
bool Shortcut::stations_stand(const Packet& packet, const RouteAnswer& answer) const noexcept {
  const Segment* segment = tables_.segments.at(packet.segment);
  if (!segment || segment->vni != answer.vni) return false;
  const auto& ethernet = *packet.at<wire::EthernetHeader>(0);
  if (!segment->joins(ethernet.source, ethernet.destination)) return false;
  const PeerId source_peer = packet.in_port == kUplinkPort ? packet.source_peer : kNoPeer;
  return is_at(*segment, ethernet.destination, answer.out_port, answer.peer) &&
         is_at(*segment, ethernet.source, packet.in_port, source_peer);
}

bool Shortcut::is_at(const Segment& segment, const Mac& mac, PortId port,
                     PeerId peer) const noexcept {
  if (const Segment::Place* known = segment.find(mac)) {
    // As the switch has it: a nic whose guest is not there may be known elsewhere.
    return known->port == port && known->peer == peer &&
           (is_guest_there(port) || !tables_.fdb.find(segment.vni, mac, lcore_.now()));
  }
  const auto learnt = tables_.fdb.find(segment.vni, mac, lcore_.now());
  return learnt && learnt->port == port && learnt->peer == peer;
}

bool Shortcut::is_guest_there(PortId port) const noexcept {
  if (port == kUplinkPort || port.value >= tables_.ports.size()) return true;
  const Port* guest = tables_.ports[port.value];
  return guest && guest->is_connected();
}

// 0 where there is no nic to ask: behind a tunnel.
Generation Shortcut::generation_of(PortId port) const noexcept {
  const Nic* nic = port == kUplinkPort ? nullptr : tables_.nics.find(port);
  return nic ? nic->generation : 0;
}

bool Shortcut::is_let_pass(PortId port, const NicVerdict& verdict) const noexcept {
  if (port == kUplinkPort) return true;
  const Nic* nic = tables_.nics.find(port);
  return nic && verdict.is_of(nic->serial) &&
         (verdict.generation >= nic->policy.generation || !revalidates_);
}

void Shortcut::note(const Packet& packet, Flow& flow, Role sender) noexcept {
  if (!enabled_ || (packet.verdicts & kFlooded) != 0 || note_count_ == kMaxNotes) return;
  if (flow.tcp.state != tcp::State::established && flow.tcp.state != tcp::State::none) return;
  const FlowHistory& history = tables_.flows.history(flow);
  if (history.has_procedure()) return;
  if (!is_let_pass(packet.in_port, history.verdict(sender)) ||
      !is_let_pass(packet.out_port, history.verdict(other(sender)))) {
    return;
  }
  RouteAnswer answer;
  answer.from_nic = generation_of(packet.in_port);
  answer.to_nic = generation_of(packet.out_port);
  answer.vni = packet.vni;
  answer.out_port = packet.out_port;
  answer.peer = packet.out_port == kUplinkPort ? packet.peer : kNoPeer;
  answer.max_length =
      packet.out_port == kUplinkPort ? max_tunnel_length_ : std::numeric_limits<uint32_t>::max();
  if (!stations_stand(packet, answer)) return;
  const RouteKey key = RouteKey::of(packet.bytes().data(), packet.origin.value);
  notes_[note_count_++] = {&flow, tables_.routes.walk(key, answer, lcore_.now(), epoch_), sender};
  flow.has_note = true;
}

void Shortcut::forget(Flow& flow) noexcept {
  flow.forget_routes();
  if (!flow.has_note) return;
  flow.has_note = false;
  const auto end = notes_.begin() + static_cast<ptrdiff_t>(note_count_);
  const auto kept =
      std::remove_if(notes_.begin(), end, [&flow](const Note& note) { return note.flow == &flow; });
  note_count_ = static_cast<size_t>(kept - notes_.begin());
}

void Shortcut::settle() noexcept {
  for (size_t i = 0; i < note_count_; ++i) {
    const Note& note = notes_[i];
    note.flow->route(note.sender) = note.mark;
    note.flow->has_note = false;
  }
  note_count_ = 0;
}

}  // namespace butterfly
