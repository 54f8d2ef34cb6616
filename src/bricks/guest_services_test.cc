// SPDX-License-Identifier: Apache-2.0
#include "bricks/guest_services.h"

#include <gtest/gtest.h>

#include "bricks/guest_services_test_support.h"

namespace butterfly {
namespace {

using Out = GuestServices::Out;
using test::normal;
using test::OwnedPacket;
using test::text_of;

const std::string kShout =
    "eth(dst=ff:ff:ff:ff:ff:ff)/ipv4(src=0.0.0.0, dst=255.255.255.255)/udp(sport=68, dport=67)/";
const std::string kUnicast = "eth/ipv4(src=10.0.0.5, dst=10.0.0.1)/udp(sport=68, dport=67)/";
const std::string kOptions = "mask=255.255.255.0, router=10.0.0.9)";

class GuestServicesTest : public test::GuestServicesFixture {
 protected:
  GuestServicesTest() {
    auto service = std::make_shared<GuestService>();
    service->dhcp.emplace();
    service->dhcp->address = Ipv4{{10, 0, 0, 5}};
    service->dhcp->server = Ipv4{{10, 0, 0, 1}};
    service->dhcp->lease_s = 80;
    service->dhcp->options = {1, 4, 255, 255, 255, 0, 3, 4, 10, 0, 0, 9};
    service_ = service;
    set(service);
  }

