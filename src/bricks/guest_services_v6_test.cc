// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "bricks/guest_services_test_support.h"

namespace butterfly {
namespace {

using Out = GuestServices::Out;
using test::normal;
using test::OwnedPacket;
using test::text_of;

const std::string kGuest = "fe80::5054:ff:fe00:1";
const std::string kServerAddress = "fe80::62:66ff:fe6c:7901";
const std::string kAsk =
    "eth(dst=33:33:00:01:00:02)/ipv6(src=" + kGuest + ", dst=ff02::1:2)/udp(sport=546, dport=547)/";
const std::string kClient = "client=00030001525400000001";
const std::string kServer = "server=000300010262666c7901";
const std::string kTold = ", dns=fd00::53";

// The guest's nic has fd00::5 for 80 seconds, and is told of a name server.
class GuestServicesV6Test : public test::GuestServicesFixture {
 protected:
  GuestServicesV6Test() {
    GuestService service;
    service.router.emplace();
    service.router->source = IpAddress::parse("fe80::1")->v6();
    service.router->message = {134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0};
    service.dhcp6.emplace();
    service.dhcp6->address = IpAddress::parse("fd00::5")->v6();
    service.dhcp6->lease_s = 80;
    const std::array dns{IpAddress::parse("fd00::53")->v6()};
    service.dhcp6->options = wire::dhcp6_dns_options(dns, {});
    set(service);
  }
  void set(const GuestService& service) {
    service_ = service;
    GuestServicesFixture::set(std::make_shared<const GuestService>(service));
  }

