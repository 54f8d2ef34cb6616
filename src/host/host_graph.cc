// SPDX-License-Identifier: Apache-2.0
// The journey of a packet: both directions, one line a brick, in packet order. This file is what
// runs, what is read, and what draws docs/graph.svg.
#include "host/host_graph.h"

#include <cstdlib>

namespace butterfly {
namespace {

wire::TunnelClass class_of(const SwitchSettings& settings) {
  const uint32_t ecn = settings.is_on(SwitchKnob::tunnel_ecn) ? wire::kEcnMask : 0U;
  const uint32_t dscp = settings.is_on(SwitchKnob::tunnel_copy_dscp) ? wire::kDscpMask : 0U;
  const uint32_t settled = dscp != 0 ? 0 : settings[SwitchKnob::tunnel_dscp] << 2;
  return {static_cast<uint8_t>(ecn | dscp), static_cast<uint8_t>(settled)};
}

}  // namespace

// In packet order; an edge only ever leads to a later node.
HostGraph::HostGraph(const GraphInputs& in)
    : admission_(in.admission),
      carriers_{*in.snapshot.nics, *in.snapshot.segments},
      parse_(in.snapshot.firewall.is_on(Knob::drop_ip_options), &carriers_),
      guest_services_(*in.snapshot.nics),
      antispoof_(*in.snapshot.nics, in.claims, in.snapshot.switching[SwitchKnob::nic_link_locals],
                 in.lcore),
      tunnel_in_(in.snapshot.vtep, *in.snapshot.peers, *in.snapshot.segments),
      strangers_{*in.snapshot.segments, in.strangers},
      vtep_(in.snapshot.vtep, *in.snapshot.peers, &strangers_, &in.queries),
      neighbour_(in.snapshot.vtep, *in.snapshot.peers, in.neighbours),
      newcomers_{*in.snapshot.peers, in.strangers},
      vxlan_decap_(*in.snapshot.segments, &newcomers_),
      parse_inner_(in.snapshot.firewall.is_on(Knob::drop_ip_options), &carriers_),
      fragments_(in.fragments, in.snapshot, in.mesh.lcores()),
      shortcut_({in.flows, in.routes, in.fdb, *in.snapshot.nics, *in.snapshot.segments,
                 in.snapshot.vtep, in.snapshot.ports},
                in.snapshot.generation, in.lcore, in.shortcut,
                in.snapshot.firewall.is_on(Knob::revalidate)),
      flow_(in.flows, shortcut_, in.lcore, in.mesh.lcores()),
      starts_(*in.snapshot.procedures, in.lcore),
      firewall_from_(Firewall::Side::from_nic, *in.snapshot.nics, in.flows, starts_,
                     in.snapshot.firewall, {}, *in.snapshot.guard),
      switch_(*in.snapshot.segments, *in.snapshot.nics, in.snapshot.ports, in.fdb, in.storms,
              in.lcore),
      note_claims_(*in.snapshot.segments, *in.snapshot.nics, in.claims,
                   in.snapshot.switching[SwitchKnob::nic_link_locals], in.lcore),
      suppress_(*in.snapshot.segments),
      flood_(*in.snapshot.segments),
      firewall_to_(Firewall::Side::to_nic, *in.snapshot.nics, in.flows, starts_,
                   in.snapshot.firewall, {}, *in.snapshot.guard),
      record_(in.flows, in.admission, *in.snapshot.nics, shortcut_, in.lcore, in.snapshot.firewall),
      reject_(in.rejects, in.lcore),
      procedure_(*in.snapshot.procedures, in.rate_limits, in.flows.hasher(), in.lcore),
      offload_to_guest_(in.snapshot.ports),
      path_mtu_(in.snapshot.vtep, in.mtu_answers, in.lcore),
      offload_to_wire_({}),
      vxlan_encap_(in.snapshot.vtep, *in.snapshot.peers, in.neighbours, in.lcore,
                   class_of(in.snapshot.switching)),
      port_out_(in.snapshot.ports, in.stages, in.snapshot.switching.is_on(SwitchKnob::merge_tcp)),
      handoff_(in.mesh),
      handoff_fragments_(in.fragment_mesh) {
  nodes_.parse = &graph_.add("parse", parse_);
  nodes_.tunnel_in = &graph_.add("tunnel-in", tunnel_in_);
  nodes_.parse_outer = &graph_.add("parse-outer", parse_outer_);
  nodes_.vtep = &graph_.add("vtep", vtep_);
  nodes_.neighbour = &graph_.add("neighbour", neighbour_);
  nodes_.vxlan_decap = &graph_.add("vxlan-decap", vxlan_decap_);
  nodes_.parse_inner = &graph_.add("parse-inner", parse_inner_);
  nodes_.fragments = &fragments_.add_to(graph_, "fragments");
  // With several lcores, some packets are ours and some are not.
  nodes_.flow =
      in.mesh.lcores() == 1 ? &graph_.add("flow", flow_) : &graph_.add_splitting("flow", flow_);
  nodes_.guest_services = &graph_.add("guest-services", guest_services_);
  nodes_.antispoof = &graph_.add("antispoof", antispoof_);
  nodes_.firewall_from = &graph_.add("firewall-from", firewall_from_);
  nodes_.switching = &graph_.add("switch", switch_);
  nodes_.claims = &graph_.add("claims", note_claims_);
  nodes_.suppress = &graph_.add("suppress", suppress_);
  nodes_.flood = &graph_.add("flood", flood_);
  nodes_.firewall_to = &graph_.add("firewall-to", firewall_to_);
  nodes_.record = &graph_.add("record", record_);
  nodes_.reject = &graph_.add("reject", reject_);
  nodes_.procedure = &graph_.add("procedure", procedure_);
  nodes_.offload_to_guest = &graph_.add("offload-to-guest", offload_to_guest_);
  nodes_.path_mtu = &graph_.add("path-mtu", path_mtu_);
  nodes_.offload_to_wire = &graph_.add("offload-to-wire", offload_to_wire_);
  nodes_.vxlan_encap = &graph_.add("vxlan-encap", vxlan_encap_);
  nodes_.port_out = &port_out_.add_to(graph_, "port-out");
  nodes_.handoff = &handoff_.add_to(graph_, "handoff");
  nodes_.handoff_fragments = &handoff_fragments_.add_to(graph_, "handoff-fragments");

  wire_from_guest();
  wire_from_wire();
  wire_delivery();
  // Wiring is code: a missing edge is a bug that every test meets, never an operator.
  if (!graph_.seal(in.lcore).ok()) std::abort();
}

void HostGraph::wire_from_guest() {
  auto& n = nodes_;
  from_guest_ = n.parse;
  graph_.connect(*n.parse, Parse::Out::parsed, *n.flow);
  // What is in pieces waits until its first piece says whose it is, then goes that one's way.
  graph_.connect(*n.parse, Parse::Out::fragment, *n.fragments);
  graph_.connect(*n.fragments, FragmentStage::Out::passed, *n.flow);
  graph_.connect(*n.fragments, FragmentStage::Out::released, *n.flow);
  graph_.connect(*n.fragments, FragmentStage::Out::elsewhere, *n.handoff_fragments);
  // By the shortcut: as the packet before it, which came the long way.
  graph_.connect(*n.flow, FlowLookup::Out::to_wire, *n.vxlan_encap);
  graph_.connect(*n.flow, FlowLookup::Out::to_guest, *n.port_out);
  graph_.connect(*n.flow, FlowLookup::Out::unfinished_to_wire, *n.offload_to_wire);
  graph_.connect(*n.flow, FlowLookup::Out::unfinished_to_guest, *n.offload_to_guest);
  graph_.connect(*n.flow, FlowLookup::Out::from_guest, *n.guest_services);
  // What the switch itself answers goes back at once: only the guest that asks is concerned.
  using Service = GuestServices::Out;
  graph_.connect(*n.guest_services, Service::on, *n.antispoof);
  for (const Service answer :
       {Service::dhcp_offer, Service::dhcp_ack, Service::dhcp_nak, Service::arp, Service::router,
        Service::dhcp6_advertise, Service::dhcp6_reply}) {
    graph_.connect(*n.guest_services, answer, *n.port_out);
  }
  // Beyond this line the source of the packet can be trusted, its content not.
  graph_.connect(*n.antispoof, Antispoof::Out::genuine, *n.firewall_from);
  // The switch's own question for an address of the guest's: no rule is asked.
  graph_.connect(*n.antispoof, Antispoof::Out::asked, *n.switching);
  graph_.connect(*n.flow, FlowLookup::Out::elsewhere, *n.handoff);
  from_lcore_ = n.flow;
}

void HostGraph::wire_from_wire() {
  auto& n = nodes_;
  from_wire_ = n.tunnel_in;
  graph_.connect(*n.tunnel_in, TunnelIn::Out::inner, *n.parse_inner);
  // Not the usual VXLAN datagram: the same in steps, each with its reasons to refuse.
  graph_.connect(*n.tunnel_in, TunnelIn::Out::other, *n.parse_outer);
  graph_.connect(*n.parse_outer, Parse::Out::parsed, *n.vtep);
  graph_.connect(*n.parse_outer, Parse::Out::fragment, *n.vtep);
  graph_.connect(*n.vtep, VtepIn::Out::own, *n.neighbour);
  graph_.connect(*n.neighbour, Neighbour::Out::reply, *n.port_out);
  graph_.connect(*n.neighbour, Neighbour::Out::ask, *n.port_out);
  graph_.connect(*n.vtep, VtepIn::Out::vxlan, *n.vxlan_decap);
  // Beyond this line the packet belongs to a tenant segment.
  graph_.connect(*n.vxlan_decap, VxlanDecap::Out::inner, *n.parse_inner);
  graph_.connect(*n.parse_inner, Parse::Out::parsed, *n.flow);
  graph_.connect(*n.parse_inner, Parse::Out::fragment, *n.fragments);
  graph_.connect(*n.flow, FlowLookup::Out::from_wire, *n.switching);
}

void HostGraph::wire_delivery() {
  auto& n = nodes_;
  using Verdict = Firewall::Out;
  for (const Verdict pass : {Verdict::tracked, Verdict::allowed, Verdict::related,
                             Verdict::always_allowed, Verdict::bypassed}) {
    graph_.connect(*n.firewall_from, pass, *n.switching);
    graph_.connect(*n.firewall_to, pass, *n.record);
  }
  // Whoever is refused is told so, past every policy.
  graph_.connect(*n.firewall_from, Verdict::rejected, *n.reject);
  graph_.connect(*n.firewall_to, Verdict::rejected, *n.reject);
  graph_.connect(*n.reject, Reject::Out::to_guest, *n.port_out);
  graph_.connect(*n.reject, Reject::Out::to_wire, *n.vxlan_encap);
  graph_.connect(*n.switching, Switch::Out::local, *n.firewall_to);
  graph_.connect(*n.switching, Switch::Out::tunnel, *n.record);  // no nic of ours to guard there
  graph_.connect(*n.switching, Switch::Out::flood, *n.claims);
  graph_.connect(*n.claims, Claims::Out::on, *n.suppress);
  graph_.connect(*n.suppress, Suppress::Out::answered, *n.port_out);
  graph_.connect(*n.suppress, Suppress::Out::flood, *n.flood);
  graph_.connect(*n.flood, Flood::Out::copy_local, *n.firewall_to);
  graph_.connect(*n.flood, Flood::Out::copy_tunnel, *n.record);
  // Beyond this line every policy has spoken; what follows is transport.
  graph_.connect(*n.record, Record::Out::to_guest, *n.offload_to_guest);
  graph_.connect(*n.record, Record::Out::to_wire, *n.path_mtu);
  graph_.connect(*n.record, Record::Out::by_procedure, *n.procedure);
  graph_.connect(*n.procedure, ApplyProcedure::Out::to_guest, *n.offload_to_guest);
  graph_.connect(*n.procedure, ApplyProcedure::Out::to_wire, *n.path_mtu);
  graph_.connect(*n.path_mtu, PathMtu::Out::fits, *n.offload_to_wire);
  graph_.connect(*n.path_mtu, PathMtu::Out::piece, *n.offload_to_wire);
  graph_.connect(*n.path_mtu, PathMtu::Out::answered, *n.port_out);
  // What guests left to their devices: some targets take it as it is, a tunnel only finished.
  for (const Offload::Out on : {Offload::Out::untouched, Offload::Out::passed_on,
                                Offload::Out::finished, Offload::Out::made}) {
    graph_.connect(*n.offload_to_guest, on, *n.port_out);
    graph_.connect(*n.offload_to_wire, on, *n.vxlan_encap);
  }
  graph_.connect(*n.vxlan_encap, VxlanEncap::Out::encapsulated, *n.port_out);
}

void HostGraph::ask_neighbours(Lcore& lcore) {
  Emit<Neighbour> emit(*nodes_.neighbour, lcore);
  neighbour_.tick(lcore.now(), emit);
}

void HostGraph::advertise(Lcore& lcore, PortId port) {
  Emit<GuestServices> emit(*nodes_.guest_services, lcore);
  guest_services_.advertise(port, emit);
}

}  // namespace butterfly
