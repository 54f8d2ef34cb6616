// SPDX-License-Identifier: Apache-2.0
#include "graph/note_event.h"

#include <algorithm>

#include "base/copy_cut.h"

namespace butterfly {
namespace {

void copy_facts(const Packet& packet, Event& event) {
  const auto bytes = packet.bytes();
  const size_t count = std::min(bytes.size(), Event::kHead);
  std::copy_n(bytes.begin(), count, event.head.begin());
  event.head_length = static_cast<uint8_t>(count);
  event.length = packet.length();
  event.in_port = packet.in_port;
  event.out_port = packet.out_port;
  event.vni = packet.vni;
}

}  // namespace

void note_drop(size_t node, size_t out, const Packet& packet, Lcore& lcore) {
  if (lcore.capture().is_on()) lcore.capture().note_dropped(node, out, packet);
  if (!lcore.logging()) return;
  EventLog& log = lcore.events();
  const std::string* const refusing = log.take_refusing();
  if (!log.wants_drop(node, out, packet.in_port, packet.out_port)) return;
  Event* event = log.begin(EventSampler::key_of(node, out), lcore.now());
  if (!event) return;
  event->kind = EventKind::drop;
  event->node = static_cast<uint8_t>(node);
  event->out = static_cast<uint8_t>(out);
  event->rule[0] = event->group[0] = '\0';
  if (refusing) copy_cut(event->rule, *refusing);
  copy_facts(packet, *event);
  log.finish();
}

void note_station_event(const Packet& packet, Fdb::Learnt learnt, Lcore& lcore) {
  using Learnt = Fdb::Learnt;
  const bool is_news = learnt == Learnt::learnt || learnt == Learnt::moved ||
                       learnt == Learnt::held || learnt == Learnt::quota || learnt == Learnt::full;
  EventLog& log = lcore.events();
  if (!is_news || !log.wants_stations()) return;
  Event* event = log.begin(EventSampler::key_of(learnt), lcore.now());
  if (!event) return;
  event->kind = EventKind::station;
  event->node = event->out = 0;
  event->learnt = learnt;
  event->peer = packet.source_peer;
  event->rule[0] = event->group[0] = '\0';
  copy_facts(packet, *event);
  log.finish();
}

void StartNotes::note_event(const Packet& packet, Direction direction, const Match& match) const {
  const Procedure* procedure = procedures_.at(match.rule->procedure);
  EventLog& log = lcore_.events();
  if (!procedure || !procedure->log || !log.wants_start(packet.in_port, packet.out_port)) return;
  const EventKind kind =
      direction == Direction::egress ? EventKind::egress_start : EventKind::ingress_start;
  Event* event = log.begin(EventSampler::key_of(kind), lcore_.now());
  if (!event) return;
  event->kind = kind;
  event->node = event->out = 0;
  copy_cut(event->rule, match.rule->id);
  copy_cut(event->group, match.group ? match.group->name : std::string());
  copy_facts(packet, *event);
  log.finish();
}

}  // namespace butterfly
