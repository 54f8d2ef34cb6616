// SPDX-License-Identifier: Apache-2.0
// IPv6 extension headers and everything above IP.
#include <algorithm>

#include "support/packet_build.h"
#include "support/packet_dhcp.h"
#include "support/packet_dhcp6.h"
#include "support/packet_dissect.h"
#include "wire/headers.h"

namespace butterfly::test {
namespace {

using std::to_string;

std::string address_text(const Ipv6& address) { return IpAddress(address).to_string(); }

void dissect_extension(uint8_t protocol, ByteSpan bytes, std::vector<Layer>& layers) {
  const size_t length = bytes.size() < 8 ? 0 : (size_t{bytes[1]} + 1) * 8;
  if (length == 0 || length > bytes.size()) return dissect_content(bytes, layers);
  const bool is_routing = protocol == wire::kProtoRouting;
  Layer layer{is_routing                         ? "routing"
              : protocol == wire::kProtoHopByHop ? "hopbyhop"
                                                 : "destopt",
              {}};
  if (is_routing) {
    layer.add("type", to_string(bytes[2]));
    layer.add("left", to_string(bytes[3]));
  }
  const size_t skip = is_routing ? 4 : 2;
  layer.add("data", to_hex(bytes.data() + skip, length - skip));
  layer.add("proto", to_string(bytes[0]));
  layer.add("len", to_string(bytes[1]));
  layers.push_back(layer);
  dissect_transport(bytes[0], /*v6=*/true, bytes.subspan(length), layers);
}

void dissect_fragment(ByteSpan bytes, std::vector<Layer>& layers) {
  const auto* fragment = wire::view_at<wire::Ipv6Fragment>(bytes, 0);
  if (!fragment) return dissect_content(bytes, layers);
  const uint16_t offset = fragment->offset_more >> 3;
  Layer layer{"frag", {}};
  layer.add("offset", to_string(offset));
  layer.add("mf", to_string(fragment->offset_more & 1));
  layer.add("id", to_string(fragment->id));
  layer.add("reserved", to_string(fragment->reserved));
  layer.add("proto", to_string(fragment->next_header));
  layers.push_back(layer);
  const ByteSpan inside = bytes.subspan(sizeof *fragment);
  if (offset != 0) return dissect_content(inside, layers);
  dissect_transport(fragment->next_header, /*v6=*/true, inside, layers);
}

std::string flags_text(uint8_t flags) {
  constexpr char kLetters[] = "FSRPAUEC";
  std::string text;
  for (unsigned bit : {1u, 0u, 2u, 3u, 4u, 5u, 6u, 7u}) {  // SF, SA, FA as people write them
    if (flags >> bit & 1) text += kLetters[bit];
  }
  return text.empty() ? "0" : text;
}

void add_tcp_options(ByteSpan options, Layer& layer) {
  if (options.empty()) return;
  std::optional<uint16_t> mss;
  std::optional<uint8_t> wscale;
  size_t at = 0;
  if (options.size() >= 4 && options[0] == 2) {
    mss = static_cast<uint16_t>(options[2] << 8 | options[3]);
    at = 4;
  }
  if (options.size() >= at + 4 && options[at + 1] == 3) wscale = options[at + 3];
  if (!std::ranges::equal(options, tcp_options(mss, wscale))) {
    return layer.add("opts", to_hex(options.data(), options.size()));
  }
  if (mss) layer.add("mss", to_string(*mss));
  if (wscale) layer.add("wscale", to_string(*wscale));
}

void dissect_tcp(ByteSpan bytes, std::vector<Layer>& layers) {
  const auto* tcp = wire::view_at<wire::TcpHeader>(bytes, 0);
  if (!tcp) return dissect_content(bytes, layers);
  size_t header = tcp->header_length();
  if (header < sizeof *tcp || header > bytes.size()) header = sizeof *tcp;  // shown as dataofs=
  Layer layer{"tcp", {}};
  layer.add("sport", to_string(tcp->source_port));
  layer.add("dport", to_string(tcp->destination_port));
  layer.add("flags", flags_text(tcp->flags));
  layer.add("seq", to_string(tcp->sequence));
  layer.add("ack", to_string(tcp->acknowledgement));
  layer.add("win", to_string(tcp->window));
  layer.add("urg", to_string(tcp->urgent));
  layer.add("dataofs", to_string(tcp->data_offset >> 4));
  layer.add("reserved", to_string(tcp->data_offset & 15));
  layer.add("checksum", hex_number(tcp->checksum, 4));
  add_tcp_options(bytes.subspan(sizeof *tcp, header - sizeof *tcp), layer);
  layers.push_back(layer);
  dissect_content(bytes.subspan(header), layers);
}

void dissect_vxlan(ByteSpan bytes, std::vector<Layer>& layers) {
  const auto* vxlan = wire::view_at<wire::VxlanHeader>(bytes, 0);
  if (!vxlan) return dissect_content(bytes, layers);
  const uint8_t* reserved = vxlan->reserved1;
  Layer layer{"vxlan", {}};
  layer.add("vni", to_string(vxlan->vni()));
  layer.add("flags", hex_number(vxlan->flags, 2));
  layer.add("reserved1", to_string(reserved[0] << 16 | reserved[1] << 8 | reserved[2]));
  layer.add("reserved2", to_string(vxlan->vni_reserved & 0xff));
  layers.push_back(layer);
  dissect_ethernet(bytes.subspan(sizeof *vxlan), layers);
}

void dissect_udp(ByteSpan bytes, std::vector<Layer>& layers) {
  const auto* udp = wire::view_at<wire::UdpHeader>(bytes, 0);
  if (!udp) return dissect_content(bytes, layers);
  Layer layer{"udp", {}};
  layer.add("sport", to_string(udp->source_port));
  layer.add("dport", to_string(udp->destination_port));
  layer.add("len", to_string(udp->length));
  layer.add("checksum", hex_number(udp->checksum, 4));
  layers.push_back(layer);
  const ByteSpan inside = bytes.subspan(sizeof *udp);
  if (udp->destination_port == wire::kVxlanPort) return dissect_vxlan(inside, layers);
  Layer dhcp6;
  const bool is_dhcp6 = udp->destination_port == 546 || udp->destination_port == 547;
  if (is_dhcp6 && dissect_dhcp6(inside, dhcp6)) return layers.push_back(dhcp6);
  Layer dhcp;
  if (dissect_dhcp(inside, dhcp)) return layers.push_back(dhcp);
  dissect_content(inside, layers);
}

void dissect_sctp(ByteSpan bytes, std::vector<Layer>& layers) {
  const auto* words = wire::view_at<std::array<be32, 3>>(bytes, 0);
  if (!words) return dissect_content(bytes, layers);
  Layer layer{"sctp", {}};
  layer.add("sport", to_string((*words)[0] >> 16));
  layer.add("dport", to_string((*words)[0] & 0xffff));
  layer.add("vtag", to_string((*words)[1]));
  layer.add("checksum", hex_number((*words)[2], 8));
  layers.push_back(layer);
  dissect_content(bytes.subspan(sizeof *words), layers);
}

void dissect_gre(ByteSpan bytes, std::vector<Layer>& layers) {
  const auto* words = wire::view_at<std::array<be16, 2>>(bytes, 0);
  if (!words) return dissect_content(bytes, layers);
  const uint16_t type = (*words)[1];
  layers.push_back(
      {"gre", {{"flags", hex_number((*words)[0], 4)}, {"proto", hex_number(type, 4)}}});
  const ByteSpan inside = bytes.subspan(sizeof *words);
  if (type == wire::kTypeIpv4) return dissect_ipv4(inside, layers);
  if (type == wire::kTypeIpv6) return dissect_ipv6(inside, layers);
  dissect_content(inside, layers);
}

Layer icmp_layer(const char* name, const wire::IcmpHeader& icmp) {
  Layer layer{name, {}};
  layer.add("type", to_string(icmp.type));
  layer.add("code", to_string(icmp.code));
  layer.add("checksum", hex_number(icmp.checksum, 4));
  return layer;
}

void dissect_icmp(ByteSpan bytes, std::vector<Layer>& layers) {
  const auto* icmp = wire::view_at<wire::IcmpHeader>(bytes, 0);
  if (!icmp) return dissect_content(bytes, layers);
  const uint8_t type = icmp->type;
  Layer layer = icmp_layer("icmp", *icmp);
  if (type == wire::kIcmpRedirect) {
    layer.add("gw", IpAddress(*wire::view_at<Ipv4>(bytes, 4)).to_string());
  } else {
    layer.add("id", to_string(icmp->id));
    layer.add(type == wire::kIcmpUnreachable ? "mtu" : "seq", to_string(icmp->sequence));
  }
  layers.push_back(layer);
  const ByteSpan inside = bytes.subspan(sizeof *icmp);
  const bool quotes = type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
  quotes ? dissect_ipv4(inside, layers) : dissect_content(inside, layers);
}

void add_nd_options(ByteSpan options, uint8_t lladdr_type, Layer& layer) {
  const auto* option = wire::view_at<wire::NdLinkLayerOption>(options, 0);
  if (option && option->type == lladdr_type && option->length == 1) {
    layer.add("lladdr", option->mac.to_string());
    options = options.subspan(sizeof *option);
  }
  if (!options.empty()) layer.add("opts", to_hex(options.data(), options.size()));
}

// Neighbour discovery: the whole message is one layer.
Layer nd_layer(const wire::IcmpHeader& icmp, ByteSpan bytes) {
  const uint32_t word = static_cast<uint32_t>(icmp.id) << 16 | icmp.sequence;
  if (icmp.type == wire::kIcmpv6RouterSolicitation) {
    Layer layer = icmp_layer("nd_rs", icmp);
    layer.add("reserved", to_string(word));
    add_nd_options(bytes.subspan(8), 1, layer);
    return layer;
  }
  if (icmp.type == wire::kIcmpv6RouterAdvertisement) {
    Layer layer = icmp_layer("nd_ra", icmp);
    layer.add("hop", to_string(word >> 24));
    layer.add("flags", hex_number(word >> 16 & 0xff, 2));
    layer.add("lifetime", to_string(word & 0xffff));
    layer.add("reachable", to_string(*wire::view_at<be32>(bytes, 8)));
    layer.add("retrans", to_string(*wire::view_at<be32>(bytes, 12)));
    add_nd_options(bytes.subspan(16), 1, layer);
    return layer;
  }
  const bool is_na = icmp.type == wire::kIcmpv6NeighbourAdvertisement;
  Layer layer = icmp_layer(is_na ? "nd_na" : "nd_ns", icmp);
  layer.add("target", address_text(*wire::view_at<Ipv6>(bytes, 8)));
  if (is_na) {
    layer.add("router", to_string(word >> 31));
    layer.add("solicited", to_string(word >> 30 & 1));
    layer.add("override", to_string(word >> 29 & 1));
  }
  layer.add("reserved", to_string(is_na ? word & 0x1fffffff : word));
  add_nd_options(bytes.subspan(24), is_na ? 2 : 1, layer);
  return layer;
}

size_t nd_length(uint8_t type) {
  switch (type) {
    case wire::kIcmpv6RouterSolicitation:
      return 8;
    case wire::kIcmpv6RouterAdvertisement:
      return 16;
    case wire::kIcmpv6NeighbourSolicitation:
    case wire::kIcmpv6NeighbourAdvertisement:
      return 24;
    default:
      return 0;
  }
}

void dissect_mld(const wire::IcmpHeader& icmp, ByteSpan bytes, std::vector<Layer>& layers) {
  Layer layer = icmp_layer("mld", icmp);
  layer.add("group", address_text(*wire::view_at<Ipv6>(bytes, 8)));
  layer.add("delay", to_string(icmp.id));
  layers.push_back(layer);
  dissect_content(bytes.subspan(24), layers);
}

void dissect_icmp6(ByteSpan bytes, std::vector<Layer>& layers) {
  const auto* icmp = wire::view_at<wire::IcmpHeader>(bytes, 0);
  if (!icmp) return dissect_content(bytes, layers);
  const uint8_t type = icmp->type;
  if (nd_length(type) != 0 && bytes.size() >= nd_length(type)) {
    layers.push_back(nd_layer(*icmp, bytes));
    return;
  }
  if (type >= 130 && type <= 132 && bytes.size() >= 24 && icmp->sequence == 0) {
    return dissect_mld(*icmp, bytes, layers);
  }
  Layer layer = icmp_layer("icmp6", *icmp);
  if (type == wire::kIcmpv6PacketTooBig) {
    layer.add("mtu", to_string(*wire::view_at<be32>(bytes, 4)));
  } else {
    layer.add("id", to_string(icmp->id));
    layer.add("seq", to_string(icmp->sequence));
  }
  layers.push_back(layer);
  const ByteSpan inside = bytes.subspan(sizeof *icmp);
  type < 128 ? dissect_ipv6(inside, layers) : dissect_content(inside, layers);
}

}  // namespace

void dissect_transport(uint8_t protocol, bool v6, ByteSpan bytes, std::vector<Layer>& layers) {
  switch (protocol) {
    case wire::kProtoHopByHop:
    case wire::kProtoDestOptions:
    case wire::kProtoRouting:
      return v6 ? dissect_extension(protocol, bytes, layers) : dissect_content(bytes, layers);
    case wire::kProtoFragment:
      return v6 ? dissect_fragment(bytes, layers) : dissect_content(bytes, layers);
    case wire::kProtoTcp:
      return dissect_tcp(bytes, layers);
    case wire::kProtoUdp:
      return dissect_udp(bytes, layers);
    case wire::kProtoSctp:
      return dissect_sctp(bytes, layers);
    case wire::kProtoIcmp:
      return v6 ? dissect_content(bytes, layers) : dissect_icmp(bytes, layers);
    case wire::kProtoIcmpv6:
      return v6 ? dissect_icmp6(bytes, layers) : dissect_content(bytes, layers);
    case 47:
      return dissect_gre(bytes, layers);
    default:
      return dissect_content(bytes, layers);
  }
}

}  // namespace butterfly::test
