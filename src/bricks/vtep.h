// SPDX-License-Identifier: Apache-2.0
// The gate of our VTEP: which outer frames of the underlay are for us, and what they are.
// Sources: RFC 7348 §5, RFC 1122 §3.3.6, RFC 6935 §5 (UDP checksum 0 over IPv6), RFC 4861 §7.
#pragma once

#include "graph/brick.h"
#include "graph/packet_checksum.h"
#include "tables/membership_queries.h"
#include "tables/peer_table.h"
#include "tables/segment_table.h"
#include "tables/stranger_table.h"

namespace butterfly {

// In:   a frame from the uplink, `parse` done with VNI 0.
// Out:  vxlan: source_peer set, outer checksums verified; own: for `neighbour`, as it came.
// Cost: a load of a small table for a peer seen before, else one hash lookup (sound since the
//       tables of a snapshot never change); a sum over the packet if it carries a UDP checksum.
class VtepIn {
 public:
  enum class Out : uint8_t {
    vxlan,
    own,
    not_our_mac,
    not_our_address,
    other_group,
    membership_query,
    bad_ip_checksum,
    unknown_peer,
    new_peer,
    bad_udp_checksum,
    icmp_error,
    not_vxlan,
    fragment,
  };
  static constexpr std::array kOuts{
      OutInfo{"vxlan", Edge::forward, "VXLAN from a peer that we know"},
      OutInfo{"own", Edge::forward, "ARP, neighbour discovery or ping for our own address"},
      OutInfo{"not-our-mac", Edge::drop, "another station's Ethernet address"},
      OutInfo{"not-our-address", Edge::drop, "another host's IP address"},
      OutInfo{"other-group", Edge::drop, "broadcast or multicast that does not ask for us"},
      OutInfo{"membership-query", Edge::drop,
              "a multicast router asks which groups we are in: it is told a little later"},
      OutInfo{"bad-ip-checksum", Edge::drop, "outer IPv4 header damaged: checksum is wrong"},
      OutInfo{"unknown-peer", Edge::drop, "VXLAN from an address that is no configured peer"},
      OutInfo{"new-peer", Edge::drop,
              "VXLAN from an address that is no peer yet, for a segment that learns its peers"},
      OutInfo{"bad-udp-checksum", Edge::drop, "outer UDP datagram damaged: checksum is wrong"},
      OutInfo{
          "icmp-error", Edge::drop,
          "the underlay reports that it could not deliver our packets: MTU, route or peer down"},
      OutInfo{"not-vxlan", Edge::drop, "for our address, but nothing that we speak"},
      OutInfo{"fragment", Edge::drop, "a fragment of the underlay: RFC 7348 §4.3 forbids them"},
  };
  static constexpr BrickInfo kInfo{"vtep", kOuts};
  struct Trace {
    IpAddress source;
    IpAddress destination;
  };
  static std::string format(const Trace& trace);

  // Those who speak for segments that learn their peers, and where they are noted.
  struct Learning {
    const SegmentTable& segments;
    StrangerTable& strangers;
  };
  // The tables belong to the snapshot that built this brick. `learning`: null where nobody learns;
  // `queries`: null where nobody is in a group.
  VtepIn(const Vtep& vtep, const PeerTable& peers, const Learning* learning = nullptr,
         MembershipQueries* queries = nullptr)
      : mac_(vtep.mac),
        address_(vtep.address),
        udp_port_(vtep.udp_port),
        peers_(peers),
        learning_(learning),
        queries_(queries) {}

  Out operator()(Packet& packet, Trace* trace) noexcept {
    packet.source_peer = kNoPeer;
    if (wire::is_fragment(packet.parsed.kind)) return Out::fragment;
    const auto* ethernet = packet.at<wire::EthernetHeader>(0);
    if (!ethernet) return Out::not_our_mac;  // impossible behind parse
    if (ethernet->destination != mac_) return take_other_mac(packet, *ethernet, trace);
    switch (packet.parsed.ethertype) {
      case wire::kTypeIpv4:
        return take_ipv4(packet, trace);
      case wire::kTypeIpv6:
        return take_ipv6(packet, trace);
      case wire::kTypeArp:
        return take_arp(packet, trace);
      default:
        return Out::not_vxlan;
    }
  }