  std::shared_ptr<const GuestService> service_;
};

std::string reply(const std::string& to_mac, const std::string& to, const std::string& dhcp) {
  return normal("eth(src=02:62:66:6c:79:01, dst=" + to_mac + ")/ipv4(src=10.0.0.1, dst=" + to +
                ", df=1)/udp(sport=67, dport=68)/dhcp(" + dhcp);
}
const std::string kMac = "52:54:00:00:00:01";
const std::string kAll = "ff:ff:ff:ff:ff:ff";
const std::string kTimes = "server=10.0.0.1, lease=80, renewal=40, rebinding=70, ";

TEST_F(GuestServicesTest, AClientIsOfferedTheAddressOfItsNic) {
  EXPECT_EQ(answer_to(kShout + "dhcp(type=discover, requested=10.0.0.77)", Out::dhcp_offer),
            reply(kMac, "10.0.0.5", "type=offer, yiaddr=10.0.0.5, " + kTimes + kOptions));
}

TEST_F(GuestServicesTest, WhoAsksForABroadcastGetsOne) {
  EXPECT_EQ(answer_to(kShout + "dhcp(type=discover, flags=0x8000)", Out::dhcp_offer),
            reply(kAll, "255.255.255.255",
                  "type=offer, flags=0x8000, yiaddr=10.0.0.5, " + kTimes + kOptions));
}

// RFC 2131 §4.3.2, table 4: how each state says what it wants.
TEST_F(GuestServicesTest, ARequestIsAcknowledgedInEveryStateOfTheClient) {
  const std::string ack = "type=ack, yiaddr=10.0.0.5, " + kTimes + kOptions;
  const std::string renewed = "type=ack, ciaddr=10.0.0.5, yiaddr=10.0.0.5, " + kTimes + kOptions;
  EXPECT_EQ(
      answer_to(kShout + "dhcp(type=request, server=10.0.0.1, requested=10.0.0.5)", Out::dhcp_ack),
      reply(kMac, "10.0.0.5", ack));
  EXPECT_EQ(answer_to(kShout + "dhcp(type=request, requested=10.0.0.5)", Out::dhcp_ack),
            reply(kMac, "10.0.0.5", ack));
  EXPECT_EQ(answer_to(kUnicast + "dhcp(type=request, ciaddr=10.0.0.5)", Out::dhcp_ack),
            reply(kMac, "10.0.0.5", renewed));
  // Renewing, it has an address: no broadcast, whatever its flags.
  EXPECT_EQ(answer_to("eth(dst=ff:ff:ff:ff:ff:ff)/ipv4(src=10.0.0.5, dst=255.255.255.255)/"
                      "udp(sport=68, dport=67)/dhcp(type=request, ciaddr=10.0.0.5)",
                      Out::dhcp_ack),
            reply(kMac, "10.0.0.5", renewed));
}

TEST_F(GuestServicesTest, AnAddressThatIsNotTheNicsIsRefusedToEveryone) {
  const std::string nak = reply(kAll, "255.255.255.255", "type=nak, server=10.0.0.1)");
  EXPECT_EQ(
      answer_to(kShout + "dhcp(type=request, server=10.0.0.1, requested=10.0.0.6)", Out::dhcp_nak),
      nak);
  EXPECT_EQ(answer_to(kShout + "dhcp(type=request, requested=10.0.0.6)", Out::dhcp_nak), nak);
  // Renewed from an address that the nic has no more: antispoof would never let it ask.
  EXPECT_EQ(answer_to("eth/ipv4(src=10.0.0.6, dst=10.0.0.1)/udp(sport=68, dport=67)/"
                      "dhcp(type=request, ciaddr=10.0.0.6)",
                      Out::dhcp_nak),
            nak);
}

TEST_F(GuestServicesTest, WhoHasAnAddressGetsTheRestWithoutALease) {
  EXPECT_EQ(answer_to(kUnicast + "dhcp(type=inform, ciaddr=10.0.0.5)", Out::dhcp_ack),
            reply(kMac, "10.0.0.5", "type=ack, ciaddr=10.0.0.5, server=10.0.0.1, " + kOptions));
}

TEST_F(GuestServicesTest, WhatNeedsNoAnswerIsCountedByName) {
  EXPECT_EQ(fate(kUnicast + "dhcp(type=release, ciaddr=10.0.0.5, server=10.0.0.1)"),
            Out::dhcp_release);
  EXPECT_EQ(fate(kShout + "dhcp(type=decline, requested=10.0.0.5)"), Out::dhcp_decline);
  EXPECT_EQ(fate(kShout + "dhcp(type=request, server=10.0.0.2, requested=10.0.0.9)"),
            Out::dhcp_other_server);
}

TEST_F(GuestServicesTest, WhatBreaksItsRfcIsDropped) {
  for (const char* message :
       {"dhcp(type=0)", "dhcp(type=9)", "dhcp(type=offer, op=1)", "dhcp(type=discover, op=2)",
        "dhcp", "dhcp(type=request)", "dhcp(type=inform)", "dhcp(type=discover, cookie=1)",
        "dhcp(type=discover, opts=3209)", "payload(len=100)", "payload(len=0)"}) {
    EXPECT_EQ(fate(kShout + message), Out::dhcp_malformed) << message;
  }
}

TEST_F(GuestServicesTest, AChecksumMayBeLeftOutOrToTheDeviceButNotBeWrong) {
  const std::string to = "eth(dst=ff:ff:ff:ff:ff:ff)/ipv4(src=0.0.0.0, dst=255.255.255.255)/";
  const auto with = [&](const std::string& sum) {
    return to + "udp(sport=68, dport=67, checksum=" + sum + ")/dhcp(type=discover)";
  };
  EXPECT_EQ(fate(with("0")), Out::dhcp_offer);
  EXPECT_EQ(fate(with("0x1234")), Out::dhcp_malformed);
  const OwnedPacket packet = make(with("0x1234"));
  packet->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
  EXPECT_EQ(brick_(*packet, nullptr), Out::dhcp_offer);
  EXPECT_FALSE(packet->requests_offload());
}

TEST_F(GuestServicesTest, WhoIsNotTheNicItselfGoesOn) {
  expect_passed_on(kShout + "dhcp(type=discover, chaddr=52:54:00:00:00:02)");
  expect_passed_on(kShout + "dhcp(type=discover, giaddr=10.0.0.5)");
  expect_passed_on(
      "eth(src=52:54:00:00:00:02, dst=ff:ff:ff:ff:ff:ff)/"
      "ipv4(src=0.0.0.0, dst=255.255.255.255)/udp(sport=68, dport=67)/"
      "dhcp(type=discover)");
  expect_passed_on(
      "eth/ipv4(src=10.0.0.5, dst=10.0.0.2)/udp(sport=68, dport=67)/"
      "dhcp(type=request, ciaddr=10.0.0.5)");
  expect_passed_on("eth/ipv4(dst=255.255.255.255)/udp(sport=67, dport=68)/dhcp(type=ack)");
  expect_passed_on("eth/ipv4(dst=255.255.255.255)/tcp(sport=68, dport=67)");
  expect_passed_on("eth/ipv6/udp(sport=68, dport=67)");
}

TEST_F(GuestServicesTest, ANicWithoutSubnetIsLeftAlone) {
  set(nullptr);
  expect_passed_on(kShout + "dhcp(type=discover)");
  const OwnedPacket packet = make(kShout + "dhcp(type=discover)");
  packet->in_port = PortId{8};  // no nic at all
  EXPECT_EQ(brick_(*packet, nullptr), Out::on);
}

TEST_F(GuestServicesTest, ArpForTheServerIsAnsweredUnlessItIsTheGateway) {
  const std::string ask = "eth(dst=ff:ff:ff:ff:ff:ff)/arp(sender_ip=10.0.0.5, target_ip=10.0.0.1)";
  EXPECT_EQ(answer_to(ask, Out::arp),
            normal("eth(src=02:62:66:6c:79:01, dst=52:54:00:00:00:01)/"
                   "arp(op=reply, sender_mac=02:62:66:6c:79:01, sender_ip=10.0.0.1, "
                   "target_mac=52:54:00:00:00:01, target_ip=10.0.0.5)"));
  expect_passed_on("eth/arp(sender_ip=10.0.0.5, target_ip=10.0.0.2)");
  expect_passed_on("eth/arp(op=reply, sender_ip=10.0.0.5, target_ip=10.0.0.1)");
  expect_passed_on("eth/arp(sender_mac=52:54:00:00:00:09, target_ip=10.0.0.1)");
  auto service = std::make_shared<GuestService>(*service_);
  service->dhcp->has_gateway_server = true;
  set(service);
  expect_passed_on(ask);
}

TEST_F(GuestServicesTest, AMessageInSeveralSegmentsIsNoReasonToReadBeyondTheFirst) {
  const OwnedPacket packet = make(kShout + "dhcp(type=discover)");
  test::split(*packet, 100);
  EXPECT_EQ(brick_(*packet, nullptr), Out::dhcp_malformed);
}

TEST_F(GuestServicesTest, ItsTraceSaysWhatWasAskedAndWhatTheNicHas) {
  GuestServices::Trace trace{};
  brick_(*make(kShout + "dhcp(type=discover)"), &trace);
  EXPECT_EQ(GuestServices::format(trace), "DHCP discover, the nic has 10.0.0.5");
  EXPECT_EQ(GuestServices::format({}), "");
}

}  // namespace
}  // namespace butterfly
