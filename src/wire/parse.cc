// SPDX-License-Identifier: Apache-2.0
#include "wire/parse.h"

#include <algorithm>

namespace butterfly::wire {
namespace {

// RFC 8200 §4.1 names seven; a chain beyond eight has no honest reason.
constexpr int kMaxExtensions = 8;
// An ICMP error quotes at least the IP header and 8 bytes (RFC 792).
constexpr size_t kMinQuotedTransport = 8;

constexpr uint8_t kOptionEnd = 0;
constexpr uint8_t kOptionPadding = 1;
constexpr uint8_t kOptionLooseRoute = 131;
constexpr uint8_t kOptionStrictRoute = 137;

struct Bytes {
  std::span<const uint8_t> head;
  uint32_t frame_length;

  template <typename H>
  const H* at(size_t offset) const {
    return view_at<H>(head, offset);
  }
};

bool is_icmp_error(uint8_t type) {
  return type == kIcmpUnreachable || type == kIcmpSourceQuench || type == kIcmpRedirect ||
         type == kIcmpTimeExceeded || type == kIcmpParameterProblem;
}
bool is_icmp_query(uint8_t type) {  // echo, timestamp, information, address mask: RFC 792, 950
  return type == kIcmpEcho || type == 13 || type == 15 || type == 17;
}
bool is_icmp_answer(uint8_t type) {
  return type == kIcmpEchoReply || type == 14 || type == 16 || type == 18;
}
// The type of the query that an answer of this type answers; queries are themselves.
uint8_t query_type(uint8_t type, Family family) {
  if (family == Family::v6) return kIcmpv6Echo;
  if (type == kIcmpEchoReply) return kIcmpEcho;
  return is_icmp_answer(type) ? static_cast<uint8_t>(type - 1) : type;
}
// Two hosts that ping each other may well use the same id (some always use 1), and a timestamp
// request may use an echo's: so the query's type stands for the port at the answering end.
void set_icmp_ports(const IcmpHeader& icmp, Family family, bool is_query, FiveTuple& tuple) {
  (is_query ? tuple.source : tuple.destination).port = icmp.id;
  (is_query ? tuple.destination : tuple.source).port = query_type(icmp.type, family);
  tuple.is_answer = !is_query;
}
bool is_icmpv6_error(uint8_t type) {
  return type >= kIcmpv6Unreachable && type <= kIcmpv6ParameterProblem;
}

// The upper layer found by walking IP.
struct Transport {
  IpAddress source;
  IpAddress destination;
  uint8_t protocol = 0;
  size_t offset = 0;
  size_t length = 0;  // in bytes, by the IP length field
  // Of fragments: where the header is that says so, the place in its datagram, and all in front of
  // what is cut into fragments but the IPv6 header.
  size_t fragment = 0;
  uint32_t fragment_offset = 0;
  bool more_fragments = false;
  size_t fixed_part = 0;

