// SPDX-License-Identifier: Apache-2.0
// The bricks of one lcore and how they are wired: both journeys of a packet.
//
// Built by the control side for one snapshot and one lcore, run by that lcore, destroyed by the
// control side when no lcore looks at it any more. Learnt state is lent, not owned.
#pragma once

#include "base/cache_line.h"
#include "bricks/antispoof.h"
#include "bricks/apply_procedure.h"
#include "bricks/claims.h"
#include "bricks/firewall.h"
#include "bricks/flood.h"
#include "bricks/flow.h"
#include "bricks/guest_services.h"
#include "bricks/neighbour.h"
#include "bricks/offload.h"
#include "bricks/parse.h"
#include "bricks/path_mtu.h"
#include "bricks/record.h"
#include "bricks/reject.h"
#include "bricks/suppress.h"
#include "bricks/switch.h"
#include "bricks/tunnel_in.h"
#include "bricks/vtep.h"
#include "bricks/vxlan_decap.h"
#include "bricks/vxlan_encap.h"
#include "graph/handoff.h"
#include "graph/note_event.h"
#include "graph/port_out.h"
#include "graph/run_brick.h"
#include "host/fragment_stage.h"
#include "host/snapshot.h"
#include "tables/token_bucket.h"

namespace butterfly {

// What a graph is built from; all of it outlives the graph.
struct GraphInputs {
  const Snapshot& snapshot;
  Lcore& lcore;
  FlowTable& flows;
  FlowAdmission& admission;
  RouteTable& routes;
  Fdb& fdb;
  StormLimits& storms;
  NeighbourTable& neighbours;
  ClaimTable& claims;
  StrangerTable& strangers;
  MembershipQueries& queries;
  FragmentTable& fragments;
  HandoffMesh& mesh;
  HandoffMesh& fragment_mesh;
  RateLimits& rate_limits;   // the host's
  TokenBucket& mtu_answers;  // the lcore's, as the next two
  TokenBucket& rejects;
  SendStages& stages;
  bool shortcut = true;
};

// In lines of its own: its lcore writes it all the time.
class alignas(kLinePair) HostGraph {
 public:
  explicit HostGraph(const GraphInputs& inputs);

  // Where packets enter.
  Node& from_guest() { return *from_guest_; }
  Node& from_wire() { return *from_wire_; }
  Node& from_lcore() { return *from_lcore_; }  // handed over: its flow is ours

  // Handed over: a fragment whose datagram is ours.
  Node& from_lcore_fragments() { return *nodes_.fragments; }

  // Empties the graph and sends what it gathered; nothing is left over.
  void run(Lcore& lcore) {
    graph_.run(lcore);
    port_out_.flush(lcore);
    handoff_.flush(lcore);
    handoff_fragments_.flush(lcore);
    shortcut_.settle();
    flow_.end_round();
    admission_.settle();
    lcore.flush_freed();
  }
  // Asks the underlay for next hops that are not known or ageing. One lcore does it for all.
  void ask_neighbours(Lcore& lcore);

  // What the switch tells the guest at the port without being asked. One lcore does it for all.
  void advertise(Lcore& lcore, PortId port);

  // A frame of ours that is finished, to its out_port.
  void send(Packet& packet, Lcore& lcore) { nodes_.port_out->push(packet, lcore); }

  // Lets go of fragments that have waited too long.
  void expire_fragments(Lcore& lcore) { fragments_.expire(lcore); }

  const Graph& graph() const { return graph_; }
  // The firewall that asks the nic which a packet comes from, or the other one.
  const Node& firewall(bool is_from_nic) const {
    return is_from_nic ? *nodes_.firewall_from : *nodes_.firewall_to;
  }

 private:
  void wire_from_guest();
  void wire_from_wire();
  void wire_delivery();

  FlowAdmission& admission_;
  Parse::Carriers carriers_;
  Parse parse_;
  GuestServices guest_services_;
  Antispoof antispoof_;
  TunnelIn tunnel_in_;
  Parse parse_outer_;
  VtepIn::Learning strangers_;
  VtepIn vtep_;
  Neighbour neighbour_;
  VxlanDecap::Learning newcomers_;
  VxlanDecap vxlan_decap_;
  Parse parse_inner_;
  FragmentStage fragments_;
  Shortcut shortcut_;
  FlowLookup flow_;
  StartNotes starts_;
  Firewall firewall_from_;
  Switch switch_;
  Claims note_claims_;
  Suppress suppress_;
  Flood flood_;
  Firewall firewall_to_;
  Record record_;
  Reject reject_;
  ApplyProcedure procedure_;
  Offload offload_to_guest_;
  PathMtu path_mtu_;
  Offload offload_to_wire_;
  VxlanEncap vxlan_encap_;
  PortOut port_out_;
  HandoffOut handoff_;
  HandoffOut handoff_fragments_;

  Graph graph_;
  struct Nodes {
    Node *parse, *guest_services, *antispoof, *tunnel_in, *parse_outer, *vtep, *neighbour,
        *vxlan_decap, *parse_inner, *fragments, *flow, *firewall_from, *switching, *claims,
        *suppress, *flood, *firewall_to, *record, *reject, *procedure, *offload_to_guest, *path_mtu,
        *offload_to_wire, *vxlan_encap, *port_out, *handoff, *handoff_fragments;
  } nodes_{};
  Node* from_guest_ = nullptr;
  Node* from_wire_ = nullptr;
  Node* from_lcore_ = nullptr;
};

}  // namespace butterfly
