// SPDX-License-Identifier: Apache-2.0
// Frames, network headers and contents; the transports are in packet_dissect_transport.cc.
#include "support/packet_dissect.h"

#include <algorithm>
#include <cstdio>

#include "support/packet_build.h"
#include "wire/headers.h"

namespace butterfly::test {
namespace {

using std::to_string;

void dissect_arp(ByteSpan bytes, std::vector<Layer>& layers) {
  const auto* arp = wire::view_at<wire::ArpHeader>(bytes, 0);
  if (!arp) return dissect_content(bytes, layers);
  const uint16_t op = arp->operation;
  Layer layer{"arp", {}};
  layer.add("op", op == 1 ? "request" : op == 2 ? "reply" : to_string(op));
  layer.add("sender_mac", arp->sender_mac.to_string());
  layer.add("sender_ip", IpAddress(arp->sender_ip).to_string());
  layer.add("target_mac", arp->target_mac.to_string());
  layer.add("target_ip", IpAddress(arp->target_ip).to_string());
  layer.add("htype", to_string(arp->hardware_type));
  layer.add("ptype", hex_number(arp->protocol_type, 4));
  layer.add("hlen", to_string(arp->hardware_length));
  layer.add("plen", to_string(arp->protocol_length));
  layers.push_back(layer);
  dissect_content(bytes.subspan(sizeof *arp), layers);
}

void dissect_ethertype(uint16_t type, ByteSpan bytes, std::vector<Layer>& layers);

void dissect_vlan(ByteSpan bytes, std::vector<Layer>& layers) {
  const auto* tag = wire::view_at<be16>(bytes, 0);
  const auto* type = wire::view_at<be16>(bytes, 2);
  if (!type) return dissect_content(bytes, layers);
  Layer layer{"vlan", {}};
  layer.add("id", to_string(*tag & 0xfff));
  layer.add("pcp", to_string(*tag >> 13));
  layer.add("dei", to_string(*tag >> 12 & 1));
  layer.add("type", hex_number(*type, 4));
  layers.push_back(layer);
  dissect_ethertype(*type, bytes.subspan(4), layers);
}

// How many bytes of `bytes` the packet of this type claims; all when that makes no sense.
size_t claimed(uint16_t type, ByteSpan bytes) {
  size_t length = bytes.size();
  if (type == wire::kTypeArp) length = sizeof(wire::ArpHeader);
  if (const auto* ip = wire::view_at<wire::Ipv4Header>(bytes, 0); ip && type == wire::kTypeIpv4) {
    if (ip->total_length >= std::max(ip->header_length(), sizeof *ip)) length = ip->total_length;
  }
  if (const auto* ip = wire::view_at<wire::Ipv6Header>(bytes, 0); ip && type == wire::kTypeIpv6) {
    length = sizeof *ip + ip->payload_length;
  }
  return std::min(length, bytes.size());
}

void dissect_ethertype(uint16_t type, ByteSpan bytes, std::vector<Layer>& layers) {
  if (wire::is_vlan_tag(type)) return dissect_vlan(bytes, layers);
  switch (type) {
    case wire::kTypeArp:
      return dissect_arp(bytes, layers);
    case wire::kTypeIpv4:
      return dissect_ipv4(bytes, layers);
    case wire::kTypeIpv6:
      return dissect_ipv6(bytes, layers);
    default:
      return dissect_content(bytes, layers);
  }
}

void dissect_trailer(ByteSpan bytes, std::vector<Layer>& layers) {
  if (bytes.empty()) return;
  const bool zero = std::all_of(bytes.begin(), bytes.end(), [](uint8_t b) { return b == 0; });
  Layer layer{"trailer", {}};
  if (zero) {
    layer.add("len", to_string(bytes.size()));
  } else {
    layer.add("hex", to_hex(bytes.data(), bytes.size()));
  }
  layers.push_back(layer);
}

}  // namespace

std::string hex_number(uint64_t value, int digits) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%0*llx", digits, static_cast<unsigned long long>(value));
  return text;
}