  GuestService service_;
};

std::string dhcp6(const std::string& fields) {
  return normal("eth(src=02:62:66:6c:79:01, dst=52:54:00:00:00:01)/ipv6(src=" + kServerAddress +
                ", dst=" + kGuest + ", hlim=255)/udp(sport=547, dport=546)/dhcp6(" + fields + ")");
}
const std::string kLease = "ia=7, renew=40, rebind=64, address=fd00::5, preferred=80, valid=80";
std::string both(const std::string& type) {
  return "type=" + type + ", " + kClient + ", " + kServer + ", ";
}
std::string only_client(const std::string& type) { return "type=" + type + ", " + kClient + ", "; }

TEST_F(GuestServicesV6Test, AClientFindsUsAndGetsTheAddressOfItsNic) {
  EXPECT_EQ(answer_to(kAsk + "dhcp6(" + only_client("solicit") + "ia=7)", Out::dhcp6_advertise),
            dhcp6(both("advertise") + kLease + kTold));
  EXPECT_EQ(
      answer_to(kAsk + "dhcp6(" + both("request") + "ia=7, address=fd00::5)", Out::dhcp6_reply),
      dhcp6(both("reply") + kLease + kTold));
}

TEST_F(GuestServicesV6Test, InAHurryItGetsItAtOnce) {
  EXPECT_EQ(
      answer_to(kAsk + "dhcp6(" + only_client("solicit") + "rapid=1, ia=7)", Out::dhcp6_reply),
      dhcp6(both("reply") + "rapid=1, " + kLease + kTold));
}

TEST_F(GuestServicesV6Test, ItRenewsWhatItHasAndLetsGoOfWhatIsNotItsOwn) {
  EXPECT_EQ(answer_to(kAsk + "dhcp6(" + both("renew") + "ia=7, address=fd00::5)", Out::dhcp6_reply),
            dhcp6(both("reply") + kLease + kTold));
  EXPECT_EQ(answer_to(kAsk + "dhcp6(" + only_client("rebind") + "ia=7, address=fd00::5+fd00::6)",
                      Out::dhcp6_reply),
            dhcp6(both("reply") + kLease + ", gone=fd00::6" + kTold));
}

TEST_F(GuestServicesV6Test, ItsAddressIsConfirmedAndNoOther) {
  const auto confirm = [](const std::string& address) {
    return kAsk + "dhcp6(" + only_client("confirm") + "ia=7, address=" + address + ")";
  };
  EXPECT_EQ(answer_to(confirm("fd00::5"), Out::dhcp6_reply),
            dhcp6(both("reply") + "status=0" + kTold));
  EXPECT_EQ(answer_to(confirm("fd00::5+fd00::6"), Out::dhcp6_reply),
            dhcp6(both("reply") + "status=4" + kTold));
}

TEST_F(GuestServicesV6Test, WhatItGivesBackStaysItsNics) {
  for (const char* type : {"release", "decline"}) {
    EXPECT_EQ(answer_to(kAsk + "dhcp6(" + both(type) + "ia=7, address=fd00::5)", Out::dhcp6_reply),
              dhcp6(both("reply") + "status=0" + kTold));
  }
}

TEST_F(GuestServicesV6Test, WhoHasAnAddressGetsTheRest) {
  EXPECT_EQ(answer_to(kAsk + "dhcp6(type=information)", Out::dhcp6_reply),
            dhcp6("type=reply, " + kServer + kTold));
  EXPECT_EQ(answer_to(kAsk + "dhcp6(" +
                          both("information").substr(0, both("information").size() - 2) + ")",
                      Out::dhcp6_reply),
            dhcp6(both("reply") + "dns=fd00::53"));
}

// A second association, a prefix: IA_NA, IA_PD with an id of 8.
TEST_F(GuestServicesV6Test, ThereIsOneAddressAndNoPrefix) {
  const std::string dns = "00170010fd000000000000000000000000000053";
  const std::string second = "opts=0003000c000000080000000000000000";
  EXPECT_EQ(answer_to(kAsk + "dhcp6(" + only_client("solicit") + "ia=7, " + second + ")",
                      Out::dhcp6_advertise),
            dhcp6(both("advertise") + kLease +
                  ", opts=00030012000000080000000000000000000d00020002" + dns));
  const std::string prefix = "opts=0019000c000000080000000000000000";
  EXPECT_EQ(answer_to(kAsk + "dhcp6(" + only_client("solicit") + "ia=7, " + prefix + ")",
                      Out::dhcp6_advertise),
            dhcp6(both("advertise") + kLease +
                  ", opts=00190012000000080000000000000000000d00020006" + dns));
}

TEST_F(GuestServicesV6Test, WhereGuestsMakeTheirOwnThereIsNoAddress) {
  GuestService service = service_;
  service.dhcp6->address.reset();
  set(service);
  EXPECT_EQ(answer_to(kAsk + "dhcp6(" + only_client("solicit") + "ia=7)", Out::dhcp6_advertise),
            dhcp6(both("advertise") + "ia=7, ia_status=2" + kTold));
  EXPECT_EQ(answer_to(kAsk + "dhcp6(" + both("renew") + "ia=7, address=fd00::5)", Out::dhcp6_reply),
            dhcp6(both("reply") + "ia=7, ia_status=3" + kTold));
}

TEST_F(GuestServicesV6Test, AnotherServersChoiceIsNotOurs) {
  EXPECT_EQ(fate(kAsk + "dhcp6(type=request, " + kClient + ", server=00030001020000000009, ia=7)"),
            Out::dhcp6_other_server);
}

// RFC 8415 §16.
TEST_F(GuestServicesV6Test, WhatBreaksItsRfcIsDropped) {
  for (const std::string& message :
       {only_client("request") + "ia=7", only_client("renew") + "ia=7", both("solicit") + "ia=7",
        std::string("type=solicit, ia=7"), both("rebind") + "ia=7", both("confirm") + "ia=7",
        only_client("confirm") + "ia=7", both("information") + "ia=7", both("advertise") + "ia=7",
        both("reply") + "ia=7", std::string("type=0"), std::string("type=255"),
        only_client("solicit") + "opts=0001", only_client("solicit") + "opts=00030001ff"}) {
    EXPECT_EQ(fate(kAsk + "dhcp6(" + message + ")"), Out::dhcp6_malformed) << message;
  }
  EXPECT_EQ(fate(kAsk + "payload(len=3)"), Out::dhcp6_malformed);
  EXPECT_EQ(fate("eth/ipv6(src=fd00::5, dst=ff02::1:2)/udp(sport=546, dport=547)/dhcp6(" +
                 only_client("solicit") + "ia=7)"),
            Out::dhcp6_malformed)
      << "not from a link-local address";
  const std::string head = "eth/ipv6(src=" + kGuest + ", dst=ff02::1:2)/";
  for (const char* checksum : {"0", "0x1234"}) {
    EXPECT_EQ(fate(head + "udp(sport=546, dport=547, checksum=" + checksum + ")/dhcp6(" +
                   only_client("solicit") + "ia=7)"),
              Out::dhcp6_malformed)
        << checksum;
  }
}

TEST_F(GuestServicesV6Test, ALeftOutChecksumIsNoFault) {
  const OwnedPacket packet = make("eth/ipv6(src=" + kGuest +
                                  ", dst=ff02::1:2)/udp(sport=546, dport=547, checksum=0x1234)/"
                                  "dhcp6(" +
                                  only_client("solicit") + "ia=7)");
  packet->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
  EXPECT_EQ(brick_(*packet, nullptr), Out::dhcp6_advertise);
  EXPECT_FALSE(packet->requests_offload());
}

TEST_F(GuestServicesV6Test, WhatIsNotForUsGoesOn) {
  const std::string solicit = "dhcp6(" + only_client("solicit") + "ia=7)";
  expect_passed_on("eth/ipv6(src=" + kGuest + ", dst=fd00::9)/udp(sport=546, dport=547)/" +
                   solicit);
  expect_passed_on("eth(src=52:54:00:00:00:09)/ipv6(src=" + kGuest +
                   ", dst=ff02::1:2)/udp(sport=546, dport=547)/" + solicit);
  expect_passed_on("eth(src=52:54:00:00:00:09)/ipv6(src=" + kGuest + ", dst=ff02::2)/nd_rs");
  expect_passed_on(kAsk + "dhcp6(type=12, opts=0102)");
  expect_passed_on("eth/ipv6(src=" + kGuest + ", dst=ff02::1:2)/udp(sport=546, dport=53)/" +
                   solicit);
  expect_passed_on("eth/ipv4/udp(sport=68, dport=67)/dhcp(type=discover)");
  expect_passed_on("eth/ipv6/nd_ns");
}

TEST_F(GuestServicesV6Test, ARouterSolicitationIsAnsweredWithWhatTheSubnetSays) {
  const std::string rs = "/nd_rs(lladdr=52:54:00:00:00:01)";
  EXPECT_EQ(answer_to("eth(dst=33:33:00:00:00:02)/ipv6(src=" + kGuest + ", dst=ff02::2)" + rs,
                      Out::router),
            normal("eth(src=02:62:66:6c:79:01, dst=52:54:00:00:00:01)/ipv6(src=fe80::1, dst=" +
                   kGuest + ")/nd_ra"));
  EXPECT_EQ(answer_to("eth(dst=33:33:00:00:00:02)/ipv6(src=::, dst=ff02::2)/nd_rs", Out::router),
            normal("eth(src=02:62:66:6c:79:01, dst=33:33:00:00:00:01)/ipv6(src=fe80::1, "
                   "dst=ff02::1)/nd_ra"));
}

// RFC 4861 §6.1.1; that the hop limit is 255, parse has seen.
TEST_F(GuestServicesV6Test, AMalformedRouterSolicitationIsDropped) {
  const std::string head = "eth/ipv6(src=" + kGuest + ", dst=ff02::2)/";
  for (const std::string& text :
       {head + "nd_rs(code=1)", head + "nd_rs(checksum=1)", head + "nd_rs(opts=0100525400000001)",
        head + "nd_rs(opts=0102525400000001)",
        std::string("eth/ipv6(src=::, dst=ff02::2)/nd_rs(lladdr=52:54:00:00:00:01)")}) {
    EXPECT_EQ(fate(text), Out::solicitation_malformed) << text;
  }
}

TEST_F(GuestServicesV6Test, ANicWithoutASubnetOfIpv6IsLeftAlone) {
  set(GuestService{});
  expect_passed_on("eth/ipv6(src=" + kGuest + ", dst=ff02::2)/nd_rs");
  expect_passed_on(kAsk + "dhcp6(" + only_client("solicit") + "ia=7)");
}

TEST_F(GuestServicesV6Test, ItsTraceSaysWhatWasAskedAndWhatTheNicHas) {
  GuestServices::Trace trace{};
  brick_(*make(kAsk + "dhcp6(" + only_client("solicit") + "ia=7)"), &trace);
  EXPECT_EQ(GuestServices::format(trace), "DHCPv6 solicit, the nic has fd00::5");
}

}  // namespace
}  // namespace butterfly