  bool is_fragment() const { return more_fragments || fragment_offset != 0; }
};

// RFC 791 §3.1. A source route leads a packet past those who judge by its destination (RFC 7126).
ParseError check_options(std::span<const uint8_t> options) {
  while (!options.empty() && options[0] != kOptionEnd) {
    const uint8_t type = options[0];
    if (type == kOptionLooseRoute || type == kOptionStrictRoute) return ParseError::source_route;
    const size_t length = type == kOptionPadding ? 1 : options.size() < 2 ? 0 : options[1];
    if (length == 0 || length > options.size() || (length == 1 && type != kOptionPadding)) {
      return ParseError::bad_ip_options;
    }
    options = options.subspan(length);
  }
  return ParseError::none;
}

ParseError walk_ipv4(const Bytes& bytes, size_t l3, bool quoted, Transport& out) {
  const auto* ip = bytes.at<Ipv4Header>(l3);
  if (!ip) return ParseError::truncated_ip;
  if (ip->version() != 4) return ParseError::bad_ip_version;
  const size_t header = ip->header_length();
  if (header < sizeof(Ipv4Header)) return ParseError::bad_ip_length;
  if (l3 + header > bytes.head.size()) return ParseError::truncated_ip;
  if (ip->total_length < header) return ParseError::bad_ip_length;
  const size_t available = bytes.frame_length - l3;
  if (!quoted && ip->total_length > available) return ParseError::bad_ip_length;
  if (ip->is_fragment() && quoted) return ParseError::bad_quote;
  if (!quoted && (ip->source.is_multicast() || ip->source.is_limited_broadcast())) {
    return ParseError::bad_ip_address;
  }
  out = {ip->source, ip->destination, ip->protocol, l3 + header,
         std::min<size_t>(ip->total_length, available) - header};
  out.fragment = l3;
  out.fragment_offset = ip->fragment_offset();
  out.more_fragments = ip->more_fragments();
  out.fixed_part = header;
  return ParseError::none;
}

// Steps over the extension headers; leaves `out.offset` and `out.protocol` at the upper layer.
ParseError walk_extensions(const Bytes& bytes, bool quoted, Transport& out) {
  const size_t begin = out.offset;
  const size_t end = begin + out.length;
  bool first = true;
  bool has_fragment_header = false;
  // RFC 7112: all of it must be in the first fragment.
  const auto cut_short = [&out] {
    return out.is_fragment() ? ParseError::tiny_fragment : ParseError::bad_extension;
  };
  for (int i = 0; i <= kMaxExtensions; ++i, first = false) {
    size_t length = 0;
    const auto* extension = bytes.at<Ipv6Extension>(out.offset);
    switch (out.protocol) {
      case kProtoHopByHop:
        if (!first) return ParseError::bad_extension;
        [[fallthrough]];
      case kProtoDestOptions:
      case kProtoRouting:
        if (!extension) return cut_short();
        if (out.protocol == kProtoRouting && extension->type == 0)
          return ParseError::routing_header;
        length = (static_cast<size_t>(extension->length) + 1) * 8;
        break;
      case kProtoAh:  // counts 4-byte units minus two (RFC 4302 §2.2)
        if (!extension) return cut_short();
        length = (static_cast<size_t>(extension->length) + 2) * 4;
        break;
      case kProtoFragment: {
        const auto* fragment = bytes.at<Ipv6Fragment>(out.offset);
        if (!fragment) return ParseError::bad_extension;
        if (has_fragment_header) return ParseError::bad_fragment;
        has_fragment_header = true;
        if (!fragment->is_atomic()) {
          if (quoted) return ParseError::bad_quote;
          out.fragment = out.offset;
          out.fragment_offset = fragment->offset();
          out.more_fragments = fragment->more_fragments();
          out.fixed_part = out.offset - begin;
        }
        length = sizeof(Ipv6Fragment);
        break;
      }
      default:
        out.length = end - out.offset;
        return ParseError::none;
    }
    if (out.offset + length > end || out.offset + length > bytes.head.size()) return cut_short();
    out.protocol = extension->next_header;
    out.offset += length;
    if (out.fragment_offset != 0) {  // what follows is the middle of something
      out.length = end - out.offset;
      return ParseError::none;
    }
  }
  return ParseError::bad_extension;
}

ParseError walk_ipv6(const Bytes& bytes, size_t l3, bool quoted, Transport& out) {
  const auto* ip = bytes.at<Ipv6Header>(l3);
  if (!ip) return ParseError::truncated_ip;
  if (ip->version() != 6) return ParseError::bad_ip_version;
  const size_t available = bytes.frame_length - l3 - sizeof(Ipv6Header);
  if (!quoted && ip->payload_length > available) return ParseError::bad_ip_length;
  out = {ip->source, ip->destination, ip->next_header, l3 + sizeof(Ipv6Header),
         std::min<size_t>(ip->payload_length, available)};
  // A mapped address would make an IPv4 key of an IPv6 packet.
  if (out.source.is_v4() || out.destination.is_v4()) return ParseError::bad_ip_address;
  if (!quoted && ip->source.is_multicast()) return ParseError::bad_ip_address;
  return walk_extensions(bytes, quoted, out);
}

ParseError walk_ip(const Bytes& bytes, size_t l3, Family family, bool quoted, Transport& out) {
  return family == Family::v4 ? walk_ipv4(bytes, l3, quoted, out)
                              : walk_ipv6(bytes, l3, quoted, out);
}

// The five-tuple of the packet that an ICMP error quotes; only 8 bytes of its transport are sure to
// be there. `quote` ends where the error's own packet ends: padding behind it is no quotation.
ParseError quoted_tuple(const Bytes& quote, size_t l3, Family family, FiveTuple& tuple) {
  Transport inner;
  if (walk_ip(quote, l3, family, /*quoted=*/true, inner) != ParseError::none) {
    return ParseError::bad_quote;
  }
  tuple = {{inner.source, 0}, {inner.destination, 0}, inner.protocol};
  const bool v4 = family == Family::v4;
  if (inner.protocol == kProtoTcp || inner.protocol == kProtoUdp || inner.protocol == kProtoSctp) {
    const auto* ports = quote.at<UdpHeader>(inner.offset);
    if (!ports || inner.length < kMinQuotedTransport) return ParseError::bad_quote;
    tuple.source.port = ports->source_port;
    tuple.destination.port = ports->destination_port;
  } else if (inner.protocol == (v4 ? kProtoIcmp : kProtoIcmpv6)) {
    const auto* icmp = quote.at<IcmpHeader>(inner.offset);
    if (!icmp || inner.length < kMinQuotedTransport) return ParseError::bad_quote;
    if (v4 ? is_icmp_error(icmp->type) : is_icmpv6_error(icmp->type)) {
      return ParseError::error_about_error;
    }
    const bool is_query = v4 ? is_icmp_query(icmp->type) : icmp->type == kIcmpv6Echo;
    const bool is_answer = v4 ? is_icmp_answer(icmp->type) : icmp->type == kIcmpv6EchoReply;
    if (!is_query && !is_answer) return ParseError::bad_quote;
    set_icmp_ports(*icmp, family, is_query, tuple);
  }
  return ParseError::none;
}

// Fills kind, key inputs and ICMP facts from an ICMP or ICMPv6 header.
ParseError read_icmp(const Bytes& bytes, const Transport& transport, Parsed& parsed,
                     FiveTuple& tuple) {
  const auto* icmp = bytes.at<IcmpHeader>(transport.offset);
  if (!icmp || transport.length < sizeof(IcmpHeader)) return ParseError::truncated_transport;
  const bool v4 = parsed.family == Family::v4;
  parsed.icmp_type = icmp->type;
  if (v4 ? is_icmp_error(icmp->type) : is_icmpv6_error(icmp->type)) {
    parsed.kind = FrameKind::icmp_error;
    parsed.starts_flow = false;
    const size_t end = transport.offset + transport.length;
    const Bytes quote{bytes.head.first(std::min(bytes.head.size(), end)),
                      static_cast<uint32_t>(end)};
    return quoted_tuple(quote, transport.offset + sizeof(IcmpHeader), parsed.family, tuple);
  }
  const bool query = v4 ? is_icmp_query(icmp->type) : icmp->type == kIcmpv6Echo;
  const bool answer = v4 ? is_icmp_answer(icmp->type) : icmp->type == kIcmpv6EchoReply;
  if (!query && !answer) {
    parsed.kind = FrameKind::signalling;
    parsed.starts_flow = false;
    return ParseError::none;
  }
  parsed.starts_flow = query;
  set_icmp_ports(*icmp, parsed.family, query, tuple);
  return ParseError::none;
}

ParseError read_transport(const Bytes& bytes, const Transport& transport, Parsed& parsed,
                          FiveTuple& tuple) {
  switch (transport.protocol) {
    case kProtoTcp: {
      const auto* tcp = bytes.at<TcpHeader>(transport.offset);
      if (!tcp || transport.length < sizeof(TcpHeader)) return ParseError::truncated_transport;
      if (tcp->header_length() < sizeof(TcpHeader) || tcp->header_length() > transport.length ||
          transport.offset + tcp->header_length() > bytes.head.size()) {
        return ParseError::bad_transport_length;
      }
      tuple.source.port = tcp->source_port;
      tuple.destination.port = tcp->destination_port;
      return ParseError::none;
    }
    case kProtoUdp: {
      const auto* udp = bytes.at<UdpHeader>(transport.offset);
      if (!udp || transport.length < sizeof(UdpHeader)) return ParseError::truncated_transport;
      if (udp->length < sizeof(UdpHeader) ||
          (udp->length > transport.length && !transport.is_fragment())) {
        return ParseError::bad_transport_length;
      }
      tuple.source.port = udp->source_port;
      tuple.destination.port = udp->destination_port;
      return ParseError::none;
    }
    case kProtoSctp: {
      const auto* ports = bytes.at<UdpHeader>(transport.offset);
      if (!ports || transport.length < 12) return ParseError::truncated_transport;  // RFC 9260 §3
      tuple.source.port = ports->source_port;
      tuple.destination.port = ports->destination_port;
      return ParseError::none;
    }
    case kProtoIcmp:
      if (parsed.family == Family::v4) return read_icmp(bytes, transport, parsed, tuple);
      return ParseError::none;
    case kProtoIcmpv6:
      if (parsed.family == Family::v6) return read_icmp(bytes, transport, parsed, tuple);
      return ParseError::none;
    default:
      return ParseError::none;
  }
}

// What every fragment must keep to; RFC 791 §3.2, 8200 §4.5, 3128.
ParseError check_fragment(const Transport& transport) {
  // The part that is cut begins behind the fragment header, the upper layer perhaps later.
  const size_t skipped =
      transport.source.is_v4() ? 0 : transport.offset - transport.fragment - sizeof(Ipv6Fragment);
  const size_t length = transport.length + skipped;
  if (length == 0 || (transport.more_fragments && length % 8 != 0)) return ParseError::bad_fragment;
  constexpr size_t kMaxDatagram = 65'535;
  if (transport.fixed_part + transport.fragment_offset + length > kMaxDatagram) {
    return ParseError::oversized_fragment;
  }
  const bool rewrites_tcp = transport.protocol == kProtoTcp && transport.fragment_offset == 8;
  return rewrites_tcp ? ParseError::tiny_fragment : ParseError::none;
}

// `parsed` has all that does not depend on the upper layer.
ParseError read_fragment(const Bytes& bytes, const Transport& transport, Vni vni, Parsed& parsed) {
  if (const auto error = check_fragment(transport); error != ParseError::none) return error;
  FiveTuple tuple{{transport.source, 0}, {transport.destination, 0}, transport.protocol};
  parsed.fragment = static_cast<uint16_t>(transport.fragment);
  if (transport.fragment_offset == 0) {
    const ParseError error = read_transport(bytes, transport, parsed, tuple);
    if (parsed.kind != FrameKind::flow) return ParseError::fragmented_control;  // also RFC 6980
    if (error != ParseError::none) return ParseError::tiny_fragment;
  }
  parsed.kind =
      transport.fragment_offset == 0 ? FrameKind::first_fragment : FrameKind::later_fragment;
  parsed.key = make_flow_key(tuple, vni, parsed.source_is_high);
  return ParseError::fragment;
}

}  // namespace

ParseError parse_general(std::span<const uint8_t> head, uint32_t frame_length, Vni vni,
                         Parsed& parsed, bool drop_options) {
  const Bytes bytes{head, frame_length};
  const auto* ethernet = bytes.at<EthernetHeader>(0);
  if (!ethernet) return ParseError::truncated_ethernet;
  parsed.ethertype = ethernet->type;
  parsed.l3 = kEthernetHeaderLen;
  parsed.icmp_type = 0;
  parsed.protocol = 0;
  parsed.starts_flow = false;
  switch (parsed.ethertype) {
    case kTypeIpv4:
      parsed.family = Family::v4;
      break;
    case kTypeIpv6:
      parsed.family = Family::v6;
      break;
    case kTypeArp: {
      const auto* arp = bytes.at<ArpHeader>(kEthernetHeaderLen);
      parsed.kind = FrameKind::arp;
      return arp && arp->is_ipv4_over_ethernet() ? ParseError::none : ParseError::bad_arp;
    }
    default:
      parsed.kind = FrameKind::non_ip;
      return is_vlan_tag(parsed.ethertype) ? ParseError::vlan_tag : ParseError::none;
  }

  Transport transport;
  if (const auto error = walk_ip(bytes, parsed.l3, parsed.family, /*quoted=*/false, transport);
      error != ParseError::none) {
    return error;
  }
  if (parsed.family == Family::v4 && transport.offset > parsed.l3 + sizeof(Ipv4Header)) {
    const size_t options = parsed.l3 + sizeof(Ipv4Header);
    const auto error = check_options(head.subspan(options, transport.offset - options));
    if (error != ParseError::none) return error;
    if (drop_options) return ParseError::ip_options;
  }
  parsed.kind = FrameKind::flow;
  parsed.starts_flow = true;
  parsed.protocol = transport.protocol;
  parsed.l4 = static_cast<uint16_t>(transport.offset);
  parsed.l4_length = static_cast<uint16_t>(transport.length);
  if (transport.is_fragment()) return read_fragment(bytes, transport, vni, parsed);
  FiveTuple tuple{{transport.source, 0}, {transport.destination, 0}, transport.protocol};
  if (const auto error = read_transport(bytes, transport, parsed, tuple);
      error != ParseError::none) {
    return error;
  }
  if (parsed.kind != FrameKind::signalling) {
    parsed.key = make_flow_key(tuple, vni, parsed.source_is_high);
  }
  return ParseError::none;
}

}  // namespace butterfly::wire