void dissect_content(ByteSpan bytes, std::vector<Layer>& layers) {
  if (bytes.empty()) return;
  const bool printable = std::all_of(bytes.begin(), bytes.end(),
                                     [](uint8_t b) { return b >= 32 && b < 127 && b != '"'; });
  if (std::ranges::equal(bytes, letters(bytes.size()))) {
    layers.push_back({"payload", {{"len", to_string(bytes.size())}}});
  } else if (printable) {
    layers.push_back({"payload", {{"text", std::string(bytes.begin(), bytes.end())}}});
  } else {
    layers.push_back({"raw", {{"hex", to_hex(bytes.data(), bytes.size())}}});
  }
}

void dissect_ethernet(ByteSpan bytes, std::vector<Layer>& layers) {
  const auto* eth = wire::view_at<wire::EthernetHeader>(bytes, 0);
  if (!eth) return dissect_content(bytes, layers);
  Layer layer{"eth", {}};
  layer.add("src", eth->source.to_string());
  layer.add("dst", eth->destination.to_string());
  layer.add("type", hex_number(eth->type, 4));
  layers.push_back(layer);
  const ByteSpan inside = bytes.subspan(sizeof *eth);
  const size_t length = claimed(eth->type, inside);
  dissect_ethertype(eth->type, inside.first(length), layers);
  dissect_trailer(inside.subspan(length), layers);
}

void dissect_ipv4(ByteSpan bytes, std::vector<Layer>& layers) {
  const auto* ip = wire::view_at<wire::Ipv4Header>(bytes, 0);
  if (!ip) return dissect_content(bytes, layers);
  size_t header = ip->header_length();
  if (header < sizeof *ip || header > bytes.size()) header = sizeof *ip;  // shown as ihl=
  Layer layer{"ipv4", {}};
  layer.add("src", IpAddress(ip->source).to_string());
  layer.add("dst", IpAddress(ip->destination).to_string());
  layer.add("version", to_string(ip->version()));
  layer.add("ihl", to_string(ip->version_ihl & 15));
  layer.add("tos", to_string(ip->tos));
  layer.add("len", to_string(ip->total_length));
  layer.add("id", to_string(ip->id));
  layer.add("rf", to_string(ip->fragment >> 15));
  layer.add("df", to_string(ip->fragment >> 14 & 1));
  layer.add("mf", to_string(ip->fragment >> 13 & 1));
  layer.add("frag", to_string(ip->fragment & 0x1fff));
  layer.add("ttl", to_string(ip->ttl));
  layer.add("proto", to_string(ip->protocol));
  layer.add("checksum", hex_number(ip->checksum, 4));
  if (header > sizeof *ip) {
    layer.add("options", to_hex(bytes.data() + sizeof *ip, header - sizeof *ip));
  }
  layers.push_back(layer);
  if ((ip->fragment & 0x1fff) != 0) return dissect_content(bytes.subspan(header), layers);
  dissect_transport(ip->protocol, /*v6=*/false, bytes.subspan(header), layers);
}

void dissect_ipv6(ByteSpan bytes, std::vector<Layer>& layers) {
  const auto* ip = wire::view_at<wire::Ipv6Header>(bytes, 0);
  if (!ip) return dissect_content(bytes, layers);
  Layer layer{"ipv6", {}};
  layer.add("src", IpAddress(ip->source).to_string());
  layer.add("dst", IpAddress(ip->destination).to_string());
  layer.add("version", to_string(ip->version()));
  layer.add("tc", to_string(ip->version_class_flow >> 20 & 255));
  layer.add("flow", hex_number(ip->version_class_flow & 0xfffff, 5));
  layer.add("len", to_string(ip->payload_length));
  layer.add("proto", to_string(ip->next_header));
  layer.add("hlim", to_string(ip->hop_limit));
  layers.push_back(layer);
  dissect_transport(ip->next_header, /*v6=*/true, bytes.subspan(sizeof *ip), layers);
}

std::vector<Layer> dissect(ByteSpan frame) {
  std::vector<Layer> layers;
  dissect_ethernet(frame, layers);
  const StatusOr<Bytes> again = build_layers(layers);
  if (again.ok() && std::ranges::equal(*again, frame)) return layers;
  return {{"raw", {{"hex", to_hex(frame.data(), frame.size())}}}};
}

}  // namespace butterfly::test
