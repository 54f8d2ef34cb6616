// SPDX-License-Identifier: Apache-2.0
// Frames by the thousand, for tests that make their traffic at random: straight from headers, where
// packet text would take longer than what it tests. Inner checksums stay zero: nobody looks.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "base/mac.h"
#include "wire/headers.h"

namespace butterfly::scenario {

using Frame = std::vector<uint8_t>;

// Who sends to whom, and what tells this packet from all others: it lies in the IPv4 id or the
// IPv6 flow label.
struct Envelope {
  Mac from;
  Mac to;
  IpAddress source;
  IpAddress destination;  // of the same family
  uint32_t number = 0;
};

struct TcpFields {
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  uint32_t sequence = 0;
  uint32_t acknowledgement = 0;
  uint8_t flags = 0;
  uint16_t window = 0;
  int scale = -1;       // of a SYN that offers one
  uint16_t length = 0;  // of the payload
};

Frame tcp_frame(const Envelope& envelope, const TcpFields& fields);
Frame udp_frame(const Envelope& envelope, uint16_t source_port, uint16_t destination_port,
                uint16_t length);
// ICMP or ICMPv6, by the addresses.
Frame echo_frame(const Envelope& envelope, bool is_request, uint16_t id, uint16_t length);
// "Port unreachable", or "too big" where `mtu` is not 0, about the packet in `quoted`.
Frame error_frame(const Envelope& envelope, const Frame& quoted, uint16_t mtu);
// A protocol without ports.
Frame bare_frame(const Envelope& envelope, uint8_t protocol, uint16_t length);
// IPv4 addresses only.
Frame arp_frame(const Envelope& envelope, bool is_request);

// The frame with one more header behind that of IPv6: destination options. Others stay as they are.
void add_extension(Frame& frame);
void add_vlan_tag(Frame& frame, uint16_t vlan);
// The frame as a peer sends it to the VTEP of ours.
Frame in_tunnel(const Frame& frame, Vni vni, Ipv4 peer, uint16_t source_port);

// Our end of the tunnels, and the MAC that every peer has.
Ipv4 vtep_address();
Mac vtep_mac();
Mac peer_mac();
// Bytes that in_tunnel() puts in front.
inline constexpr size_t kOuterLength = sizeof(wire::EthernetHeader) + sizeof(wire::Ipv4Header) +
                                       sizeof(wire::UdpHeader) + sizeof(wire::VxlanHeader);

}  // namespace butterfly::scenario
