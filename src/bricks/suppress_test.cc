// SPDX-License-Identifier: Apache-2.0
#include "bricks/suppress.h"

#include <gtest/gtest.h>

#include "bricks/packet_for_test.h"
#include "support/packet_text.h"

namespace butterfly {
namespace {

constexpr uint16_t kSlot = 5;
constexpr PortId kAsker{1};

// 10.0.0.2 and fd00::2 are known to be at 52:54:00:00:00:02.
class SuppressTest : public ::testing::Test {
 protected:
  SuppressTest() { set_segment({}); }
  void set_segment(std::vector<Mac> gateways, bool is_on = true) {
    Segment segment;
    segment.vni = Vni{7};
    segment.index = kSlot;
    segment.gateways = std::move(gateways);
    const Mac owner = Mac::from_u64(0x525400000002);
    Segment::Hosts hosts{{*IpAddress::parse("10.0.0.2"), owner},
                         {*IpAddress::parse("fd00::2"), owner},
                         {*IpAddress::parse("fe80::2"), owner}};
    std::sort(hosts.begin(), hosts.end());
    if (is_on) segment.hosts = std::make_shared<const Segment::Hosts>(std::move(hosts));
    segments_.set(std::make_shared<const Segment>(std::move(segment)));
  }
  // The answer as layers, or the name of the out.
  std::string out_of(const std::string& text, PortId port = kAsker) {
    test::OwnedPacket packet(text);
    packet->in_port = port;
    packet->segment = kSlot;
    EXPECT_EQ(packet.parse(), wire::ParseError::none);
    Suppress::Trace trace;
    const auto out = suppress_(*packet, &trace);
    note_ = Suppress::format(trace);
    if (out != Suppress::Out::answered) return Suppress::kOuts[static_cast<size_t>(out)].name;
    EXPECT_EQ(packet->out_port, port);
    return test::contents(*packet) == test::bytes_of(expected_) ? "answered" : "answered wrong";
  }
  static std::string arp(const std::string& fields) {
    return "eth(src=52:54:00:00:00:01, dst=ff:ff:ff:ff:ff:ff)/arp(" + fields + ")";
  }
  static std::string nd(const std::string& source, const std::string& target) {
    return "eth(src=52:54:00:00:00:01, dst=33:33:ff:00:00:02)/ipv6(src=" + source +
           ", dst=ff02::1:ff00:2, hlim=255)/nd_ns(target=" + target + ")";
  }

  SegmentTable segments_;
  Suppress suppress_{segments_};
  std::string note_;
  std::string expected_;
};

TEST_F(SuppressTest, AnArpRequestForAKnownAddressIsAnswered) {
  expected_ =
      "eth(src=52:54:00:00:00:02, dst=52:54:00:00:00:01)/arp(op=reply, "
      "sender_mac=52:54:00:00:00:02, sender_ip=10.0.0.2, target_mac=52:54:00:00:00:01, "
      "target_ip=10.0.0.1)";
  EXPECT_EQ(out_of(arp("op=request, sender_ip=10.0.0.1, target_ip=10.0.0.2")), "answered");
  EXPECT_EQ(note_, "asks for 10.0.0.2");
  EXPECT_EQ(out_of(arp("op=request, sender_ip=10.0.0.1, target_ip=10.0.0.3")), "flood");
}

TEST_F(SuppressTest, ANeighbourSolicitationForAKnownAddressIsAnswered) {
  expected_ =
      "eth(src=52:54:00:00:00:02, dst=52:54:00:00:00:01)/ipv6(src=fd00::2, dst=fd00::1, hlim=255)/"
      "nd_na(target=fd00::2, solicited=1, override=1, lladdr=52:54:00:00:00:02)";
  EXPECT_EQ(out_of(nd("fd00::1", "fd00::2")), "answered");
  EXPECT_EQ(note_, "asks for fd00::2");
  EXPECT_EQ(out_of(nd("fd00::1", "fd00::3")), "flood");
  EXPECT_EQ(out_of(nd("fd00::1", "fe80::2")), "flood") << "it may be a router's";
}

TEST_F(SuppressTest, WhoTakesAnAddressIsAnsweredByItsOwnerOnly) {
  EXPECT_EQ(out_of(arp("op=request, sender_ip=0.0.0.0, target_ip=10.0.0.2")), "flood");
  EXPECT_EQ(out_of(arp("op=request, sender_ip=10.0.0.2, target_ip=10.0.0.2")), "flood");
  EXPECT_EQ(out_of(nd("::", "fd00::2")), "flood");
  EXPECT_EQ(out_of(nd("fd00::2", "fd00::2")), "flood");
}

TEST_F(SuppressTest, WhatIsNoQuestionOrNotAGuestsGoesOn) {
  EXPECT_EQ(out_of(arp("op=reply, sender_ip=10.0.0.1, target_ip=10.0.0.2")), "flood");
  EXPECT_EQ(out_of("eth(dst=ff:ff:ff:ff:ff:ff)/ipv4(dst=10.0.0.2)/udp"), "flood");
  EXPECT_EQ(out_of(arp("op=request, sender_ip=10.0.0.1, target_ip=10.0.0.2"), kUplinkPort),
            "flood");
  EXPECT_EQ(out_of("eth(src=52:54:00:00:00:02, dst=ff:ff:ff:ff:ff:ff)/arp(op=request, "
                   "sender_ip=10.0.0.9, target_ip=10.0.0.2)"),
            "flood")
      << "its owner asks";
  set_segment({}, /*is_on=*/false);
  EXPECT_EQ(out_of(arp("op=request, sender_ip=10.0.0.1, target_ip=10.0.0.2")), "flood");
  EXPECT_EQ(note_, "");
}

TEST_F(SuppressTest, InAPrivateSegmentOnlyAGatewayIsKnownToGuests) {
  set_segment({Mac::from_u64(0x52540000000f)});
  EXPECT_EQ(out_of(arp("op=request, sender_ip=10.0.0.1, target_ip=10.0.0.2")), "flood");
}

}  // namespace
}  // namespace butterfly