 private:
  // Groups, beside what is another station's.
  Out take_other_mac(Packet& packet, const wire::EthernetHeader& ethernet, Trace* trace) noexcept;
  Out take_group_v4(Packet& packet, Trace* trace) noexcept;
  Out take_group_v6(Packet& packet, Trace* trace) noexcept;
  // VXLAN to one of our segments' groups.
  Out take_group(Packet& packet, const IpAddress& source, const IpAddress& group) noexcept;
  Out take_arp(const Packet& packet, Trace* trace) const noexcept;

  Out take_ipv4(Packet& packet, Trace* trace) noexcept {
    const auto* ip = packet.at<wire::Ipv4Header>(packet.parsed.l3);
    if (!ip) return Out::not_our_address;  // impossible behind parse
    if (trace) *trace = {ip->source, ip->destination};
    if (IpAddress(ip->destination) != address_) return Out::not_our_address;
    if (!ipv4_checksum_holds(packet.bytes().subspan(packet.parsed.l3, ip->header_length()))) {
      return Out::bad_ip_checksum;
    }
    return take_addressed(packet, ip->source, address_);
  }
  Out take_ipv6(Packet& packet, Trace* trace) noexcept {
    const auto* ip = packet.at<wire::Ipv6Header>(packet.parsed.l3);
    if (!ip) return Out::not_our_address;  // impossible behind parse
    if (trace) *trace = {ip->source, ip->destination};
    if (IpAddress(ip->destination) != address_) return Out::not_our_address;
    return take_addressed(packet, ip->source, address_);
  }
  bool is_vxlan(const Packet& packet) const noexcept {
    const wire::Parsed& parsed = packet.parsed;
    const auto* udp = packet.at<wire::UdpHeader>(parsed.l4);
    return parsed.kind == wire::FrameKind::flow && parsed.protocol == wire::kProtoUdp && udp &&
           udp->destination_port == udp_port_;
  }
  Out take_addressed(Packet& packet, const IpAddress& source,
                     const IpAddress& destination) noexcept {
    if (!is_vxlan(packet)) return take_other(packet);
    const auto* udp = packet.at<wire::UdpHeader>(packet.parsed.l4);
    const PeerId peer = find_peer(source);
    if (peer == kNoPeer) return take_stranger(packet, source, destination);
    // 0 is "none": RFC 768, and for tunnels over IPv6 RFC 6935 §5.
    if (udp->checksum != 0 && !udp_checksum_holds(packet, source, destination)) {
      return Out::bad_udp_checksum;
    }
    packet.source_peer = peer;
    return Out::vxlan;
  }
  Out take_stranger(const Packet& packet, const IpAddress& source,
                    const IpAddress& destination) const noexcept;
  // For our address, but no VXLAN.
  static Out take_other(const Packet& packet) noexcept;
  bool udp_checksum_holds(const Packet& packet, const IpAddress& source,
                          const IpAddress& destination) const noexcept;

  struct Seen {
    IpAddress address;
    PeerId peer = kNoPeer;
  };
  static constexpr size_t kSeen = 64;

  PeerId find_peer(const IpAddress& source) noexcept {
    // Peers mostly differ in the last bytes of their addresses; Fibonacci hashing spreads those.
    uint32_t tail;
    std::memcpy(&tail, source.bytes().data() + 12, sizeof tail);
    Seen& seen = seen_[(tail * 0x9e3779b1U) >> 26];
    return seen.address == source ? seen.peer : look_up(source, seen);
  }
  PeerId look_up(const IpAddress& source, Seen& seen) const noexcept;

  Mac mac_;
  IpAddress address_;
  uint16_t udp_port_;
  const PeerTable& peers_;
  const Learning* learning_;
  MembershipQueries* queries_;
  std::array<Seen, kSeen> seen_{};
};
static_assert(DecidingBrick<VtepIn>);

}  // namespace butterfly
