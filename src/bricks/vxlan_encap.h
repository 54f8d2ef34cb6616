// SPDX-License-Identifier: Apache-2.0
// Begins a VXLAN tunnel (RFC 7348 §4.1, §5): outer Ethernet, IP, UDP and VXLAN headers in front,
// with the inner packet's congestion marks (RFC 6040 §4.1).
#pragma once

#include "graph/brick.h"
#include "graph/lcore.h"
#include "tables/neighbour_table.h"
#include "tables/peer_table.h"
#include "wire/tunnel_class.h"

namespace butterfly {

// In:   a frame that fits the underlay (`path-mtu`); out_port is the uplink; vni, peer and
// flow_hash
//       set. A clone must have a first segment of its own (Emit::clone_with_headroom).
// Out:  outer frame, offload flags clear.
// Cost: one load of a peer, one of its neighbour, one copy of the peer's template, completed.
class VxlanEncap {
 public:
  enum class Out : uint8_t { encapsulated, no_peer, neighbour_unresolved, no_headroom };
  static constexpr std::array kOuts{
      OutInfo{"encapsulated", Edge::forward, "on its way to the peer"},
      OutInfo{"no-peer", Edge::drop, "the peer was removed while the packet was on its way"},
      OutInfo{"neighbour-unresolved", Edge::drop,
              "no MAC yet for the peer or its gateway; it is being asked for"},
      OutInfo{"no-headroom", Edge::drop, "the buffer has no room of its own for outer headers"},
  };
  static constexpr BrickInfo kInfo{"vxlan-encap", kOuts};
  struct Trace {
    IpAddress peer;
    Vni vni;
    uint16_t source_port;
  };
  static std::string format(const Trace& trace);

  // Tables of the snapshot that built this brick; `lcore` is the one that runs it.
  VxlanEncap(const Vtep& vtep, const PeerTable& peers, const NeighbourTable& neighbours,
             const Lcore& lcore, wire::TunnelClass traffic_class = {})
      : peers_(peers),
        neighbours_(neighbours),
        lcore_(lcore),
        is_v4_(vtep.address.is_v4()),
        class_(traffic_class) {}

  Out operator()(Packet& packet, Trace* trace) noexcept {
    const Peer* peer = peers_.find(packet.peer);
    if (!peer) return Out::no_peer;
    const uint64_t next_hop =
        peer->is_group() ? peer->group_mac : neighbours_.find_u64(peer->neighbour, lcore_.now());
    if (next_hop == 0) return Out::neighbour_unresolved;
    // Writing in front of a clone would write into the buffer of the packet it was made of.
    if (RTE_MBUF_CLONED(&packet)) return Out::no_headroom;
    packet.ol_flags &= RTE_MBUF_F_EXTERNAL;
    const uint16_t source_port = source_port_of(packet);
    const bool fits = is_v4_ ? prepend<wire::Family::v4>(packet, *peer, next_hop, source_port)
                             : prepend<wire::Family::v6>(packet, *peer, next_hop, source_port);
    if (!fits) return Out::no_headroom;
    if (trace) *trace = {peer->address, packet.vni, source_port};
    return Out::encapsulated;
  }

 private:
  // RFC 7348 §5: from 49152..65535 by a hash of inner headers, so that the underlay spreads flows;
  // both directions of a flow have the same.
  static uint16_t source_port_of(const Packet& packet) {
    const uint32_t hash = packet.flow_hash != 0 ? packet.flow_hash : hash_macs(packet);
    return static_cast<uint16_t>(0xc000 | (hash & 0x3fff));
  }
  static uint32_t hash_macs(const Packet& packet);
  // Where the frame begins: a copy with headroom of its own begins with an empty segment.
  [[gnu::always_inline]] static std::span<const uint8_t> inner_head(const Packet& packet) {
    if (packet.data_len != 0) [[likely]]
      return packet.bytes();
    return second_segment(packet);
  }
  [[gnu::cold]] static std::span<const uint8_t> second_segment(const Packet& packet);

  template <wire::Family kFamily>
  [[gnu::always_inline]] bool prepend(Packet& packet, const Peer& peer, uint64_t next_hop,
                                      uint16_t source_port) const {
    const uint32_t length = packet.length();  // path-mtu keeps it within the underlay's MTU
    const uint8_t traffic_class = class_.of(wire::traffic_class_of(inner_head(packet)));
    uint8_t* const front = packet.prepend(sizeof(wire::OuterLayers<kFamily>));
    if (!front) return false;
    peer.outer.write<kFamily>(front, next_hop, source_port, packet.vni, length, traffic_class);
    return true;
  }

  const PeerTable& peers_;
  const NeighbourTable& neighbours_;
  const Lcore& lcore_;
  bool is_v4_;
  wire::TunnelClass class_;
};
static_assert(DecidingBrick<VxlanEncap>);

}  // namespace butterfly
