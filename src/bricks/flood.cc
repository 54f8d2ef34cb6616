// SPDX-License-Identifier: Apache-2.0
#include "bricks/flood.h"

#include "graph/run_brick.h"

namespace butterfly {
static_assert(EmittingBrick<Flood>);

namespace {

Flood::Out address_to(Packet& packet, const Segment::Place& place) {
  packet.out_port = place.port;
  packet.peer = place.peer;
  return place.port == kUplinkPort ? Flood::Out::copy_tunnel : Flood::Out::copy_local;
}

void send_copy(Packet& packet, const Segment::Place& place, Emit<Flood>& emit) {
  Packet* copy = place.port == kUplinkPort ? emit.clone_with_headroom(packet) : emit.clone(packet);
  if (copy) emit.send(address_to(*copy, place), *copy);
}

}  // namespace

Flood::Out Flood::operator()(Packet& packet, Trace* trace, Emit<Flood>& emit) noexcept {
  const Segment* segment = segments_.at(packet.segment);
  if (!segment) return Out::no_segment;
  // Each target waits for the next one to be known, so that the last is left for the original.
  Segment::Place waiting;
  uint16_t ports = 0;
  uint16_t peers = 0;
  const auto add = [&](const Segment::Place& target) {
    if (ports + peers != 0) send_copy(packet, waiting, emit);
    waiting = target;
    ++(target.port == kUplinkPort ? peers : ports);
  };
  // A guest of a private segment speaks to the gateways only.
  const bool is_private =
      segment->is_private() && !segment->is_gateway(packet.at<wire::EthernetHeader>(0)->source);
  for (const PortId port : is_private ? segment->gateway_ports : segment->ports) {
    if (port != packet.in_port) add({port, kNoPeer});
  }
  const bool goes_to_group = segment->group != kNoPeer && !is_private;
  if (packet.in_port != kUplinkPort && goes_to_group) {
    add({kUplinkPort, segment->group});
  } else if (packet.in_port != kUplinkPort) {
    for (const PeerId peer : is_private ? segment->gateway_peers : segment->peers) {
      add({kUplinkPort, peer});
    }
  }
  if (trace) *trace = {ports, peers};
  return ports + peers == 0 ? Out::nobody : address_to(packet, waiting);
}

std::string Flood::format(const Trace& trace) {
  return "to " + std::to_string(trace.ports) + (trace.ports == 1 ? " port, " : " ports, ") +
         std::to_string(trace.peers) + (trace.peers == 1 ? " peer" : " peers");
}

}  // namespace butterfly
