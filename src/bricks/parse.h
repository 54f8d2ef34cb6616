// SPDX-License-Identifier: Apache-2.0
// Reads a frame's headers once, for every brick behind it (sources: wire/parse.h).
#pragma once

#include <string>

#include "graph/brick.h"
#include "tables/nic_table.h"
#include "tables/segment_table.h"
#include "wire/parse.h"

namespace butterfly {

// In:   any frame; packet.vni set. Headers lie in the first segment.
// Out:  packet.parsed filled; where it points lies inside the packet. Of fragments behind the
// first,
//       the key has no ports: `fragments` gives them the first one's.
//       A frame with a VLAN tag, where one is carried, is as one that is not IP.
// Cost: 10 cycles for untagged TCP and UDP over IPv4, 15 over IPv6 without extension headers, about
//       60 for the rest; no table, writes one line.
class Parse {
 public:
  // In the order of wire::ParseError.
  enum class Out : uint8_t {
    parsed,
    truncated_ethernet,
    vlan_tag,
    bad_arp,
    truncated_ip,
    bad_ip_version,
    bad_ip_length,
    bad_ip_address,
    fragment,
    source_route,
    bad_ip_options,
    ip_options,
    bad_extension,
    routing_header,
    truncated_transport,
    bad_transport_length,
    bad_quote,
    error_about_error,
    tiny_fragment,
    bad_fragment,
    oversized_fragment,
    fragmented_control,
  };
  static constexpr std::array kOuts{
      OutInfo{"parsed", Edge::forward, "headers read and found sound"},
      OutInfo{"truncated-ethernet", Edge::drop, "shorter than an Ethernet header"},
      OutInfo{"vlan-tag", Edge::drop,
              "carries a VLAN tag, and its nic, or nobody on its segment, carries those"},
      OutInfo{"bad-arp", Edge::drop, "ARP that is cut short or not for IPv4 over Ethernet"},
      OutInfo{"truncated-ip", Edge::drop, "the IP header or its options end outside the frame"},
      OutInfo{"bad-ip-version", Edge::drop, "the IP version does not match the EtherType"},
      OutInfo{"bad-ip-length", Edge::drop, "the IP length is below its header or past the frame"},
      OutInfo{"bad-ip-address", Edge::drop,
              "group or broadcast as source, or an IPv4-mapped address in IPv6"},
      OutInfo{"fragment", Edge::forward, "a fragment of a larger IP datagram"},
      OutInfo{"source-route", Edge::drop, "IPv4 options that prescribe the way (RFC 7126)"},
      OutInfo{"bad-ip-options", Edge::drop, "IPv4 options whose lengths do not add up"},
      OutInfo{"ip-options", Edge::drop, "IPv4 options, and the setting drop_ip_options is on"},
      OutInfo{"bad-extension", Edge::drop,
              "IPv6 extension headers out of order, too many or cut short"},
      OutInfo{"routing-header", Edge::drop, "IPv6 routing header of type 0 (RFC 5095 forbids it)"},
      OutInfo{"truncated-transport", Edge::drop, "the TCP, UDP, SCTP or ICMP header is cut short"},
      OutInfo{"bad-transport-length", Edge::drop, "impossible TCP data offset or UDP length"},
      OutInfo{"bad-quote", Edge::drop, "ICMP error that quotes too little to name a flow"},
      OutInfo{"error-about-error", Edge::drop,
              "ICMP error that quotes an ICMP error (RFC 1122 forbids it)"},
      OutInfo{
          "tiny-fragment", Edge::drop,
          "first fragment without all headers, or one that could rewrite them (RFC 7112, 3128)"},
      OutInfo{"bad-fragment", Edge::drop,
              "empty fragment, one of odd length that is not the last, or two fragment headers"},
      OutInfo{"oversized-fragment", Edge::drop, "its datagram would be longer than 65,535 bytes"},
      OutInfo{"fragmented-control", Edge::drop,
              "ICMP error or signalling in fragments (RFC 6980 forbids it for ND)"},
  };
  static constexpr BrickInfo kInfo{"parse", kOuts};

  struct Trace {
    wire::FlowKey key;
    uint16_t ethertype;
    wire::FrameKind kind;
    wire::Family family;
    uint8_t protocol;
    uint8_t icmp_type;
    bool source_is_high;
    bool is_parsed;  // else nothing above is known
  };
  // "tcp 10.0.0.1:40000 > 10.0.0.2:80", "icmp type 3 about udp …", "icmpv6 type 135", "arp", …
  static std::string format(const Trace& trace);

  // Who carries frames with VLAN tags; the tables are the snapshot's.
  struct Carriers {
    const NicTable& nics;
    const SegmentTable& segments;
  };
  // `drop_options`: no IPv4 packet with options passes. `carriers`: null where nobody is one.
  explicit Parse(bool drop_options = false, const Carriers* carriers = nullptr)
      : drop_options_(drop_options), carriers_(carriers) {}

  Out operator()(Packet& packet, Trace* trace) noexcept {
    const wire::ParseError error = wire::parse_frame(packet.bytes(), packet.length(), packet.vni,
                                                     packet.parsed, drop_options_);
    const bool is_told = error == wire::ParseError::none || error == wire::ParseError::fragment;
    if (trace && is_told) *trace = note_of(packet.parsed);
    if (error == wire::ParseError::vlan_tag && carriers_) [[unlikely]] {
      return take_tagged(packet, trace);
    }
    return static_cast<Out>(error);
  }

 private:
  Out take_tagged(const Packet& packet, Trace* trace) const noexcept;

  bool drop_options_;
  const Carriers* carriers_;

  static Trace note_of(const wire::Parsed& parsed);
};
static_assert(DecidingBrick<Parse>);
static_assert(Parse::kOuts.size() == static_cast<size_t>(Parse::Out::fragmented_control) + 1);
static_assert(static_cast<int>(Parse::Out::parsed) == static_cast<int>(wire::ParseError::none));
static_assert(static_cast<int>(Parse::Out::fragmented_control) ==
              static_cast<int>(wire::ParseError::fragmented_control));

}  // namespace butterfly
