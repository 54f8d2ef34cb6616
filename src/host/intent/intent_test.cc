// SPDX-License-Identifier: Apache-2.0
// validate() and rule_id() as an operator meets them: each row is one mistake and its message.
#include "host/intent/intent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "host/intent/difference.h"
#include "host/intent/limits.h"

namespace butterfly {
namespace {

using testing::HasSubstr;

NicIntent make_nic(const std::string& id, uint64_t mac) {
  NicIntent nic;
  nic.id = id;
  nic.mac = Mac::from_u64(mac);
  nic.vni = Vni(42);
  return nic;
}

void put(Intent& intent, const NicIntent& nic) { intent.nics[nic.id] = nic; }

void put(Intent& intent, const RuleIntent& rule) {
  intent.groups["web"].rules[rule_id(rule)] = rule;
}

void put(Intent& intent, const ProcedureIntent& procedure) {
  intent.procedures[procedure.name] = procedure;
}

void put(Intent& intent, const SubnetIntent& subnet) { intent.subnets[subnet.name] = subnet; }

void put(Intent& intent, const GuardIntent& rule) { intent.guard[rule.key] = rule; }

GuardIntent make_guard(const std::string& key) {
  GuardIntent rule;
  rule.key = key;
  rule.priority = 65'535;
  rule.vni = Vni(kVniMax);
  rule.match.protocol = 6;
  rule.match.first_port = rule.match.last_port = 23;
  rule.match.peer_cidr = Cidr::parse("10.0.0.0/8");
  rule.match.expression = "tcp[tcpflags] = tcp-syn";
  return rule;
}

SubnetIntent make_subnet(const std::string& name) {
  SubnetIntent subnet;
  subnet.name = name;
  subnet.prefix = *Cidr::parse("10.0.0.0/24");
  subnet.gateway = *IpAddress::parse("10.0.0.1");
  subnet.server = *IpAddress::parse("10.0.0.254");
  subnet.routes = {{*Cidr::parse("10.9.0.0/16"), *IpAddress::parse("10.0.0.9")},
                   {*Cidr::parse("10.8.0.0/32"), {}}};
  subnet.dns = {*IpAddress::parse("10.0.0.3"), *IpAddress::parse("192.0.2.53")};
  subnet.domains = {"example.org", "x"};
  subnet.mtu = 576;
  subnet.lease_s = 10;
  return subnet;
}

// Two nics, a group with a rule, a procedure, a guard rule, a subnet, a peer and a static entry:
// valid.
SubnetIntent make_subnet_v6(const std::string& name) {
  SubnetIntent subnet;
  subnet.name = name;
  subnet.prefix = *Cidr::parse("fd00:7::/64");
  subnet.gateway = *IpAddress::parse("fe80::1");
  subnet.dns = {*IpAddress::parse("fd00::53")};
  subnet.domains = {"example.org"};
  subnet.mtu = 1280;
  subnet.autonomous = true;
  return subnet;
}

Intent good_intent() {
  Intent intent;
  put(intent, make_nic("a", 0x525400000001));
  NicIntent tap = make_nic("b", 0x525400000002);
  tap.type = NicType::tap;
  tap.addresses = {*IpAddress::parse("10.0.0.2"), *IpAddress::parse("fd00::2")};
  tap.groups = {"web", "later"};
  tap.subnets = {"lan"};
  tap.hostname = "web-1.example.org";
  put(intent, tap);
  intent.groups["web"].name = "web";
  RuleIntent http;
  http.protocol = 6;
  http.first_port = http.last_port = 80;
  put(intent, http);
  put(intent, ProcedureIntent{"plain", 65'535, 255, true, true, 1'000'000'000, 8'000, 10'000});
  put(intent, make_guard("no-telnet"));
  put(intent, make_subnet("lan"));
  put(intent, make_subnet_v6("lan6"));
  const IpAddress peer = *IpAddress::parse("192.0.2.2");
  intent.peers[peer] = {peer, {Vni(42)}};
  const Mac far = Mac::from_u64(0x525400000099);
  intent.fdb[{Vni(42), far}] = {Vni(42), far, peer};
  return intent;
}

TEST(Validate, TakesAWholeIntent) { EXPECT_EQ(validate(good_intent()), ok_status()); }

struct Mistake {
  const char* name;
  std::function<void(Intent&)> make;
  const char* message;
};

void add_rule(Intent& intent, const std::function<void(RuleIntent&)>& make) {
  RuleIntent rule;
  make(rule);
  put(intent, rule);
}

void allow(Intent& intent, uint64_t mac) {
  intent.nics["a"].allowed = {{*Cidr::parse("10.0.0.100"), Mac::from_u64(mac)}};
}

const Mistake kMistakes[] = {
    {"empty nic id", [](Intent& i) { put(i, make_nic("", 0x2)); },
     "nic '': name is empty (wanted 1..64 of [A-Za-z0-9._-], starting with a letter or digit)"},
    {"nic id with a space", [](Intent& i) { put(i, make_nic("a b", 0x2)); },
     "nic 'a b': name is malformed"},
    {"nic id that starts with a dash", [](Intent& i) { put(i, make_nic("-a", 0x2)); },
     "nic '-a': name is malformed"},
    {"nic id of 65", [](Intent& i) { put(i, make_nic(std::string(65, 'x'), 0x2)); },
     "name has 65 characters (wanted 1..64"},
    {"group MAC", [](Intent& i) { i.nics["a"].mac = Mac::from_u64(0x010000000000); },
     "nic 'a': MAC 01:00:00:00:00:00 is a group address (wanted unicast)"},
    {"zero MAC", [](Intent& i) { i.nics["a"].mac = {}; },
     "nic 'a': MAC is zero (wanted a unicast address)"},
    {"big VNI", [](Intent& i) { i.nics["a"].vni = Vni(20000000); },
     "nic 'a': VNI 20000000 exceeds 24 bits (wanted 1..16777215)"},
    {"no VNI", [](Intent& i) { i.nics["a"].vni = Vni(0); },
     "nic 'a': VNI 0 names no segment (wanted 1..16777215)"},
    {"one MAC twice in a VNI", [](Intent& i) { i.nics["b"].mac = i.nics["a"].mac; },
     "nic 'b': MAC 52:54:00:00:00:01 is nic 'a' in VNI 42 (wanted one nic a MAC in a VNI)"},
    {"multicast address",
     [](Intent& i) { i.nics["a"].addresses = {*IpAddress::parse("224.0.0.1")}; },
     "nic 'a': address 224.0.0.1 is no host's own (wanted unicast)"},
    {"allowed multicast",
     [](Intent& i) {
       i.nics["a"].allowed = {{*Cidr::parse("224.0.0.0/4"), std::nullopt}};
     },
     "nic 'a': allowed: prefix 224.0.0.0/4 holds no host's own address (wanted unicast)"},
    {"allowed address of nobody",
     [](Intent& i) {
       i.nics["a"].allowed = {{*Cidr::parse("0.0.0.0"), std::nullopt}};
     },
     "nic 'a': allowed: address 0.0.0.0 is no host's own (wanted unicast)"},
    {"allowed group MAC", [](Intent& i) { allow(i, 0x01005e000001); },
     "nic 'a': allowed: MAC 01:00:5e:00:00:01 is a group address (wanted unicast)"},
    {"allowed zero MAC", [](Intent& i) { allow(i, 0); },
     "nic 'a': allowed: MAC is zero (wanted a unicast address)"},
    {"allowed MAC of another nic", [](Intent& i) { allow(i, 0x525400000002); },
     "nic 'a': allowed MAC 52:54:00:00:00:02 is nic 'b' (wanted one that no nic has)"},
    {"allowed MAC of a static entry", [](Intent& i) { allow(i, 0x525400000099); },
     "nic 'a': allowed MAC 52:54:00:00:00:99 is a static fdb entry (wanted one that may move)"},
    {"segment without a VNI",
     [](Intent& i) {
       i.segments.set(Vni(0), {Vni(0), {}});
     },
     "segment 0: VNI 0 names no segment (wanted 1..16777215)"},
    {"gateway that is a group",
     [](Intent& i) {
       i.segments.set(Vni(7), {Vni(7), {Mac::broadcast()}});
     },
     "segment 7: gateway: MAC ff:ff:ff:ff:ff:ff is a group address (wanted unicast)"},
    {"group twice",
     [](Intent& i) {
       i.nics["b"].groups = {"web", "web"};
     },
     "nic 'b': group 'web' listed twice (wanted once)"},
    {"malformed group name on a nic", [](Intent& i) { i.nics["b"].groups = {"w/b"}; },
     "nic 'b': group 'w/b': name is malformed"},
    {"tap name on vhost-user", [](Intent& i) { i.nics["a"].tap_name = "tap7"; },
     "nic 'a': tap name 'tap7' on a vhost-user nic (wanted type tap)"},
    {"vhost server on a tap", [](Intent& i) { i.nics["b"].vhost_server = true; },
     "nic 'b': vhost server on a tap (wanted type vhost-user)"},
    {"queues on a tap", [](Intent& i) { i.nics["b"].queues = 2; },
     "nic 'b': 2 queues on a tap (wanted 1, or type vhost-user)"},
    {"packed rings on a tap", [](Intent& i) { i.nics["b"].packed = true; },
     "nic 'b': packed rings on a tap (wanted type vhost-user)"},
    {"too many queues", [](Intent& i) { i.nics["a"].queues = 17; },
     "nic 'a': 17 queues (wanted 1..16)"},
    {"small MTU", [](Intent& i) { i.nics["a"].mtu = 575; },
     "nic 'a': MTU 575 is out of range (wanted 576..9000, or 0 for the host's choice)"},
    {"large MTU", [](Intent& i) { i.nics["a"].mtu = 9001; },
     "nic 'a': MTU 9001 is out of range (wanted 576..9000, or 0 for the host's choice)"},
    {"tap name of 16", [](Intent& i) { i.nics["b"].tap_name = "tap0123456789012"; },
     "nic 'b': tap name 'tap0123456789012' has 16 characters (wanted 1..15)"},
    {"tap name with a slash", [](Intent& i) { i.nics["b"].tap_name = "t/p"; },
     "nic 'b': tap name 't/p' is malformed"},
    {"tap name for the kernel to fill in", [](Intent& i) { i.nics["b"].tap_name = "tap%d"; },
     "nic 'b': tap name 'tap%d' is malformed"},
    {"tap name of another nic",
     [](Intent& i) {
       NicIntent nic = make_nic("c", 0x525400000003);
       nic.type = NicType::tap;
       nic.tap_name = "b";  // the default of nic b
       put(i, nic);
     },
     "nic 'c': tap name 'b' is taken by nic 'b' (wanted a free one)"},
    {"rule: ports without protocol",
     [](Intent& i) { add_rule(i, [](RuleIntent& r) { r.first_port = r.last_port = 80; }); },
     "ports with any protocol (wanted tcp (6), udp (17) or sctp (132))"},
    {"rule: ports with gre",
     [](Intent& i) {
       add_rule(i, [](RuleIntent& r) { r.protocol = 47, r.first_port = r.last_port = 80; });
     },
     "ports with protocol 47 (wanted tcp"},
    {"rule: one port only",
     [](Intent& i) { add_rule(i, [](RuleIntent& r) { r.protocol = 6, r.first_port = 80; }); },
     "one end of the port range is missing (wanted first and last port)"},
    {"rule: ports turned round",
     [](Intent& i) {
       add_rule(i, [](RuleIntent& r) { r.protocol = 6, r.first_port = 90, r.last_port = 80; });
     },
     "first port 90 above last port 80 (wanted first <= last)"},
    {"rule: ICMP type with tcp",
     [](Intent& i) { add_rule(i, [](RuleIntent& r) { r.protocol = 6, r.icmp_type = 8; }); },
     "ICMP type with protocol 6 (wanted icmp (1) or icmpv6 (58))"},
    {"rule: ICMP code alone",
     [](Intent& i) { add_rule(i, [](RuleIntent& r) { r.protocol = 1, r.icmp_code = 0; }); },
     "ICMP code without ICMP type (wanted the type as well)"},
    {"rule: icmp over IPv6",
     [](Intent& i) {
       add_rule(i, [](RuleIntent& r) { r.protocol = 1, r.family = RuleFamily::v6; });
     },
     "family v6 with protocol icmp (IPv4) (wanted one address family)"},
    {"rule: icmpv6 from an IPv4 prefix",
     [](Intent& i) {
       add_rule(i, [](RuleIntent& r) { r.protocol = 58, r.peer_cidr = Cidr::parse("10.0.0.0/8"); });
     },
     "protocol icmpv6 (IPv6) with CIDR 10.0.0.0/8 (wanted one address family)"},
    {"rule: family against CIDR",
     [](Intent& i) {
       add_rule(i, [](RuleIntent& r) {
         r.family = RuleFamily::v4, r.peer_cidr = Cidr::parse("fd00::/8");
       });
     },
     "family v4 with CIDR fd00::/8 (wanted one address family)"},
    {"rule: CIDR and group",
     [](Intent& i) {
       add_rule(
           i, [](RuleIntent& r) { r.peer_cidr = Cidr::parse("10.0.0.0/8"), r.peer_group = "db"; });
     },
     "both CIDR 10.0.0.0/8 and group 'db' (wanted one or none)"},
    {"rule: escape sequence in the description",
     [](Intent& i) { add_rule(i, [](RuleIntent& r) { r.description = "\x1b[2J"; }); },
     "description has control characters (wanted plain text)"},
    {"rule: expression too long",
     [](Intent& i) { add_rule(i, [](RuleIntent& r) { r.expression = std::string(65'537, '('); }); },
     ": expression of 65537 bytes (wanted at most 65536)"},
    {"rule: blank expression",
     [](Intent& i) { add_rule(i, [](RuleIntent& r) { r.expression = "  "; }); },
     ": expression is blank (wanted one, or none)"},
    {"rule: expression of two lines",
     [](Intent& i) { add_rule(i, [](RuleIntent& r) { r.expression = "tcp\nor udp"; }); },
     ": expression has bytes other than printable ASCII (wanted one line)"},
    {"rule with a procedure that is not there",
     [](Intent& i) { add_rule(i, [](RuleIntent& r) { r.procedure = "slow"; }); },
     "procedure 'slow' is not there (wanted one of the procedures)"},
    {"procedure that goes while a rule names it",
     [](Intent& i) {
       add_rule(i, [](RuleIntent& r) { r.procedure = "plain"; });
       i.procedures.clear();
     },
     "procedure 'plain' is not there (wanted one of the procedures)"},
    {"nic: subnet that is not there", [](Intent& i) { i.nics["b"].subnets = {"wan"}; },
     "nic 'b': subnet 'wan' is not there (wanted one of the subnets)"},
    {"nic: subnet that goes", [](Intent& i) { i.subnets.clear(); },
     "nic 'b': subnet 'lan' is not there (wanted one of the subnets)"},
    {"nic: no address in its subnet", [](Intent& i) { i.nics["a"].subnets = {"lan"}; },
     "nic 'a': no address in subnet 'lan', 10.0.0.0/24 (wanted one)"},
    {"subnet that moves away from its nics",
     [](Intent& i) {
       SubnetIntent& subnet = i.subnets["lan"];
       subnet.prefix = *Cidr::parse("10.1.0.0/24");
       subnet.gateway = *IpAddress::parse("10.1.0.1");
       subnet.server = {};
       subnet.routes.clear();
     },
     "nic 'b': no address in subnet 'lan', 10.1.0.0/24 (wanted one)"},
    {"nic: two subnets of a family",
     [](Intent& i) {
       put(i, make_subnet("more"));
       i.nics["b"].subnets = {"lan", "more"};
     },
     "nic 'b': subnets 'lan' and 'more' are of one family (wanted at most one of each)"},
    {"nic: VLANs with antispoof", [](Intent& i) { i.nics["a"].carry_vlans = true; },
     "nic 'a': VLANs carried with antispoof (wanted antispoof off: nobody looks at addresses in a "
     "tagged frame)"},
    {"nic: no address in its managed subnet of IPv6",
     [](Intent& i) {
       i.nics["b"].subnets = {"lan", "lan6"};
     },
     "nic 'b': no address in subnet 'lan6', fd00:7::/64 (wanted one)"},
    {"nic: two subnets of IPv6",
     [](Intent& i) {
       put(i, make_subnet_v6("more6"));
       i.subnets["lan6"].managed = i.subnets["more6"].managed = false;
       i.nics["b"].subnets = {"lan6", "lan", "more6"};
     },
     "nic 'b': subnets 'lan6' and 'more6' are of one family (wanted at most one of each)"},
    {"nic: hostname with a space", [](Intent& i) { i.nics["b"].hostname = "web 1"; },
     "nic 'b': hostname 'web 1' is malformed (wanted labels of 1..63 letters, digits and inner "
     "dashes, with dots between)"},
    {"nic: hostname that ends in a dash", [](Intent& i) { i.nics["b"].hostname = "web-"; },
     "nic 'b': hostname 'web-' is malformed"},
    {"nic: hostname with an empty label", [](Intent& i) { i.nics["b"].hostname = "a..b"; },
     "nic 'b': hostname 'a..b' is malformed"},
    {"nic: hostname of 64", [](Intent& i) { i.nics["b"].hostname = std::string(64, 'x'); },
     "has 64 characters (wanted 1..63)"},
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
    {"procedure: malformed name", [](Intent& i) { put(i, ProcedureIntent{"a b"}); },
     "procedure 'a b': name is malformed"},
    {"procedure under another name", [](Intent& i) { i.procedures["plain"].name = "other"; },
     "procedure 'other': kept under 'plain'"},
    {"procedure: MSS of 63", [](Intent& i) { i.procedures["plain"].max_mss = 63; },
     "procedure 'plain': max MSS 63 (wanted 64..65535, or none)"},
    {"procedure: too many packets",
     [](Intent& i) { i.procedures["plain"].packets_per_s = 1'000'000'001; },
     "procedure 'plain': packets a second 1000000001 (wanted 1..1000000000, or none)"},
    {"procedure: too few bits", [](Intent& i) { i.procedures["plain"].bits_per_s = 7'999; },
     "procedure 'plain': bits a second 7999 (wanted 8000..1000000000000, or none)"},
    {"procedure: too many bits",
     [](Intent& i) { i.procedures["plain"].bits_per_s = 1'000'000'000'001; },
     "bits a second 1000000000001 (wanted 8000..1000000000000, or none)"},
    {"procedure: no burst", [](Intent& i) { i.procedures["plain"].burst_ms = 0; },
     "procedure 'plain': burst of 0 ms (wanted 1..10000)"},
    {"procedure: long burst", [](Intent& i) { i.procedures["plain"].burst_ms = 10'001; },
     "procedure 'plain': burst of 10001 ms (wanted 1..10000)"},
    {"rule for both directions",
     [](Intent& i) { add_rule(i, [](RuleIntent& r) { r.direction = RuleDirection::both; }); },
     "both directions (wanted ingress or egress)"},
    {"guard: malformed key", [](Intent& i) { put(i, make_guard("a b")); },
     "guard rule 'a b': name is malformed"},
    {"guard: no key", [](Intent& i) { put(i, make_guard("")); }, "guard rule '': name is empty"},
    {"guard rule under another key", [](Intent& i) { i.guard["no-telnet"].key = "other"; },
     "guard rule 'other': kept under 'no-telnet'"},
    {"guard: big VNI", [](Intent& i) { i.guard["no-telnet"].vni = Vni(1 << 24); },
     "guard rule 'no-telnet': VNI 16777216 exceeds 24 bits (wanted 1..16777215, or 0 for every "
     "segment)"},
    {"guard: ports of any protocol",
     [](Intent& i) { i.guard["no-telnet"].match.protocol = std::nullopt; },
     "guard rule 'no-telnet': ports with any protocol (wanted tcp (6)"},
    {"guard: family against CIDR",
     [](Intent& i) { i.guard["no-telnet"].match.family = RuleFamily::v6; },
     "guard rule 'no-telnet': family v6 with CIDR 10.0.0.0/8 (wanted one address family)"},
    {"guard: blank expression", [](Intent& i) { i.guard["no-telnet"].match.expression = " "; },
     "guard rule 'no-telnet': expression is blank (wanted one, or none)"},
    {"guard: a group as peer", [](Intent& i) { i.guard["no-telnet"].match.peer_group = "web"; },
     "guard rule 'no-telnet': match with peer group 'web' (wanted none"},
    {"guard: a procedure", [](Intent& i) { i.guard["no-telnet"].match.procedure = "plain"; },
     "guard rule 'no-telnet': match with procedure 'plain' (wanted none"},
    {"guard: a key of the match", [](Intent& i) { i.guard["no-telnet"].match.key = "k"; },
     "guard rule 'no-telnet': match with key 'k' (wanted none"},
    {"guard: a description of the match",
     [](Intent& i) { i.guard["no-telnet"].match.description = "d"; },
     "guard rule 'no-telnet': match with description 'd' (wanted none"},
    {"guard: long description",
     [](Intent& i) { i.guard["no-telnet"].description = std::string(256, 'd'); },
     "guard rule 'no-telnet': description of 256 bytes (wanted at most 255)"},
    {"rule under a wrong id",
     [](Intent& i) { i.groups["web"].rules["0123456789abcdef"] = RuleIntent{}; },
     "group 'web': rule id '0123456789abcdef' is not its rule's (wanted "},
    {"prefix of groups as member",
     [](Intent& i) { i.groups["web"].members = {*Cidr::parse("224.0.0.0/4")}; },
     "group 'web': prefix 224.0.0.0/4 holds no host's own address (wanted unicast)"},
    {"rule with a malformed key",
     [](Intent& i) { add_rule(i, [](RuleIntent& r) { r.key = "a b"; }); },
     "key 'a b': name is malformed"},
    {"multicast member",
     [](Intent& i) { i.groups["web"].members = {*IpAddress::parse("ff02::1")}; },
     "group 'web': address ff02::1 is no host's own (wanted unicast)"},
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

TEST(Validate, NamesObjectFactAndWhatWasWanted) {
  for (const Mistake& mistake : kMistakes) {
    SCOPED_TRACE(mistake.name);
    Intent intent = good_intent();
    mistake.make(intent);
    const Status status = validate(intent);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(mistake.message));
  }
}

// Whatever is wrong is found by what changed alone, and is said in the same words.
TEST(ValidateChange, SaysWhatValidateSays) {
  const Intent good = good_intent();
  for (const Mistake& mistake : kMistakes) {
    SCOPED_TRACE(mistake.name);
    Intent bad = good;
    mistake.make(bad);
    EXPECT_EQ(validate_change(bad, difference(good, bad)), validate(bad));
    EXPECT_EQ(validate_change(good, difference(Intent{}, good)), ok_status());
    EXPECT_EQ(validate_change(bad, difference(Intent{}, bad)), validate(bad));
  }
}

TEST(ValidateChange, FindsWhatClashesWithTheOldest) {
  Intent before = good_intent();
  for (uint64_t i = 0; i < 50; ++i) {
    put(before, make_nic("nic" + std::to_string(i), 0x525500000000 + i));
  }
  const auto answer = [&](const Intent& next) {
    const Status status = validate_change(next, difference(before, next));
    EXPECT_EQ(status, validate(next));
    return std::string(status.message());
  };
  Intent next = before;
  next.nics["nic7"].mac = Mac::from_u64(0x525500000030);
  EXPECT_THAT(answer(next), HasSubstr("is nic 'nic48'"));
  next = before;
  put(next, make_nic("late", 0x525400000099));  // the static entry's
  EXPECT_THAT(answer(next), HasSubstr("MAC is local nic 'late'"));
  next = before;
  const Mac local = before.nics.at("nic3").mac;
  next.fdb[{Vni(42), local}] = {Vni(42), local, before.peers.begin()->first};
  EXPECT_THAT(answer(next), HasSubstr("MAC is local nic 'nic3'"));
  next = before;
  allow(next, 0x525500000007);
  EXPECT_THAT(answer(next), HasSubstr("allowed MAC 52:55:00:00:00:07 is nic 'nic7'"));
  next = before;
  next.peers.clear();
  EXPECT_THAT(answer(next), HasSubstr("is not configured"));
  next.fdb.clear();
  EXPECT_EQ(answer(next), "");
  next = before;
  std::swap(next.nics["nic1"].mac, next.nics["nic2"].mac);
  EXPECT_EQ(answer(next), "");
}

TEST(Validate, LetsNicsShareWhatTheyAreAllowed) {
  Intent intent = good_intent();
  allow(intent, 0x00005e000133);
  std::set<AllowedIntent> allowed = intent.nics.at("a").allowed;
  allowed.insert({*Cidr::parse("0.0.0.0/0"), std::nullopt});
  allowed.insert({*Cidr::parse("fd00:1::/64"), intent.nics.at("b").mac});
  intent.nics["b"].allowed = allowed;
  EXPECT_EQ(validate(intent), ok_status());
  EXPECT_EQ(validate_change(intent, difference(good_intent(), intent)), ok_status());
  Intent next = intent;
  put(next, make_nic("late", 0x00005e000133));
  const Status status = validate_change(next, difference(intent, next));
  EXPECT_EQ(status, validate(next));
  EXPECT_EQ(status.message(),
            "nic 'a': allowed MAC 00:00:5e:00:01:33 is nic 'late' (wanted one that no nic has)");
  next = intent;
  const Mac shared = Mac::from_u64(0x00005e000133);
  next.fdb[{Vni(42), shared}] = {Vni(42), shared, next.peers.begin()->first};
  EXPECT_EQ(validate_change(next, difference(intent, next)), validate(next));
  EXPECT_FALSE(validate(next).ok());
}

TEST(Validate, LetsTwoTenantsUseOneMacAndOneAddress) {
  Intent intent = good_intent();
  NicIntent twin = intent.nics["b"];
  twin.id = twin.tap_name = "twin";
  twin.vni = Vni(43);
  put(intent, twin);
  EXPECT_EQ(validate(intent), ok_status());
}

// What validate() says, after a look that the change alone gets the same answer.
Status validate_both(const Intent& before, const Intent& next) {
  const Status status = validate(next);
  EXPECT_EQ(validate_change(next, difference(before, next)), status);
  return status;
}

TEST(Validate, TakesAFullHostAndRefusesOneNicMore) {
  Intent intent;
  for (size_t i = 0; i < kMaxNics; ++i) {
    put(intent, make_nic("nic" + std::to_string(i), 0x525400000000 + i));
  }
  EXPECT_EQ(validate(intent), ok_status());
  const Intent full = intent;
  put(intent, make_nic("more", 0x525500000000));
  const Status status = validate_both(full, intent);
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_EQ(status.message(), "nics: 1265 exceed the limit (wanted at most 1264)");
}

TEST(Validate, BoundsMembersRulesAndSegments) {
  Intent intent = good_intent();
  for (uint32_t i = 0; i <= kMaxGroupMembers; ++i) {
    intent.groups["web"].members.insert(IpAddress(Ipv4::from_u32(0x0a000000 + i)));
  }
  EXPECT_EQ(validate_both(good_intent(), intent).message(),
            "group 'web': members: 100001 exceed the limit (wanted at most 100000)");

  intent = good_intent();
  for (size_t i = 0; i < kMaxPeerGroups; ++i) {
    add_rule(intent, [i](RuleIntent& r) { r.peer_group = "g" + std::to_string(i); });
  }
  EXPECT_EQ(validate_both(good_intent(), intent), ok_status());
  add_rule(intent, [](RuleIntent& r) { r.peer_group = "one-more"; });
  EXPECT_EQ(validate_both(good_intent(), intent).message(),
            "group 'web': groups that its rules name: 65 exceed the limit (wanted at most 64)");

  intent = good_intent();
  for (uint16_t port = 1; port <= kMaxGroupRules; ++port) {
    add_rule(intent, [port](RuleIntent& r) { r.protocol = 17, r.first_port = r.last_port = port; });
  }
  EXPECT_EQ(validate_both(good_intent(), intent).message(),
            "group 'web': rules: 10001 exceed the limit (wanted at most 10000)");

  intent = good_intent();
  for (uint32_t vni = 1; vni <= kMaxVnis + 1; ++vni) {
    intent.peers[intent.peers.begin()->first].vnis.insert(Vni(vni));
  }
  EXPECT_EQ(validate_both(good_intent(), intent).message(),
            "VNIs of nics and peers: 4096 exceed the limit (wanted at most 4095)");
}

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

TEST(Validate, TakesSixtyFourAllowedAddressesAndRefusesOneMore) {
  Intent intent = good_intent();
  for (uint8_t n = 1; n <= 64; ++n) {
    intent.nics["a"].allowed.insert({Cidr(Ipv4{{10, 9, 0, n}}), std::nullopt});
  }
  EXPECT_EQ(validate(intent), ok_status());
  intent.nics["a"].allowed.insert({Cidr(Ipv4{{10, 9, 1, 0}}), std::nullopt});
  EXPECT_EQ(validate(intent).ToString(),
            "RESOURCE_EXHAUSTED: nic 'a': allowed: 65 exceed the limit (wanted at most 64)");
}

TEST(Validate, TakesSixteenGatewaysAndRefusesOneMore) {
  SegmentIntent segment{Vni(7), {}};
  for (uint64_t n = 1; n <= 16; ++n) segment.gateways.insert(Mac::from_u64(n));
  Intent intent = good_intent();
  intent.segments.set(Vni(7), segment);
  EXPECT_EQ(validate(intent), ok_status());
  segment.gateways.insert(Mac::from_u64(17));
  intent.segments.set(Vni(7), segment);
  EXPECT_EQ(validate(intent).ToString(),
            "RESOURCE_EXHAUSTED: segment 7: gateways: 17 exceed the limit (wanted at most 16)");
}

TEST(Validate, TakesAThousandGuardRulesAndRefusesOneMore) {
  Intent intent;
  for (size_t i = 0; i < kMaxGuardRules; ++i) put(intent, make_guard("g" + std::to_string(i)));
  EXPECT_EQ(validate_both({}, intent), ok_status());
  const Intent full = intent;
  put(intent, make_guard("more"));
  const Status status = validate_both(full, intent);
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_EQ(status.message(), "guard rules: 1001 exceed the limit (wanted at most 1000)");
}

TEST(RuleId, StaysTheSameOnEveryBuildAndHost) {
  RuleIntent rule;
  EXPECT_EQ(rule_id(rule), "d1db6306e071f6ee");
  rule.protocol = 6;
  rule.first_port = rule.last_port = 80;
  EXPECT_EQ(rule_id(rule), "3906963fc4064efc");
}

TEST(RuleId, DependsOnEveryFieldButTheDescription) {
  RuleIntent rule;
  rule.protocol = 6;
  const std::string id = rule_id(rule);
  rule.description = "web";
  EXPECT_EQ(rule_id(rule), id);
  std::set<std::string> ids{id};
  const auto differs = [&](const std::function<void(RuleIntent&)>& change) {
    RuleIntent other = rule;
    change(other);
    return ids.insert(rule_id(other)).second;
  };
  EXPECT_TRUE(differs([](RuleIntent& r) { r.direction = RuleDirection::egress; }));
  EXPECT_TRUE(differs([](RuleIntent& r) { r.family = RuleFamily::v4; }));
  EXPECT_TRUE(differs([](RuleIntent& r) { r.protocol = 17; }));
  EXPECT_TRUE(differs([](RuleIntent& r) { r.protocol = std::nullopt; }));
  EXPECT_TRUE(differs([](RuleIntent& r) { r.first_port = 1, r.last_port = 2; }));
  EXPECT_TRUE(differs([](RuleIntent& r) { r.first_port = 1, r.last_port = 3; }));
  EXPECT_TRUE(differs([](RuleIntent& r) { r.icmp_type = 0; }));
  EXPECT_TRUE(differs([](RuleIntent& r) { r.icmp_type = 0, r.icmp_code = 0; }));
  EXPECT_TRUE(differs([](RuleIntent& r) { r.peer_cidr = Cidr::parse("10.0.0.0/8"); }));
  EXPECT_TRUE(differs([](RuleIntent& r) { r.peer_cidr = Cidr::parse("10.0.0.0/9"); }));
  EXPECT_TRUE(differs([](RuleIntent& r) { r.peer_group = "db"; }));
}

TEST(DefaultGroupRules, LetEverythingOutAndNothingIn) {
  const std::vector<RuleIntent> rules = default_group_rules();
  ASSERT_EQ(rules.size(), 2u);
  EXPECT_EQ(rules[0].family, RuleFamily::v4);
  EXPECT_EQ(rules[1].family, RuleFamily::v6);
  for (const RuleIntent& rule : rules) {
    EXPECT_EQ(rule.direction, RuleDirection::egress);
    EXPECT_FALSE(rule.protocol || rule.peer_cidr || rule.first_port);
  }
}

}  // namespace
}  // namespace butterfly
