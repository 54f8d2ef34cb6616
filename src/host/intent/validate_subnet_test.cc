// SPDX-License-Identifier: Apache-2.0
// What is wrong with a subnet, a segment, a peer or a static entry, as an operator is told.
#include "host/intent/intent_for_test.h"

namespace butterfly {
namespace {

using test::good_intent;
using test::make_subnet;
using test::Mistake;
using test::put;
using test::validate_both;

const Mistake kMistakes[] = {
    {"segment without a VNI",
     [](Intent& i) {
       i.segments.set(Vni(0), {Vni(0), {}});
     },
     "segment 0: VNI 0 names no segment (wanted 1..16777215)"},
    {"subnet that moves away from its nics",
     [](Intent& i) {
       SubnetIntent& subnet = i.subnets["lan"];
       subnet.prefix = *Cidr::parse("10.1.0.0/24");
       subnet.gateway = *IpAddress::parse("10.1.0.1");
       subnet.server = {};
       subnet.routes.clear();
     },
     "nic 'b': no address in subnet 'lan', 10.1.0.0/24 (wanted one)"},
    {"subnet: malformed name", [](Intent& i) { put(i, make_subnet("a b")); },
     "subnet 'a b': name is malformed"},
    {"subnet under another name", [](Intent& i) { i.subnets["lan"].name = "other"; },
     "subnet 'other': kept under 'lan'"},
    {"subnet: no room for hosts of IPv6",
     [](Intent& i) { i.subnets["lan"].prefix = *Cidr::parse("fd00::1/128"); },
     "subnet 'lan': prefix fd00::1/128 (wanted an IPv4 prefix of 1..30 bits, or an IPv6 prefix of "
     "1..127)"},
    {"subnet: no room for hosts",
     [](Intent& i) { i.subnets["lan"].prefix = *Cidr::parse("10.0.0.0/31"); },
     "subnet 'lan': prefix 10.0.0.0/31 (wanted an IPv4 prefix of 1..30 bits, or an IPv6 prefix of "
     "1..127)"},
    {"subnet: group addresses",
     [](Intent& i) { i.subnets["lan"].prefix = *Cidr::parse("224.0.0.0/24"); },
     "subnet 'lan': prefix 224.0.0.0/24 holds no host's own address (wanted unicast)"},
    {"subnet: gateway outside",
     [](Intent& i) { i.subnets["lan"].gateway = *IpAddress::parse("10.0.1.1"); },
     "subnet 'lan': gateway: address 10.0.1.1 is outside (wanted a host's address in 10.0.0.0/24)"},
    {"subnet: gateway of the other family",
     [](Intent& i) { i.subnets["lan"].gateway = *IpAddress::parse("fd00::1"); },
     "subnet 'lan': gateway: address fd00::1 is outside (wanted a host's address in 10.0.0.0/24)"},
    {"subnet: server that is the broadcast",
     [](Intent& i) { i.subnets["lan"].server = *IpAddress::parse("10.0.0.255"); },
     "subnet 'lan': server: address 10.0.0.255 is the prefix's own or its broadcast (wanted"},
    {"subnet: nobody to know",
     [](Intent& i) {
       SubnetIntent& subnet = i.subnets["lan"];
       subnet.gateway = subnet.server = std::nullopt;
     },
     "subnet 'lan': neither gateway nor server (wanted an address by which guests know the DHCP "
     "server)"},
    {"subnet: DNS server of the other family",
     [](Intent& i) { i.subnets["lan"].dns = {*IpAddress::parse("fd00::3")}; },
     "subnet 'lan': DNS server fd00::3 is not of the family of 10.0.0.0/24 (wanted one that is)"},
    {"subnet: DNS server that is a group",
     [](Intent& i) { i.subnets["lan"].dns = {*IpAddress::parse("224.0.0.251")}; },
     "subnet 'lan': DNS server: address 224.0.0.251 is no host's own (wanted unicast)"},
    {"subnet: route of the other family",
     [](Intent& i) { i.subnets["lan"].routes[0].prefix = *Cidr::parse("fd00::/8"); },
     "subnet 'lan': route fd00::/8 is not of the family of 10.0.0.0/24 (wanted one that is)"},
    {"subnet: default route as a route",
     [](Intent& i) { i.subnets["lan"].routes[0].prefix = *Cidr::parse("0.0.0.0/0"); },
     "subnet 'lan': route 0.0.0.0/0 is the default route (wanted a gateway instead)"},
    {"subnet: route twice",
     [](Intent& i) {
       auto& routes = i.subnets["lan"].routes;
       routes[1].prefix = routes[0].prefix;
     },
     "subnet 'lan': route 10.9.0.0/16 listed twice (wanted once)"},
    {"subnet: route by somebody outside",
     [](Intent& i) { i.subnets["lan"].routes[0].via = *IpAddress::parse("10.0.1.9"); },
     "subnet 'lan': route 10.9.0.0/16: via: address 10.0.1.9 is outside (wanted"},
    {"subnet: more than clients take",
     [](Intent& i) {
       i.subnets["lan"].routes.clear();
       for (uint8_t n = 0; n < 24; ++n) {
         i.subnets["lan"].routes.push_back({Cidr(Ipv4{{10, 9, n, 0}}, 24), {}});
       }
     },
     "subnet 'lan': what guests are told takes 256 bytes of DHCP (wanted at most 215: fewer "
     "routes, "
     "DNS servers or domains)"},
    {"subnet: malformed domain", [](Intent& i) { i.subnets["lan"].domains = {"a_b"}; },
     "subnet 'lan': domain 'a_b' is malformed"},
    {"subnet: MTU of 575", [](Intent& i) { i.subnets["lan"].mtu = 575; },
     "subnet 'lan': MTU 575 (wanted 576..65535, or 0 for what fits)"},
    {"subnet: lease of 9", [](Intent& i) { i.subnets["lan"].lease_s = 9; },
     "subnet 'lan': lease of 9 s (wanted 10..31536000)"},
    {"subnet: lease of more than a year", [](Intent& i) { i.subnets["lan"].lease_s = 31'536'001; },
     "subnet 'lan': lease of 31536001 s (wanted 10..31536000)"},
    {"subnet: autonomous in IPv4", [](Intent& i) { i.subnets["lan"].autonomous = true; },
     "subnet 'lan': autonomous, not on link or not managed with an IPv4 prefix (wanted these of "
     "IPv6 only)"},
    {"subnet of IPv6: gateway that is not link-local",
     [](Intent& i) { i.subnets["lan6"].gateway = *IpAddress::parse("fd00:7::1"); },
     "subnet 'lan6': gateway fd00:7::1 (wanted a link-local address, by which IPv6 knows routers)"},
    {"subnet of IPv6: server",
     [](Intent& i) { i.subnets["lan6"].server = *IpAddress::parse("fd00:7::2"); },
     "subnet 'lan6': server fd00:7::2 (wanted none: DHCPv6 servers are known by an identifier)"},
    {"subnet of IPv6: route",
     [](Intent& i) {
       i.subnets["lan6"].routes = {{*Cidr::parse("fd00:9::/64"), {}}};
     },
     "subnet 'lan6': route fd00:9::/64 (wanted none: IPv6 guests learn routes from their gateway)"},
    {"subnet of IPv6: autonomous with another length than 64",
     [](Intent& i) { i.subnets["lan6"].prefix = *Cidr::parse("fd00:6::/63"); },
     "subnet 'lan6': autonomous with prefix fd00:6::/63 (wanted 64 bits"},
    {"subnet of IPv6: autonomous with a short lease",
     [](Intent& i) { i.subnets["lan6"].lease_s = 1'799; },
     "subnet 'lan6': autonomous with a lease of 1799 s (wanted at least 1800)"},
    {"subnet of IPv6: MTU of 1279", [](Intent& i) { i.subnets["lan6"].mtu = 1'279; },
     "subnet 'lan6': MTU 1279 (wanted 1280..65535 for IPv6, or 0 for what fits)"},
    {"subnet of IPv6: DNS server of IPv4",
     [](Intent& i) { i.subnets["lan6"].dns = {*IpAddress::parse("10.0.0.3")}; },
     "subnet 'lan6': DNS server 10.0.0.3 is not of the family of fd00:7::/64 (wanted one that is)"},
    {"subnet of IPv6: more than answers have room for",
     [](Intent& i) {
       const std::string label(60, 'x');
       i.subnets["lan6"].domains.assign(4, label + "." + label);
     },
     "subnet 'lan6': what guests are told takes 524 bytes of DHCPv6 (wanted at most 512"},
    {"segment: group for the link alone",
     [](Intent& i) {
       SegmentIntent segment;
       segment.vni = Vni(42);
       segment.group = *IpAddress::parse("ff02::7");
       i.segments.set(segment.vni, segment);
     },
     "segment 42: group ff02::7 (wanted a multicast address beyond 224.0.0.0/24, or of IPv6 wider "
     "than the link)"},
    {"multicast peer",
     [](Intent& i) {
       const IpAddress address = *IpAddress::parse("239.1.1.1");
       i.peers[address] = {address, {}};
     },
     "peer 239.1.1.1: address 239.1.1.1 is no host's own (wanted unicast)"},
    {"peer with a VNI of 25 bits",
     [](Intent& i) { i.peers[i.peers.begin()->first].vnis.insert(Vni(1 << 24)); },
     "peer 192.0.2.2: VNI 16777216 exceeds 24 bits (wanted 1..16777215)"},
    {"fdb entry behind a stranger",
     [](Intent& i) { i.fdb[i.fdb.begin()->first].peer = *IpAddress::parse("192.0.2.9"); },
     "fdb 42/52:54:00:00:00:99: peer 192.0.2.9 is not configured (wanted one of the peers)"},
    {"fdb entry in a VNI that the peer does not serve",
     [](Intent& i) { i.peers[i.peers.begin()->first].vnis = {Vni(7)}; },
     "peer 192.0.2.2 does not serve VNI 42 (wanted a peer that does)"},
    {"fdb entry for a local nic",
     [](Intent& i) {
       const Mac local = i.nics["a"].mac;
       i.fdb[{Vni(42), local}] = {Vni(42), local, i.peers.begin()->first};
     },
     "fdb 42/52:54:00:00:00:01: MAC is local nic 'a' (wanted a MAC behind the peer)"},
};

TEST(Validate, NamesWhatIsWrongWithASubnetOrAPeer) { test::expect_refused(kMistakes); }

TEST(Validate, BoundsWhatASubnetTells) {
  const auto message_of = [](const std::function<void(SubnetIntent&)>& change) {
    Intent intent = good_intent();
    change(intent.subnets["lan"]);
    const Status status = validate_both(good_intent(), intent);
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
    return std::string(status.message());
  };
  EXPECT_EQ(message_of([](SubnetIntent& s) { s.dns.assign(9, *IpAddress::parse("10.0.0.3")); }),
            "subnet 'lan': DNS servers: 9 exceed the limit (wanted at most 8)");
  EXPECT_EQ(message_of([](SubnetIntent& s) { s.routes.resize(33); }),
            "subnet 'lan': routes: 33 exceed the limit (wanted at most 32)");
  EXPECT_EQ(message_of([](SubnetIntent& s) { s.domains.assign(9, "x"); }),
            "subnet 'lan': domains: 9 exceed the limit (wanted at most 8)");
}

}  // namespace
}  // namespace butterfly
