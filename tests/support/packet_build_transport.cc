// SPDX-License-Identifier: Apache-2.0
// TCP, UDP, SCTP, ICMP, ICMPv6 with neighbour discovery and MLD, VXLAN.
#include <map>

#include "support/packet_build.h"
#include "support/packet_dhcp.h"
#include "support/packet_dhcp6.h"
#include "wire/checksum.h"
#include "wire/headers.h"

namespace butterfly::test {
namespace {

// The checksum over `whole`, with a pseudo header where an IP header is around.
uint16_t transport_checksum(const Bytes& whole, const Surroundings& around, uint8_t protocol) {
  uint64_t sum = 0;
  if (around.source) {
    sum = wire::pseudo_header_sum(*around.source, *around.destination, protocol,
                                  static_cast<uint32_t>(whole.size()));
  }
  return wire::checksum_finish(wire::checksum_add(whole, sum));
}

uint8_t tcp_flags(Fields& fields) {
  constexpr std::string_view kLetters = "FSRPAUEC";  // from bit 0 up
  if (!fields.has("flags")) return wire::kTcpSyn;
  uint8_t flags = 0;
  for (const char letter : fields.text("flags")) {
    const size_t bit = kLetters.find(letter);
    if (bit == std::string_view::npos) {
      if (letter != '0') fields.fault("flags", "letters of FSRPAUEC, or 0");
      continue;
    }
    flags = static_cast<uint8_t>(flags | 1u << bit);
  }
  return flags;
}

Bytes options_of(Fields& fields) {
  std::optional<uint16_t> mss;
  std::optional<uint8_t> wscale;
  if (fields.has("mss")) mss = fields.u16("mss", 0);
  if (fields.has("wscale")) wscale = fields.u8("wscale", 0);
  Bytes options = tcp_options(mss, wscale);
  const Bytes more = fields.hex("opts");
  options.insert(options.end(), more.begin(), more.end());
  options.resize((options.size() + 3) / 4 * 4);
  return options;
}

void build_tcp(Fields& fields, const Surroundings& around, Bytes& bytes) {
  const Bytes options = options_of(fields);
  wire::TcpHeader tcp;
  tcp.source_port = fields.u16("sport", 40000);
  tcp.destination_port = fields.u16("dport", 80);
  tcp.sequence = fields.u32("seq", 0);
  tcp.acknowledgement = fields.u32("ack", 0);
  tcp.data_offset = static_cast<uint8_t>(fields.number("dataofs", 5 + options.size() / 4, 15) << 4 |
                                         fields.number("reserved", 0, 15));
  tcp.flags = tcp_flags(fields);
  tcp.window = fields.u16("win", 8192);
  tcp.urgent = fields.u16("urg", 0);
  tcp.checksum = 0;
  Bytes whole = bytes;
  put_in_front(tcp, options, whole);
  tcp.checksum = fields.u16("checksum", transport_checksum(whole, around, wire::kProtoTcp));
  put_in_front(tcp, options, bytes);
}

uint16_t udp_checksum(const Bytes& whole, const Surroundings& around) {
  if (around.next == "vxlan") return 0;  // RFC 7348 §5, RFC 6935 §5
  const uint16_t sum = transport_checksum(whole, around, wire::kProtoUdp);
  return sum == 0 ? uint16_t{0xffff} : sum;  // RFC 768: zero means none
}

void build_udp(Fields& fields, const Surroundings& around, Bytes& bytes) {
  wire::UdpHeader udp;
  udp.source_port = fields.u16("sport", 40000);
  udp.destination_port = fields.u16("dport", around.next == "vxlan" ? wire::kVxlanPort : 53);
  udp.length = fields.u16("len", sizeof udp + bytes.size());
  udp.checksum = 0;
  Bytes whole = bytes;
  put_in_front(udp, {}, whole);
  udp.checksum = fields.u16("checksum", udp_checksum(whole, around));
  put_in_front(udp, {}, bytes);
}

void build_sctp(Fields& fields, const Surroundings&, Bytes& bytes) {
  struct {
    be16 source_port;
    be16 destination_port;
    be32 tag;
    be32 checksum;
  } sctp{fields.u16("sport", 40000), fields.u16("dport", 80), fields.u32("vtag", 0),
         fields.u32("checksum", 0)};
  put_in_front(sctp, {}, bytes);
}

// The header of every ICMP and ICMPv6 message: `word` is its last 32 bits.
void put_icmp(Fields& fields, const Surroundings& around, uint8_t type, uint32_t word, bool v6,
              Bytes& bytes) {
  wire::IcmpHeader icmp;
  icmp.type = fields.u8("type", type);
  icmp.code = fields.u8("code", 0);
  icmp.checksum = 0;
  icmp.id = static_cast<uint16_t>(word >> 16);
  icmp.sequence = static_cast<uint16_t>(word);
  Bytes whole = bytes;
  put_in_front(icmp, {}, whole);
  const uint16_t sum =
      v6 ? transport_checksum(whole, around, wire::kProtoIcmpv6) : transport_checksum(whole, {}, 0);
  icmp.checksum = fields.u16("checksum", sum);
  put_in_front(icmp, {}, bytes);
}

void build_icmp(Fields& fields, const Surroundings& around, Bytes& bytes) {
  auto word = static_cast<uint32_t>(fields.u16("id", 0)) << 16 | fields.u16("seq", 0);
  word = word | fields.u16("mtu", 0) | fields.ipv4("gw", "0.0.0.0").to_u32();
  put_icmp(fields, around, wire::kIcmpEcho, word, false, bytes);
}

void build_icmp6(Fields& fields, const Surroundings& around, Bytes& bytes) {
  const auto word = static_cast<uint32_t>(fields.u16("id", 0)) << 16 | fields.u16("seq", 0);
  put_icmp(fields, around, wire::kIcmpv6Echo, word | fields.u32("mtu", 0), true, bytes);
}

// Options of neighbour discovery (RFC 4861 §4.6.1): a link-layer address, or any bytes.
Bytes nd_options(Fields& fields, uint8_t lladdr_type) {
  Bytes options;
  if (fields.has("lladdr")) {
    const Mac mac = fields.mac("lladdr", "");
    options = {lladdr_type, 1};
    options.insert(options.end(), mac.bytes.begin(), mac.bytes.end());
  }
  const Bytes more = fields.hex("opts");
  options.insert(options.end(), more.begin(), more.end());
  return options;
}

void build_nd_ns(Fields& fields, const Surroundings& around, Bytes& bytes) {
  put_in_front(fields.ipv6("target", "fd00::2"), nd_options(fields, 1), bytes);
  put_icmp(fields, around, 135, fields.u32("reserved", 0), true, bytes);
}

void build_nd_na(Fields& fields, const Surroundings& around, Bytes& bytes) {
  put_in_front(fields.ipv6("target", "fd00::2"), nd_options(fields, 2), bytes);
  const uint64_t flags = fields.number("router", 0, 1) << 31 |
                         fields.number("solicited", 0, 1) << 30 |
                         fields.number("override", 0, 1) << 29;
  put_icmp(fields, around, 136,
           static_cast<uint32_t>(flags | fields.number("reserved", 0, 0x1fffffff)), true, bytes);
}

void build_nd_rs(Fields& fields, const Surroundings& around, Bytes& bytes) {
  const Bytes options = nd_options(fields, 1);
  bytes.insert(bytes.begin(), options.begin(), options.end());
  put_icmp(fields, around, 133, fields.u32("reserved", 0), true, bytes);
}

void build_nd_ra(Fields& fields, const Surroundings& around, Bytes& bytes) {
  struct {
    be32 reachable;
    be32 retrans;
  } timers{fields.u32("reachable", 0), fields.u32("retrans", 0)};
  put_in_front(timers, nd_options(fields, 1), bytes);
  const auto word = static_cast<uint32_t>(fields.u8("hop", 64)) << 24 |
                    static_cast<uint32_t>(fields.u8("flags", 0)) << 16 |
                    fields.u16("lifetime", 1800);
  put_icmp(fields, around, 134, word, true, bytes);
}

void build_mld(Fields& fields, const Surroundings& around, Bytes& bytes) {
  put_in_front(fields.ipv6("group", "ff02::1"), {}, bytes);
  put_icmp(fields, around, 131, static_cast<uint32_t>(fields.u16("delay", 0)) << 16, true, bytes);
}

void build_vxlan(Fields& fields, const Surroundings&, Bytes& bytes) {
  struct {
    be32 flags;
    be32 vni;
  } vxlan{static_cast<uint32_t>(fields.number("flags", 0x08, 0xff) << 24 |
                                fields.number("reserved1", 0, 0xffffff)),
          static_cast<uint32_t>(fields.number("vni", 1, 0xffffff) << 8 |
                                fields.number("reserved2", 0, 0xff))};
  put_in_front(vxlan, {}, bytes);
}

void build_dhcp_layer(Fields& fields, const Surroundings&, Bytes& bytes) {
  build_dhcp(fields, bytes);
}

void build_dhcp6_layer(Fields& fields, const Surroundings&, Bytes& bytes) {
  build_dhcp6(fields, bytes);
}

}  // namespace

Bytes tcp_options(std::optional<uint16_t> mss, std::optional<uint8_t> wscale) {
  Bytes options;
  if (mss) {
    options = {2, 4, static_cast<uint8_t>(*mss >> 8), static_cast<uint8_t>(*mss)};
  }
  if (wscale) options.insert(options.end(), {1, 3, 3, *wscale});
  return options;
}

bool build_transport(const std::string& name, Fields& fields, const Surroundings& around,
                     Bytes& bytes) {
  using Build = void (*)(Fields&, const Surroundings&, Bytes&);
  static const std::map<std::string, Build> builds{
      {"tcp", build_tcp},          {"udp", build_udp},     {"sctp", build_sctp},
      {"icmp", build_icmp},        {"icmp6", build_icmp6}, {"nd_ns", build_nd_ns},
      {"nd_na", build_nd_na},      {"nd_rs", build_nd_rs}, {"nd_ra", build_nd_ra},
      {"mld", build_mld},          {"vxlan", build_vxlan}, {"dhcp", build_dhcp_layer},
      {"dhcp6", build_dhcp6_layer}};
  const auto it = builds.find(name);
  if (it == builds.end()) return false;
  it->second(fields, around, bytes);
  return true;
}

}  // namespace butterfly::test
