// SPDX-License-Identifier: Apache-2.0
#include "bricks/switch.h"

#include "graph/note_event.h"
#include "tables/flow_table.h"

namespace butterfly {
namespace {

// 01:80:c2:00:00:00 to 0f: spanning tree, pause, LACP, LLDP and their kin stay on their link.
bool is_reserved_group(const Mac& mac) { return mac.to_u64() >> 4 == 0x0180'c200'000; }

// Where a frame that has just arrived comes from.
Place place_of(const Packet& packet) {
  if (packet.in_port == kUplinkPort) return {kUplinkPort, packet.source_peer};
  return {packet.in_port, kNoPeer};
}

std::string to_string(const Place& place) {
  return place.port == kUplinkPort ? "peer " + std::to_string(place.peer.value)
                                   : "port " + std::to_string(place.port.value);
}

}  // namespace

Switch::Out Switch::operator()(Packet& packet, Trace* trace) noexcept {
  const Segment* segment = segments_.at(packet.segment);
  if (!segment || is_out_of_date(*segment, packet)) return Out::no_segment;
  const auto& ethernet = *packet.at<wire::EthernetHeader>(0);  // parse has seen it
  if (trace) {
    trace->source = ethernet.source;
    trace->destination = ethernet.destination;
  }

  if (ethernet.source.is_group()) return Out::group_source;
  if (const auto refused = refuse_source(*segment, packet, ethernet.source, trace)) {
    return *refused;
  }
  if (ethernet.destination.is_group()) {
    if (trace) trace->found = Finding::group;
    if (is_reserved_group(ethernet.destination)) return Out::reserved_group;
    return flood(packet, ethernet.destination);
  }
  if (!segment->joins(ethernet.source, ethernet.destination)) return Out::private_segment;
  const auto place = find(*segment, ethernet.destination, trace);
  return place ? forward(packet, *place) : flood(packet, ethernet.destination);
}

// Another lcore may have handed over the packet under an older snapshot: the slot of its segment,
// or of its nic, may be another tenant's by now.
bool Switch::is_out_of_date(const Segment& segment, const Packet& packet) const {
  if (segment.vni != packet.vni) return true;
  if (packet.in_port == kUplinkPort) return false;
  const Nic* nic = nics_.find(packet.in_port);
  return !nic || nic->vni != packet.vni;
}

// Learns the source, unless intent names it: then it must come from where intent says. What a nic
// shows beyond its limit goes nowhere: answers to it would be flooded to everyone else.
std::optional<Switch::Out> Switch::refuse_source(const Segment& segment, const Packet& packet,
                                                 const Mac& source, Trace* trace) {
  const Place place = place_of(packet);
  if (const Place* known = segment.find(source)) {
    if (trace) trace->source_is = Source::configured;
    if (known->port == place.port && known->peer == place.peer) return std::nullopt;
    if (place.port != kUplinkPort || is_guest_there(*known)) return Out::impersonation;
  }
  const auto learnt = fdb_.learn(segment.vni, segment.index, source, place, lcore_.now());
  if (trace) {
    trace->source_is = Source::offered;
    trace->learnt = learnt;
  }
  note_station(packet, learnt, lcore_);
  if (learnt == Fdb::Learnt::learnt && segment.find(source)) fdb_.note_move();
  if (learnt == Fdb::Learnt::port_quota) return Out::nic_macs;
  if (learnt == Fdb::Learnt::held) return Out::mac_held;
  return std::nullopt;
}

// A static entry is always there; a nic whose port is just being made is not.
bool Switch::is_guest_there(const Place& place) const {
  if (place.port == kUplinkPort) return true;
  const Port* port = place.port.value < ports_.size() ? ports_[place.port.value] : nullptr;
  return port && port->is_connected();
}

std::optional<Place> Switch::find(const Segment& segment, const Mac& destination, Trace* trace) {
  const Place* const known = segment.find(destination);
  std::optional<Place> place;
  if (!known || !is_guest_there(*known)) place = find_learnt(segment, destination);
  const bool is_learnt = place.has_value();
  if (!is_learnt && known) place = *known;
  if (trace) {
    trace->found = is_learnt ? Finding::learnt : known ? Finding::configured : Finding::unknown;
    if (place) {
      trace->port = place->port;
      trace->peer = place->peer;
    }
  }
  return place;
}

std::optional<Place> Switch::find_learnt(const Segment& segment, const Mac& destination) const {
  const auto place = fdb_.find(segment.vni, destination, lcore_.now());
  // The FDB is older than the snapshot: its port may be gone, or another tenant's by now.
  if (place && place->port != kUplinkPort) {
    const Nic* nic = nics_.find(place->port);
    if (!nic || nic->vni != segment.vni) return std::nullopt;
  }
  return place;
}

Switch::Out Switch::flood(Packet& packet, const Mac& destination) {
  const FloodKind kind = destination == Mac::broadcast() ? FloodKind::broadcast
                         : destination.is_group()        ? FloodKind::multicast
                                                         : FloodKind::unknown;
  switch (storms_.take(packet.in_port, packet.segment, kind, lcore_.now())) {
    case StormLimits::Verdict::nic_limit:
      return Out::nic_storm;
    case StormLimits::Verdict::segment_limit:
      return Out::segment_storm;
    case StormLimits::Verdict::passes:
      break;
  }
  packet.verdicts |= kFlooded;
  return Out::flood;
}

Switch::Out Switch::forward(Packet& packet, const Place& place) {
  if (place.port == packet.in_port) {
    return place.port == kUplinkPort ? Out::from_wire_to_wire : Out::to_sender;
  }
  packet.out_port = place.port;
  packet.peer = place.peer;
  return place.port == kUplinkPort ? Out::tunnel : Out::local;
}

std::string Switch::format(const Trace& trace) {
  std::string text = trace.source.to_string();
  text += trace.source_is == Source::configured
              ? " (configured)"
              : std::string(" (") + Fdb::name_of(trace.learnt) + ")";
  text += " > " + trace.destination.to_string();
  switch (trace.found) {
    case Finding::none:
      return text;
    case Finding::group:
      return text + ": group";
    case Finding::unknown:
      return text + ": unknown";
    case Finding::configured:
      return text + ": configured, " + to_string({trace.port, trace.peer});
    case Finding::learnt:
      return text + ": learnt, " + to_string({trace.port, trace.peer});
  }
  return text;
}

}  // namespace butterfly
