// SPDX-License-Identifier: Apache-2.0
// Ethernet, VLAN, ARP, IPv4, IPv6 and its extension headers.
#include <algorithm>
#include <map>

#include "support/packet_build.h"
#include "wire/checksum.h"
#include "wire/headers.h"

namespace butterfly::test {
namespace {

uint16_t ethertype_of(const std::string& next) {
  static const std::map<std::string, uint16_t> types{
      {"vlan", 0x8100}, {"arp", 0x0806}, {"ipv4", 0x0800}, {"ipv6", 0x86dd}, {"eth", 0x6558}};
  const auto it = types.find(next);
  return it == types.end() ? 0x88b5 : it->second;  // IEEE 802 local experimental
}

uint8_t protocol_of(const std::string& next) {
  static const std::map<std::string, uint8_t> protocols{
      {"hopbyhop", 0}, {"icmp", 1},   {"ipv4", 4}, {"tcp", 6},    {"udp", 17},     {"ipv6", 41},
      {"routing", 43}, {"frag", 44},  {"gre", 47}, {"icmp6", 58}, {"nd_ns", 58},   {"nd_na", 58},
      {"nd_rs", 58},   {"nd_ra", 58}, {"mld", 58}, {"", 59},      {"destopt", 60}, {"sctp", 132}};
  const auto it = protocols.find(next);
  return it == protocols.end() ? 253 : it->second;  // RFC 3692: for experiments
}

void build_eth(Fields& fields, const Surroundings& around, Bytes& bytes) {
  wire::EthernetHeader eth;
  eth.source = fields.mac("src", "52:54:00:00:00:01");
  eth.destination = fields.mac("dst", "52:54:00:00:00:02");
  eth.type = fields.u16("type", ethertype_of(around.next));
  put_in_front(eth, {}, bytes);
}

void build_vlan(Fields& fields, const Surroundings& around, Bytes& bytes) {
  const uint64_t tag = fields.number("pcp", 0, 7) << 13 | fields.number("dei", 0, 1) << 12 |
                       fields.number("id", 1, 0xfff);
  struct {
    be16 tag;
    be16 type;
  } vlan{static_cast<uint16_t>(tag), fields.u16("type", ethertype_of(around.next))};
  put_in_front(vlan, {}, bytes);
}

void build_arp(Fields& fields, const Surroundings&, Bytes& bytes) {
  wire::ArpHeader arp;
  const std::string op = fields.text("op");
  arp.operation = op.empty() || op == "request" ? uint16_t{1}
                  : op == "reply"               ? uint16_t{2}
                                                : fields.u16("op", 0);
  arp.sender_mac = fields.mac("sender_mac", "52:54:00:00:00:01");
  arp.sender_ip = fields.ipv4("sender_ip", "10.0.0.1");
  arp.target_mac = fields.mac("target_mac", "00:00:00:00:00:00");
  arp.target_ip = fields.ipv4("target_ip", "10.0.0.2");
  arp.hardware_type = fields.u16("htype", 1);
  arp.protocol_type = fields.u16("ptype", 0x0800);
  arp.hardware_length = fields.u8("hlen", 6);
  arp.protocol_length = fields.u8("plen", 4);
  put_in_front(arp, {}, bytes);
}

void build_ipv4(Fields& fields, const Surroundings& around, Bytes& bytes) {
  Bytes options = fields.hex("options");
  options.resize((options.size() + 3) / 4 * 4);
  const size_t header = sizeof(wire::Ipv4Header) + options.size();
  wire::Ipv4Header ip;
  ip.version_ihl = static_cast<uint8_t>(fields.number("version", 4, 15) << 4 |
                                        fields.number("ihl", header / 4, 15));
  ip.tos = fields.u8("tos", 0);
  ip.total_length = fields.u16("len", header + bytes.size());
  ip.id = fields.u16("id", 0);
  ip.fragment =
      static_cast<uint16_t>(fields.number("rf", 0, 1) << 15 | fields.number("df", 0, 1) << 14 |
                            fields.number("mf", 0, 1) << 13 | fields.number("frag", 0, 0x1fff));
  ip.ttl = fields.u8("ttl", 64);
  ip.protocol = fields.u8("proto", around.next.empty() ? 253 : protocol_of(around.next));
  ip.source = fields.ipv4("src", "10.0.0.1");
  ip.destination = fields.ipv4("dst", "10.0.0.2");
  ip.checksum = 0;
  Bytes whole;
  put_in_front(ip, options, whole);
  ip.checksum = fields.u16("checksum", wire::checksum_finish(wire::checksum_add(whole)));
  put_in_front(ip, options, bytes);
}

uint8_t hop_limit_of(const std::string& next) {
  if (next.starts_with("nd_")) return 255;  // RFC 4861 §7.1.1
  return next == "mld" ? 1 : 64;            // RFC 2710 §3
}

void build_ipv6(Fields& fields, const Surroundings& around, Bytes& bytes) {
  wire::Ipv6Header ip;
  ip.version_class_flow =
      static_cast<uint32_t>(fields.number("version", 6, 15) << 28 |
                            fields.number("tc", 0, 255) << 20 | fields.number("flow", 0, 0xfffff));
  ip.payload_length = fields.u16("len", bytes.size());
  ip.next_header = fields.u8("proto", protocol_of(around.next));
  ip.hop_limit = fields.u8("hlim", hop_limit_of(around.next));
  ip.source = fields.ipv6("src", "fd00::1");
  ip.destination = fields.ipv6("dst", "fd00::2");
  put_in_front(ip, {}, bytes);
}

// Hop-by-hop, destination options, routing: RFC 8200 §4.3, §4.4, §4.6.
void build_extension(Fields& fields, const Surroundings& around, Bytes& bytes, bool is_routing) {
  Bytes data = fields.has("data") ? fields.hex("data")
               : is_routing       ? Bytes(4, 0)
                                  : Bytes{1, 4, 0, 0, 0, 0};
  if (is_routing) {
    data.insert(data.begin(), {fields.u8("type", 4), fields.u8("left", 0)});
  }
  data.resize((data.size() + 2 + 7) / 8 * 8 - 2);
  struct {
    uint8_t next;
    uint8_t length;
  } extension{fields.u8("proto", protocol_of(around.next)),
              fields.u8("len", (data.size() + 2) / 8 - 1)};
  put_in_front(extension, data, bytes);
}

void build_fragment(Fields& fields, const Surroundings& around, Bytes& bytes) {
  wire::Ipv6Fragment fragment;
  fragment.next_header = fields.u8("proto", protocol_of(around.next));
  fragment.reserved = fields.u8("reserved", 0);
  fragment.offset_more =
      static_cast<uint16_t>(fields.number("offset", 0, 0x1fff) << 3 | fields.number("mf", 0, 1));
  fragment.id = fields.u32("id", 0);
  put_in_front(fragment, {}, bytes);
}

void build_gre(Fields& fields, const Surroundings& around, Bytes& bytes) {
  struct {
    be16 flags;
    be16 type;
  } gre{fields.u16("flags", 0), fields.u16("proto", ethertype_of(around.next))};
  put_in_front(gre, {}, bytes);
}

}  // namespace

bool build_network(const std::string& name, Fields& fields, const Surroundings& around,
                   Bytes& bytes) {
  using Build = void (*)(Fields&, const Surroundings&, Bytes&);
  static const std::map<std::string, Build> builds{
      {"eth", build_eth},   {"vlan", build_vlan},     {"arp", build_arp}, {"ipv4", build_ipv4},
      {"ipv6", build_ipv6}, {"frag", build_fragment}, {"gre", build_gre}};
  if (name == "hopbyhop" || name == "destopt" || name == "routing") {
    build_extension(fields, around, bytes, name == "routing");
    return true;
  }
  const auto it = builds.find(name);
  if (it == builds.end()) return false;
  it->second(fields, around, bytes);
  return true;
}

}  // namespace butterfly::test
