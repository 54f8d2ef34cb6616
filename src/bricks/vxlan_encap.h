// SPDX-License-Identifier: Apache-2.0
// Begins a VXLAN tunnel (RFC 7348 §4.1, §5): outer Ethernet, IP, UDP and VXLAN headers in front.
#pragma once

#include "graph/brick.h"
#include "graph/lcore.h"
#include "tables/neighbour_table.h"
#include "tables/peer_table.h"

namespace butterfly {

// In:   a frame that fits the underlay (`path-mtu`); vni, peer and flow_hash set. A clone must have
//       a first segment of its own (Emit::clone_with_headroom).
// Out:  outer frame, out_port is the uplink, offload flags clear.
// Cost: one load of a peer, one of its neighbour, one copy of a template and six patches.
//
// UDP checksum: 0 over IPv4 (RFC 7348 §5) and over IPv6 too (RFC 6935 §5: a tunnel whose inner
// packets carry checksums of their own; a full one would read every byte). The IPv6 header has none
// of its own, so what RFC 6936 §4 asks holds: the receiver checks addresses, ports, peer and VNI.
// IPv4 goes out with DF and id 0 (RFC 6864 §4.1): a tunnel never relies on underlay fragments.
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
             const Lcore& lcore);

  Out operator()(Packet& packet, Trace* trace) noexcept {
    const Peer* peer = peers_.find(packet.peer);
    if (!peer) return Out::no_peer;
    const Mac next_hop = neighbours_.find(peer->neighbour, lcore_.now());
    if (next_hop.is_zero()) return Out::neighbour_unresolved;
    // Writing in front of a clone would write into the buffer of the packet it was made of.
    if (RTE_MBUF_CLONED(&packet)) return Out::no_headroom;
    const uint16_t source_port = source_port_of(packet);
    const bool fits = is_v4_ ? prepend(packet, outer_v4_, *peer, next_hop, source_port)
                             : prepend(packet, outer_v6_, *peer, next_hop, source_port);
    if (!fits) return Out::no_headroom;
    packet.ol_flags &= RTE_MBUF_F_EXTERNAL;
    packet.out_port = kUplinkPort;
    if (trace) *trace = {peer->address, packet.vni, source_port};
    return Out::encapsulated;
  }

 private:
  template <typename Ip>
  struct Outer {
    wire::EthernetHeader ethernet;
    Ip ip;
    wire::UdpHeader udp;
    wire::VxlanHeader vxlan;
  };
  static_assert(sizeof(Outer<wire::Ipv4Header>) == 50);
  static_assert(sizeof(Outer<wire::Ipv6Header>) == 70);

  // RFC 7348 §5: from 49152..65535 by a hash of inner headers, so that the underlay spreads flows;
  // both directions of a flow have the same.
  static uint16_t source_port_of(const Packet& packet) {
    const uint32_t hash = packet.flow_hash != 0 ? packet.flow_hash : hash_macs(packet);
    return static_cast<uint16_t>(0xc000 | (hash & 0x3fff));
  }
  static uint32_t hash_macs(const Packet& packet);

  template <typename Ip>
  bool prepend(Packet& packet, const Outer<Ip>& pattern, const Peer& peer, const Mac& next_hop,
               uint16_t source_port) const {
    // No overflow: path-mtu keeps the outer packet within the underlay's MTU.
    const auto udp_length = static_cast<uint16_t>(packet.length() + sizeof(wire::UdpHeader) +
                                                  sizeof(wire::VxlanHeader));
    if (!packet.prepend(sizeof(Outer<Ip>))) return false;
    auto* outer = packet.at<Outer<Ip>>(0);
    *outer = pattern;
    outer->ethernet.destination = next_hop;
    patch_ip(outer->ip, peer, udp_length);
    outer->udp.source_port = source_port;
    outer->udp.length = udp_length;
    outer->vxlan.vni_reserved = packet.vni.value << 8;
    return true;
  }
  void patch_ip(wire::Ipv4Header& ip, const Peer& peer, uint16_t udp_length) const {
    const Ipv4 destination = peer.address.v4();
    const auto total_length = static_cast<uint16_t>(sizeof(wire::Ipv4Header) + udp_length);
    ip.total_length = total_length;
    ip.destination = destination;
    // RFC 1624 §3 from the sum of the words that are always the same.
    const uint32_t address = destination.to_u32();
    uint32_t sum = ipv4_sum_ + total_length + (address >> 16) + (address & 0xffff);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    ip.checksum = static_cast<uint16_t>(~sum);
  }
  void patch_ip(wire::Ipv6Header& ip, const Peer& peer, uint16_t udp_length) const {
    ip.payload_length = udp_length;
    ip.destination = peer.address.v6();
  }

  const PeerTable& peers_;
  const NeighbourTable& neighbours_;
  const Lcore& lcore_;
  bool is_v4_;
  uint32_t ipv4_sum_ = 0;  // of the template's header, length, destination and checksum zero
  Outer<wire::Ipv4Header> outer_v4_{};
  Outer<wire::Ipv6Header> outer_v6_{};
};
static_assert(DecidingBrick<VxlanEncap>);

}  // namespace butterfly
