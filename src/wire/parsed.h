// SPDX-License-Identifier: Apache-2.0
// What the parser tells about a frame, and why it refuses one.
// Sources: RFC 791, 8200 §4, 6946, 5095, 6980, 7112, 1858, 3128, 768, 9293, 792, 4443, 1122 §3.2.2.
#pragma once

#include <cstdint>

#include "wire/flow_key.h"
#include "wire/headers.h"

namespace butterfly::wire {

// What a frame is to the switch and the firewall.
enum class FrameKind : uint8_t {
  non_ip,      // neither IP nor ARP; only the Ethernet header was read
  arp,         // a well-formed ARP for IPv4 over Ethernet
  signalling,  // ICMP(v6) that no flow tracks: ND, RA, MLD, redirects, unknown types
  // Those below have a flow key.
  flow,        // IP that belongs to a flow: TCP, UDP, SCTP, other protocols, ICMP(v6) queries
  icmp_error,  // ICMP(v6) error: the key is that of the packet quoted inside
  // With ParseError::fragment only; their fate is their flow's.
  first_fragment,  // offset 0 of a datagram in several, with the whole chain of headers
  later_fragment,  // what follows it: no upper-layer header, so a key without ports
};

constexpr bool has_key(FrameKind kind) { return kind >= FrameKind::flow; }
constexpr bool is_fragment(FrameKind kind) { return kind >= FrameKind::first_fragment; }

// Why a frame is refused. Each is a named drop of the `parse` brick.
enum class ParseError : uint8_t {
  none,
  truncated_ethernet,    // shorter than an Ethernet header
  vlan_tag,              // carries a VLAN tag (single or stacked)
  bad_arp,               // ARP that is short or not for IPv4 over Ethernet
  truncated_ip,          // IP header, or its options, end outside the frame
  bad_ip_version,        // version does not match the EtherType
  bad_ip_length,         // IP length field below its header or past the frame
  bad_ip_address,        // group address as source, or IPv4-mapped address in IPv6
  fragment,              // no fault: sound, and a fragment of a larger datagram
  source_route,          // IPv4 options say by which way to go (RFC 791 §3.1)
  bad_ip_options,        // IPv4 options whose lengths do not add up
  ip_options,            // IPv4 options, and the caller wants none
  bad_extension,         // IPv6 extension headers out of order, too many, or cut short
  routing_header,        // IPv6 routing header type 0 (RFC 5095)
  truncated_transport,   // upper-layer header ends outside the packet
  bad_transport_length,  // TCP data offset or UDP length impossible
  bad_quote,             // ICMP error whose quoted packet names no flow: too short, fragment, …
  error_about_error,     // ICMP error that quotes an ICMP error (RFC 1122 §3.2.2)
  tiny_fragment,         // first fragment without its headers, or one that could rewrite them
  bad_fragment,          // empty, of odd length in the middle, or two fragment headers
  oversized_fragment,    // its datagram would be longer than 65,535 bytes
  fragmented_control,    // ICMP other than queries and answers, in fragments
};

// Where things lie; offsets in bytes from the start of the frame.
// Errors fill it too when they are ParseError::fragment or vlan_tag.
struct Parsed {
  FrameKind kind;
  Family family;        // of IP kinds
  uint8_t protocol;     // upper layer, after IPv6 extension headers
  uint8_t icmp_type;    // of ICMP and ICMPv6, else 0
  bool source_is_high;  // side of the sender in `key` (of the quoted packet for icmp_error)
  bool starts_flow;     // may create a flow: not an ICMP reply, not an error
  uint16_t ethertype;
  uint16_t l3;         // of IP kinds and arp
  uint16_t l4;         // of flow, icmp_error and signalling
  uint16_t l4_length;  // upper-layer header and payload, in bytes, without Ethernet padding
  uint16_t fragment;   // of fragments: the header that says so, IPv4 or IPv6 fragment header
  FlowKey key;         // of flow, icmp_error and fragments
};

}  // namespace butterfly::wire
