// SPDX-License-Identifier: Apache-2.0
// What a cloud firewall is expected to do, as conversations: each runs with the peer on the same
// host and behind a tunnel, alone and in a full burst of unrelated packets.
// Sources: RFC 9293, 5961, 7323, 7413, 4787, 5508, 5927, 4890, 4861 and what security groups
// promise.
#include <gtest/gtest.h>

#include <functional>

#include "bricks/firewall_test_support.h"

namespace butterfly::test {
namespace {

constexpr const char* kPass = "pass";
constexpr const char* kAny = "";  // either is right

struct Step {
  enum class Do { in, out, wait, change } what;
  std::string packet;
  std::string expected;
  uint32_t ms = 0;
  void (*change)(FirewallWorld&) = nullptr;
};
using Steps = std::vector<Step>;
using Policy = void (*)(FirewallWorld&);

Step in(std::string packet, const char* expected = kPass) {
  return {Step::Do::in, std::move(packet), expected};
}
Step out(std::string packet, const char* expected = kPass) {
  return {Step::Do::out, std::move(packet), expected};
}
Step wait(uint32_t seconds) { return {Step::Do::wait, {}, {}, seconds * 1000}; }
Step change(Policy policy) { return {Step::Do::change, {}, {}, 0, policy}; }
Steps operator+(Steps a, const Steps& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

const std::string kEthIn = "eth(src=52:54:00:00:00:09, dst=52:54:00:00:00:05)/";
const std::string kEthOut = "eth(src=52:54:00:00:00:05, dst=52:54:00:00:00:09)/";
const std::string kVmToP = "ipv4(src=10.0.0.5, dst=10.0.0.9)/";
const std::string kPToVm = "ipv4(src=10.0.0.9, dst=10.0.0.5)/";
const std::string kRouterToVm = "ipv4(src=192.0.2.1, dst=10.0.0.5)/";

std::string inn(const std::string& layers) { return kEthIn + kPToVm + layers; }
std::string outn(const std::string& layers) { return kEthOut + kVmToP + layers; }
std::string in6(const std::string& layers) {
  return kEthIn + "ipv6(src=fd00::9, dst=fd00::5)/" + layers;
}
std::string out6(const std::string& layers) {
  return kEthOut + "ipv6(src=fd00::5, dst=fd00::9)/" + layers;
}

struct Tcp {
  const char* flags;
  uint32_t seq;
  uint32_t ack = 0;
  uint32_t length = 0;
  int client = 40000;  // the port of whoever opened
  int server = 22;
  std::string more = "";
};
std::string tcp(const Tcp& t, int source, int destination) {
  const std::string flags = *t.flags == '\0' ? "0" : t.flags;
  return "tcp(sport=" + std::to_string(source) + ", dport=" + std::to_string(destination) +
         ", flags=" + flags + ", seq=" + std::to_string(t.seq) + ", ack=" + std::to_string(t.ack) +
         t.more + ")" + (t.length ? "/payload(len=" + std::to_string(t.length) + ")" : "");
}
// The peer as client of the guest's port 22, the guest's answers; the guest as client of 443.
std::string c(const Tcp& t) { return inn(tcp(t, t.client, t.server)); }
std::string s(const Tcp& t) { return outn(tcp(t, t.server, t.client)); }
std::string vc(const Tcp& t) { return outn(tcp(t, 41000, 443)); }
std::string vs(const Tcp& t) { return inn(tcp(t, 443, 41000)); }
std::string u(int source, int destination, int length = 8) {
  return "udp(sport=" + std::to_string(source) + ", dport=" + std::to_string(destination) + ")" +
         (length ? "/payload(len=" + std::to_string(length) + ")" : "");
}

const Steps kHandshake{in(c({"S", 1000})), out(s({"SA", 5000, 1001})), in(c({"A", 1001, 5001}))};
const Steps kGuestHandshake{out(vc({"S", 1000})), in(vs({"SA", 5000, 1001})),
                            out(vc({"A", 1001, 5001}))};

// Policies. `all` is the pair of egress rules that a new group carries.
void none(FirewallWorld& w) { w.set_vm({}, {allow()}); }
void ssh(FirewallWorld& w) { w.set_vm({allow_port(6, 22)}, {allow()}); }
void ssh_noout(FirewallWorld& w) { w.set_vm({allow_port(6, 22)}, {}); }
void noout(FirewallWorld& w) { w.set_vm({}, {}); }
void range(FirewallWorld& w) {
  Rule rule = allow_port(6, 1000, 2000);
  rule.peer = Cidr::parse("10.0.0.8/29");
  w.set_vm({rule}, {allow()});
}
void two(FirewallWorld& w) {
  w.set_nic("vm", kVmPort, kVmMac,
            {group_of({allow_port(6, 22)}, {allow()}), group_of({allow_port(17, 53)}, {})});
}
void ping(FirewallWorld& w) {
  Rule v4 = allow([](Rule& r) { r.protocol = 1; });
  v4.icmp_type = 8;
  v4.icmp_code = 0;
  Rule v6 = allow([](Rule& r) { r.protocol = 58; });
  v6.icmp_type = 128;
  w.set_vm({v4, v6}, {allow()});
}
void gre(FirewallWorld& w) {
  w.set_vm({allow([](Rule& r) { r.protocol = 47; })}, {allow()});
}
void udp53(FirewallWorld& w) { w.set_vm({allow_port(17, 53)}, {allow()}); }
void ssh6(FirewallWorld& w) {
  Rule rule = allow_port(6, 22);
  rule.peer = Cidr::parse("::/0");
  w.set_vm({rule}, {allow()});
}
void web_for(FirewallWorld& w, std::vector<const char*> members) {
  Rule rule = allow_port(6, 80);
  rule.peer_group = "members";
  w.set_nic("vm", kVmPort, kVmMac,
            {group_of({rule}, {allow()}, {{"members", make_members(Vni{7}, members)}})});
}
void grp(FirewallWorld& w) { web_for(w, {"10.0.0.9", "fd00::9"}); }
void grp_and_q(FirewallWorld& w) { web_for(w, {"10.0.0.9", "fd00::9", "10.0.0.77"}); }
void grp_without_p(FirewallWorld& w) { web_for(w, {"fd00::9"}); }
void grp_empty(FirewallWorld& w) { web_for(w, {}); }
void renew(FirewallWorld& w) { w.renew_vm(); }

std::string from_q(int port, int client) {
  return kEthIn + "ipv4(src=10.0.0.77, dst=10.0.0.5)/" + tcp({"S", 1}, client, port);
}
std::string error(const std::string& icmp, const std::string& quoted,
                  const std::string& outer = kRouterToVm) {
  return kEthIn + outer + icmp + "/" + quoted;
}

struct Case {
  const char* name;
  Policy policy;
  Steps steps;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {"A01 default deny: inbound SYN", none, {in(c({"S", 1000}), "denied")}},
      {"A03 default deny: echo request", none, {in(inn("icmp(type=8, id=7)"), "denied")}},
      {"A04 default deny: other protocol", none, {in(inn("gre"), "denied")}},
      {"A06 only the named port opens",
       ssh,
       {in(c({"S", 1000})), in(c({"S", 1000, 0, 0, 40001, 23}), "denied")}},
      {"A07 a port range is inclusive at both ends",
       range,
       {in(c({"S", 1, 0, 0, 40001, 999}), "denied"), in(c({"S", 1, 0, 0, 40002, 1000})),
        in(c({"S", 1, 0, 0, 40003, 2000})), in(c({"S", 1, 0, 0, 40004, 2001}), "denied")}},
      {"A09 several groups are a union",
       two,
       {in(c({"S", 1000})), in(inn(u(4000, 53))), in(c({"S", 1000, 0, 0, 40001, 53}), "denied")}},
      {"A10 the protocol must match", ssh, {in(inn(u(40000, 22)), "denied")}},
      {"A12 an IPv6 rule does not open IPv4",
       ssh6,
       {in(in6(tcp({"S", 1}, 40000, 22))), in(c({"S", 1000}), "denied")}},
      {"A13 other ICMP types stay shut, also with the id of an allowed one",
       ping,
       {in(inn("icmp(type=8, id=7, seq=1)")), in(inn("icmp(type=13, id=8)"), "denied"),
        in(inn("icmp(type=13, id=7)"), "denied"), out(outn("icmp(type=0, id=7, seq=1)"))}},
      {"A15 a rule by protocol number; the reply passes", gre, {in(inn("gre")), out(outn("gre"))}},
      {"A16 an outbound protocol opens its reply", none, {out(outn("gre")), in(inn("gre"))}},
      {"A18 a reply to allowed inbound needs no egress rule", ssh_noout,
       kHandshake + Steps{out(s({"PA", 5001, 1001, 100}))}},
      {"A19 without an egress rule the guest starts nothing",
       noout,
       {out(vc({"S", 1000}), "denied"), out(outn(u(4000, 53)), "denied")}},

      {"B01 a member passes, another does not",
       grp,
       {in(c({"S", 1000, 0, 0, 40000, 80})), in(from_q(80, 1), "denied")}},
      {"B02 a member that is added passes at once",
       grp,
       {in(from_q(80, 2), "denied"), change(grp_and_q), in(from_q(80, 3))}},
      {"B04 a member that is removed is cut",
       grp,
       {in(c({"S", 1000, 0, 0, 40000, 80})), out(s({"SA", 5000, 1001, 0, 40000, 80})),
        in(c({"A", 1001, 5001, 0, 40000, 80})), change(grp_without_p),
        in(c({"PA", 1001, 5001, 10, 40000, 80}), "revoked")}},
      {"B05 a rule that is removed cuts both directions", ssh,
       kHandshake + Steps{change(none), in(c({"PA", 1001, 5001, 10}), "revoked"),
                          out(s({"PA", 5001, 1001, 10}), "revoked")}},
      {"B05b removing and restoring a rule between two packets cuts nothing", ssh,
       kHandshake + Steps{change(none), change(ssh), in(c({"PA", 1001, 5001, 10})), change(none),
                          in(c({"PA", 1011, 5001, 10}), "revoked"), change(ssh),
                          out(s({"PA", 5001, 1011, 10})), in(c({"PA", 1011, 5011, 10}))}},
      {"B07 an unrelated rule does not hurt", ssh,
       kHandshake + Steps{change(two), in(c({"PA", 1001, 5001, 10})), out(s({"A", 5001, 1011}))}},
      {"B08 a guest-started flow does not depend on ingress rules", ssh,
       kGuestHandshake + Steps{change(none), in(vs({"PA", 5001, 1001, 100}))}},
      {"B08b nor an inbound one on egress rules", ssh,
       kHandshake + Steps{change(ssh_noout), out(s({"PA", 5001, 1001, 10}))}},
      {"B10 a group member by IPv6",
       grp,
       {in(in6(tcp({"S", 1}, 1, 80))),
        in(kEthIn + "ipv6(src=fd00::77, dst=fd00::5)/" + tcp({"S", 1}, 1, 80), "denied")}},
      {"B11 an empty group matches nobody",
       grp_empty,
       {in(c({"S", 1000, 0, 0, 40000, 80}), "denied")}},
      {"B14 a nic made anew inherits no connection", ssh,
       kHandshake + Steps{change(renew), in(c({"PA", 1001, 5001, 10}), "tcp-mid-stream"),
                          out(s({"PA", 5001, 1001, 10}), "tcp-mid-stream")}},
      {"B14b but may be reached by the same addresses and ports again", ssh,
       kHandshake + Steps{change(renew), in(c({"S", 777})), out(s({"SA", 50, 778})),
                          in(c({"A", 778, 51})), in(c({"PA", 778, 51, 10}))}},
      {"B14c nor does it inherit a UDP reply, which is a start",
       none,
       {out(outn(u(4000, 53))), in(inn(u(53, 4000))), change(renew), in(inn(u(53, 4000)), "denied"),
        out(outn(u(4000, 53))), in(inn(u(53, 4000)))}},

      {"B14d a guest made anew connects with the ports of its former life", none,
       kGuestHandshake + Steps{change(renew), out(vc({"S", 90000})), in(vs({"SA", 7000, 90001})),
                               out(vc({"A", 90001, 7001})), in(vs({"PA", 7001, 90001, 10}))}},

      {"C03 neighbour discovery always passes",
       noout,
       {in(in6("nd_ns(target=fd00::5)")), in(in6("nd_na(target=fd00::9)")),
        out(out6("nd_ns(target=fd00::9)")), out(out6("nd_na(target=fd00::5)"))}},
      {"C05 but not when it was routed",
       none,
       {in(kEthIn + "ipv6(src=fd00::9, dst=fd00::5, hlim=64)/nd_ns(target=fd00::5)",
           "bad-hop-limit")}},
      {"C06 duplicate address detection",
       noout,
       {out("eth(src=52:54:00:00:00:05, dst=33:33:ff:00:00:05)/"
            "ipv6(src=::, dst=ff02::1:ff00:5)/nd_ns(target=fd00::5)")}},
      {"C08 DHCP works with no rule at all",
       noout,
       {out("eth(src=52:54:00:00:00:05, dst=ff:ff:ff:ff:ff:ff)/"
            "ipv4(src=0.0.0.0, dst=255.255.255.255)/" +
            u(68, 67)),
        in("eth(src=52:54:00:00:00:09, dst=52:54:00:00:00:05)/"
           "ipv4(src=10.0.0.1, dst=255.255.255.255)/" +
               u(67, 68),
           kAny)}},
      {"C09 a guest that plays DHCP server",
       none,
       {out("eth(src=52:54:00:00:00:05, dst=ff:ff:ff:ff:ff:ff)/"
            "ipv4(src=10.0.0.5, dst=255.255.255.255)/" +
                u(67, 68),
            "rogue-dhcp-server"),
        out(out6(u(547, 546)), "rogue-dhcp-server")}},
      {"C10 a guest that plays router",
       none,
       {out(out6("nd_ra"), "rogue-router"), out(out6("icmp6(type=130)"), "rogue-router")}},
      {"C12 redirects towards the guest",
       none,
       {in(kEthIn + "ipv6(src=fe80::1, dst=fd00::5, hlim=255)/icmp6(type=137)", "redirect")}},

      {"D02 outbound handshake and data", none,
       kGuestHandshake + Steps{in(vs({"PA", 5001, 1001, 1000})), out(vc({"A", 1001, 6001}))}},
      {"D03 mid-stream without a connection",
       ssh,
       {in(c({"A", 1001, 5001, 10}), "tcp-mid-stream")}},
      {"D05 SYN and SYN-ACK repeated",
       ssh,
       {in(c({"S", 1000})), in(c({"S", 1000})), out(s({"SA", 5000, 1001})),
        out(s({"SA", 5000, 1001})), in(c({"A", 1001, 5001}))}},
      {"D06 simultaneous open",
       ssh,
       {out(s({"S", 5000})), in(c({"S", 1000})), out(s({"SA", 5000, 1001})),
        in(c({"SA", 1000, 5001})), in(c({"PA", 1001, 5001, 10}))}},
      {"D08 a blind RST far outside", ssh,
       kHandshake + Steps{in(c({"R", 900000000}), "tcp-bad-rst"), in(c({"PA", 1001, 5001, 10})),
                          out(s({"A", 5001, 1011}))}},
      {"D09 a RST inside the window but not exact", ssh,
       kHandshake + Steps{in(c({"R", 3001}), "tcp-bad-rst"), in(c({"PA", 1001, 5001, 10}))}},
      {"D11 a blind SYN does not kill", ssh,
       kHandshake + Steps{in(c({"S", 77000000}), kAny), in(c({"PA", 1001, 5001, 10})),
                          out(s({"PA", 5001, 1011, 10})), wait(12), in(c({"A", 1011, 5011}))}},
      {"D12 nor one inside the window", ssh,
       kHandshake + Steps{in(c({"S", 1001}), kAny), wait(12), in(c({"PA", 1001, 5001, 10}))}},
      {"D12b a SYN that is not believed keeps nothing alive",
       ssh,
       {in(c({"S", 1000})), out(s({"SA", 5000, 1001})), wait(25), in(c({"S", 7})), wait(6),
        in(c({"A", 1001, 5001}), "tcp-mid-stream")}},
      {"D14 data to the very edge of the window", ssh,
       kHandshake + Steps{in(c({"PA", 1001 + 8192 - 1000, 5001, 1000}))}},
      {"D15 window scaling",
       ssh,
       {in(c({"S", 1000, 0, 0, 40000, 22, ", wscale=7"})),
        out(s({"SA", 5000, 1001, 0, 40000, 22, ", wscale=7"})), in(c({"A", 1001, 5001})),
        out(s({"A", 5001, 1001})), in(c({"A", 1001 + 500000, 5001, 1000}))}},
      {"D17 zero-window probe", ssh,
       kHandshake +
           Steps{out(s({"A", 5001, 1001, 0, 40000, 22, ", win=0"})), in(c({"A", 1001, 5001, 1}))}},
      {"D18 keep-alive", ssh,
       kHandshake + Steps{in(c({"A", 1000, 5001})), out(s({"A", 5001, 1001}))}},
      {"D20 an acknowledgement of data never sent", ssh,
       kHandshake + Steps{in(c({"A", 1001, 5001 + 2000000}), "tcp-bad-ack")}},
      {"D21 full close", ssh,
       kHandshake + Steps{in(c({"FA", 1001, 5001})), out(s({"A", 5001, 1002})),
                          out(s({"FA", 5001, 1002})), in(c({"A", 1002, 5002}))}},
      {"D23 FIN repeated after the close", ssh,
       kHandshake + Steps{in(c({"FA", 1001, 5001})), out(s({"FA", 5001, 1002})),
                          in(c({"A", 1002, 5002})), out(s({"FA", 5001, 1002})),
                          in(c({"A", 1002, 5002}))}},
      {"D24 port reuse in TIME_WAIT", ssh,
       kHandshake + Steps{in(c({"FA", 1001, 5001})), out(s({"FA", 5001, 1002})),
                          in(c({"A", 1002, 5002})), in(c({"S", 9000000})),
                          out(s({"SA", 8000000, 9000001})), in(c({"A", 9000001, 8000001})),
                          in(c({"PA", 9000001, 8000001, 10}))}},
      {"D24b the reused port is judged by the rules of now", ssh,
       kHandshake + Steps{in(c({"R", 1001})), change(none), in(c({"S", 9000000}), "denied")}},
      {"D24c and so is a SYN in the other direction", ssh_noout,
       kHandshake + Steps{in(c({"R", 1001})), out(s({"S", 9000000}), "denied")}},
      {"D24d which becomes a connection of its own", ssh,
       kHandshake + Steps{in(c({"R", 1001})), out(s({"S", 9000000})), change(none),
                          in(c({"SA", 5, 9000001})), out(s({"A", 9000001, 6}))}},
      {"D26 port reuse straight after RST", ssh,
       kHandshake + Steps{in(c({"R", 1001})), in(c({"S", 9000000})),
                          out(s({"SA", 8000000, 9000001})), in(c({"A", 9000001, 8000001})),
                          in(c({"PA", 9000001, 8000001, 10}))}},
      {"D27 SYN+FIN", ssh, {in(c({"SF", 1000}), "tcp-illegal-flags")}},
      {"D29 null, xmas and FIN scans",
       ssh,
       {in(c({"", 1000}), "tcp-illegal-flags"), in(c({"FPU", 1000}), "tcp-illegal-flags"),
        in(c({"F", 1000, 0, 0, 40001}), "tcp-illegal-flags")}},
      {"D30 no flags inside a live connection", ssh,
       kHandshake +
           Steps{in(c({"", 1001}), "tcp-illegal-flags"), wait(12), in(c({"PA", 1001, 5001, 10}))}},
      {"D32 SYN with data",
       ssh,
       {in(c({"S", 1000, 0, 100})), out(s({"SA", 5000, 1101})), in(c({"A", 1101, 5001}))}},
      {"D33 out of order", ssh,
       kHandshake + Steps{in(c({"A", 2001, 5001, 1000})), in(c({"A", 1001, 5001, 1000})),
                          out(s({"A", 5001, 3001}))}},
      {"D35 a half-open connection expires",
       ssh,
       {in(c({"S", 1000})), wait(32), in(c({"A", 1001, 5001}), "tcp-mid-stream")}},
      {"D36 an idle connection expires", ssh,
       kHandshake + Steps{wait(86402), in(c({"PA", 1001, 5001, 10}), "tcp-mid-stream"),
                          out(s({"PA", 5001, 1001, 10}), "tcp-mid-stream")}},
      {"D36b but not before", ssh, kHandshake + Steps{wait(86399), in(c({"PA", 1001, 5001, 10}))}},
      {"D38 data offset too small",
       ssh,
       {in(c({"S", 1000, 0, 0, 40000, 22, ", dataofs=3"}), "malformed")}},
      {"D39 data offset past the packet",
       ssh,
       {in(c({"S", 1000, 0, 0, 40000, 22, ", dataofs=15"}), "malformed")}},

      {"E01 allowed inbound, the reply passes",
       udp53,
       {in(inn(u(4000, 53))), out(outn(u(53, 4000)))}},
      {"E02 an unsolicited reply", none, {in(inn(u(53, 4000)), "denied")}},
      {"E04 an unreplied flow expires",
       none,
       {out(outn(u(4000, 53))), wait(32), in(inn(u(53, 4000)), "denied")}},
      {"E05 a replied one lives longer",
       none,
       {out(outn(u(4000, 53))), in(inn(u(53, 4000))), wait(31), in(inn(u(53, 4000))), wait(179),
        in(inn(u(53, 4000))), wait(181), in(inn(u(53, 4000)), "denied")}},
      {"E07 UDP length past the packet",
       udp53,
       {in(inn("udp(sport=4000, dport=53, len=500)/payload(len=4)"), "malformed")}},
      {"E08 an empty datagram", udp53, {in(inn(u(4000, 53, 0)))}},

      {"F02 an unsolicited echo reply", none, {in(inn("icmp(type=0, id=7)"), "no-connection")}},
      {"F02b and one whose id was asked the other way round",
       ping,
       {in(inn("icmp(type=8, id=7)")), in(inn("icmp(type=0, id=7)"), "no-connection")}},
      {"F02c ping6 and its answer",
       none,
       {out(out6("icmp6(type=128, id=7)")), in(in6("icmp6(type=129, id=7)")),
        in(in6("icmp6(type=129, id=8)"), "no-connection")}},
      {"F03 port unreachable for a tracked flow",
       none,
       {out(outn(u(4000, 53))), in(error("icmp(type=3, code=3)", kVmToP + u(4000, 53), kPToVm))}},
      {"F05 fragmentation needed for tracked TCP", none,
       kGuestHandshake +
           Steps{
               in(error("icmp(type=3, code=4, mtu=1400)", kVmToP + tcp({"A", 1001}, 41000, 443))),
               in(error("icmp(type=3, code=4, mtu=1400)", kVmToP + tcp({"A", 900001}, 41000, 443)),
                  "error-unrelated")}},
      {"F06 time exceeded (traceroute)",
       none,
       {out(outn(u(33000, 33434))), in(error("icmp(type=11)", kVmToP + u(33000, 33434)))}},
      {"F08 an error neither refreshes nor kills", none,
       kGuestHandshake +
           Steps{in(error("icmp(type=3, code=1)", kVmToP + tcp({"A", 1001}, 41000, 443))),
                 in(vs({"PA", 5001, 1001, 10}))}},
      {"F08b an error does not refresh",
       none,
       {out(outn(u(4000, 53))), wait(20), in(error("icmp(type=3, code=3)", kVmToP + u(4000, 53))),
        wait(11), in(inn(u(53, 4000)), "denied")}},
      {"F09 an error about a tracked echo",
       none,
       {out(outn("icmp(type=8, id=7, seq=1)")),
        in(error("icmp(type=11)", kVmToP + "icmp(type=8, id=7, seq=1)"))}},
      {"F11 the guest's own error about an allowed inbound flow",
       ssh_noout,
       {in(c({"S", 1000})),
        out(kEthOut + kVmToP + "icmp(type=3, code=10)/" + kPToVm + tcp({"S", 1000}, 40000, 22))}},
      {"F11b but none about what never came",
       ssh_noout,
       {out(kEthOut + kVmToP + "icmp(type=3, code=10)/" + kPToVm + tcp({"S", 1000}, 40000, 22),
            "error-unrelated")}},
      {"F12 an error about an error",
       none,
       {in(error("icmp(type=3, code=3)", kVmToP + "icmp(type=3, code=3)/" + kPToVm + u(1, 2),
                 kPToVm),
           "malformed")}},
      {"F14 the quoted packet is not the guest's",
       none,
       {out(outn(u(4000, 53))),
        in(error("icmp(type=3, code=3)", "ipv4(src=10.0.0.77, dst=10.0.0.9)/" + u(4000, 53),
                 kPToVm),
           "error-unrelated")}},
      {"F14b nor one that the guest received",
       udp53,
       {in(inn(u(4000, 53))),
        in(error("icmp(type=3, code=3)", kPToVm + u(4000, 53), kPToVm), "error-unrelated")}},
      {"F14c nor sent to somebody else",
       none,
       {out(outn(u(4000, 53))), in(error("icmp(type=3, code=3)", kVmToP + u(4000, 53),
                                         "ipv4(src=192.0.2.1, dst=10.0.0.6)/"),
                                   "error-unrelated")}},
      {"F15 ICMP redirect and source quench", none,
       kGuestHandshake + Steps{in(error("icmp(type=5, code=1, gw=10.0.0.77)",
                                        kVmToP + tcp({"A", 1001}, 41000, 443)),
                                  "redirect"),
                               in(error("icmp(type=4)", kVmToP + tcp({"A", 1001}, 41000, 443)),
                                  "source-quench")}},
      {"F17 packet too big for a tracked flow",
       none,
       {out(out6(u(4000, 53))), in(kEthIn +
                                   "ipv6(src=fd00::1, dst=fd00::5)/icmp6(type=2, mtu=1280)/"
                                   "ipv6(src=fd00::5, dst=fd00::9)/" +
                                   u(4000, 53))}},
      {"F17b packet too big for tracked TCP",
       none,
       {out(out6(tcp({"S", 1000}, 4000, 443))),
        in(kEthIn +
           "ipv6(src=fd00::1, dst=fd00::5)/icmp6(type=2, mtu=1280)/"
           "ipv6(src=fd00::5, dst=fd00::9)/" +
           tcp({"S", 1000}, 4000, 443)),
        in(kEthIn +
               "ipv6(src=fd00::1, dst=fd00::5)/icmp6(type=2, mtu=1280)/"
               "ipv6(src=fd00::5, dst=fd00::9)/" +
               tcp({"S", 2000}, 4000, 443),
           "error-unrelated")}},
      {"F18 an IPv6 error about an unknown flow",
       none,
       {in(in6("icmp6(type=1, code=4)/ipv6(src=fd00::5, dst=fd00::9)/" + u(4999, 53)),
           "error-unrelated")}},
      {"F19 an error about a revoked flow", ssh,
       kHandshake + Steps{out(s({"PA", 5001, 1001, 10})), change(none),
                          in(error("icmp(type=3, code=4)", kVmToP + tcp({"A", 5001}, 22, 40000)),
                             "revoked")}},
  };
  return all;
}

struct Way {
  FirewallWorld::Peer peer;
  FirewallWorld::Burst burst;
};

class FirewallCases : public ::testing::TestWithParam<Way> {};

// With the peer on this host its own firewall may be the first to say so.
bool is_as_expected(const Step& step, const std::string& fate) {
  return step.expected == kAny || fate == step.expected;
}

TEST_P(FirewallCases, EveryConversationGoesAsWritten) {
  for (const Case& one : cases()) {
    FirewallWorld world(GetParam().peer, GetParam().burst);
    one.policy(world);
    for (size_t i = 0; i < one.steps.size(); ++i) {
      const Step& step = one.steps[i];
      if (step.what == Step::Do::wait) world.wait(step.ms);
      if (step.what == Step::Do::change) step.change(world);
      if (step.packet.empty()) continue;
      const std::string fate =
          step.what == Step::Do::in ? world.in(step.packet) : world.out(step.packet);
      EXPECT_TRUE(is_as_expected(step, fate))
          << one.name << ", step " << i << ": " << fate << " (wanted " << step.expected << ")\n"
          << step.packet;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Ways, FirewallCases,
    ::testing::Values(Way{FirewallWorld::Peer::remote, FirewallWorld::Burst::alone},
                      Way{FirewallWorld::Peer::remote, FirewallWorld::Burst::crowded},
                      Way{FirewallWorld::Peer::local, FirewallWorld::Burst::alone},
                      Way{FirewallWorld::Peer::local, FirewallWorld::Burst::crowded}),
    [](const auto& way) {
      return std::string(way.param.peer == FirewallWorld::Peer::local ? "Local" : "Remote") +
             (way.param.burst == FirewallWorld::Burst::alone ? "Alone" : "Crowded");
    });

}  // namespace
}  // namespace butterfly::test
