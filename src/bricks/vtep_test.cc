// SPDX-License-Identifier: Apache-2.0
#include "bricks/vtep.h"

#include "graph/packet_checksum.h"
#include "support/underlay.h"

namespace butterfly {
namespace {

using Out = VtepIn::Out;
using test::make_parsed;
using test::OwnedPacket;
using test::Underlay;

constexpr const char* kInner = "vxlan(vni=42)/eth/ipv4/udp/payload(len=20)";

class VtepTest : public ::testing::TestWithParam<bool> {
 protected:
  Out decide(const OwnedPacket& packet) { return brick_(*packet, nullptr); }
  Out decide(const std::string& text) { return decide(make_parsed(text)); }
  std::string vxlan(const std::string& udp = "udp(sport=50000)/") {
    return u_.eth(2, 1) + u_.ip(2, 1) + udp + kInner;
  }

  Underlay u_{GetParam()};
  VtepIn brick_{u_.vtep, u_.peers};
};
INSTANTIATE_TEST_SUITE_P(Families, VtepTest, ::testing::Bool(), test::family_name);

TEST_P(VtepTest, VxlanFromAPeerPassesAndNamesThePeer) {
  const OwnedPacket packet = make_parsed(vxlan());
  EXPECT_EQ(decide(packet), Out::vxlan);
  EXPECT_EQ(packet->source_peer, test::kNearPeer);
}

TEST_P(VtepTest, APeerBehindTheGatewayIsKnownByItsAddressNotItsMac) {
  const OwnedPacket packet = make_parsed(u_.eth(254, 1) + u_.ip(3, 1) + "udp/" + kInner);
  EXPECT_EQ(decide(packet), Out::vxlan);
  EXPECT_EQ(packet->source_peer, test::kFarPeer);
}

TEST_P(VtepTest, ATraceTellsTheOuterAddresses) {
  const OwnedPacket packet = make_parsed(vxlan());
  VtepIn::Trace trace{};
  brick_(*packet, &trace);
  EXPECT_EQ(VtepIn::format(trace), u_.name(2) + " to " + u_.name(1));
}

TEST_P(VtepTest, AnUnknownSourceIsRefusedAndNamesNoPeer) {
  const OwnedPacket packet = make_parsed(u_.eth(9, 1) + u_.ip(9, 1) + "udp/" + kInner);
  packet->source_peer = test::kNearPeer;  // left over from an earlier life of the buffer
  EXPECT_EQ(decide(packet), Out::unknown_peer);
  EXPECT_EQ(packet->source_peer, kNoPeer);
}

TEST_P(VtepTest, ManyPeersAndStrangersAreToldApartHoweverOftenTheySpeak) {
  // Hosts 10 to 239 speak in turn; the even ones are peers.
  for (int host = 10; host < 240; host += 2) {
    const auto id = static_cast<uint16_t>(host);
    u_.peers.set(std::make_shared<Peer>(u_.vtep, PeerId{id}, u_.host(host), u_.host(host), id));
  }
  for (int round = 0; round < 2; ++round) {
    for (int host = 10; host < 240; ++host) {
      const OwnedPacket packet = make_parsed(u_.eth(host, 1) + u_.ip(host, 1) + "udp/" + kInner);
      ASSERT_EQ(decide(packet), host % 2 == 0 ? Out::vxlan : Out::unknown_peer) << host;
      ASSERT_EQ(packet->source_peer.value, host % 2 == 0 ? host : kNoPeer.value) << host;
    }
  }
}

TEST_P(VtepTest, AnotherStationsMacIsNotOurs) {
  EXPECT_EQ(decide(u_.eth(2, 9) + u_.ip(2, 1) + "udp/" + kInner), Out::not_our_mac);
}

TEST_P(VtepTest, AnotherHostsAddressIsNotOurs) {
  EXPECT_EQ(decide(u_.eth(2, 1) + u_.ip(2, 9) + "udp/" + kInner), Out::not_our_address);
}

TEST_P(VtepTest, ARightUdpChecksumIsAccepted) {
  const OwnedPacket packet = make_parsed(vxlan());
  auto* udp = packet->at<wire::UdpHeader>(packet->parsed.l4);
  udp->checksum = transport_checksum(*packet, u_.host(2), u_.host(1), wire::kProtoUdp,
                                     packet->parsed.l4, udp->length);
  EXPECT_EQ(decide(packet), Out::vxlan);
}

TEST_P(VtepTest, AWrongUdpChecksumIsRefused) {
  EXPECT_EQ(decide(vxlan("udp(sport=50000, checksum=0x1234)/")), Out::bad_udp_checksum);
}

TEST_P(VtepTest, AUdpChecksumThatThePortVouchesForIsNotSummedAgain) {
  const OwnedPacket packet = make_parsed(vxlan("udp(sport=50000, checksum=0x1234)/"));
  packet->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
  EXPECT_EQ(decide(packet), Out::vxlan);
}

TEST_P(VtepTest, TheUdpChecksumIsSummedOverAllSegments) {
  const OwnedPacket right = make_parsed(vxlan());
  auto* udp = right->at<wire::UdpHeader>(right->parsed.l4);
  udp->checksum = transport_checksum(*right, u_.host(2), u_.host(1), wire::kProtoUdp,
                                     right->parsed.l4, udp->length);
  test::split(*right, static_cast<uint16_t>(right->data_len - 17));
  EXPECT_EQ(decide(right), Out::vxlan);
  rte_pktmbuf_mtod(right->next, uint8_t*)[3] ^= 1;
  EXPECT_EQ(decide(right), Out::bad_udp_checksum);
}

TEST_P(VtepTest, AnotherUdpPortIsNotVxlan) {
  EXPECT_EQ(decide(u_.eth(2, 1) + u_.ip(2, 1) + "udp(dport=53)/payload(len=10)"), Out::not_vxlan);
  EXPECT_EQ(decide(u_.eth(2, 1) + u_.ip(2, 1) + "tcp(dport=4789)"), Out::not_vxlan);
}

TEST_P(VtepTest, OurUdpPortIsTheConfiguredOne) {
  u_.vtep.udp_port = 8472;
  VtepIn brick(u_.vtep, u_.peers);
  const OwnedPacket usual = make_parsed(vxlan());
  const OwnedPacket other = make_parsed(vxlan("udp(dport=8472)/"));
  EXPECT_EQ(brick(*usual, nullptr), Out::not_vxlan);
  EXPECT_EQ(brick(*other, nullptr), Out::vxlan);
}

TEST_P(VtepTest, PingIsOurOwn) {
  const std::string echo = u_.is_v4() ? "icmp(id=1, seq=2)" : "icmp6(id=1, seq=2)";
  EXPECT_EQ(decide(u_.eth(9, 1) + u_.ip(9, 1) + echo), Out::own);
}

TEST_P(VtepTest, AReplyToAPingThatWeNeverSentIsNotVxlan) {
  const std::string reply = u_.is_v4() ? "icmp(type=0)" : "icmp6(type=129)";
  EXPECT_EQ(decide(u_.eth(9, 1) + u_.ip(9, 1) + reply), Out::not_vxlan);
}

TEST_P(VtepTest, AnErrorAboutOurTunnelPacketsIsNamed) {
  const std::string error =
      u_.is_v4() ? "icmp(type=3, code=4, mtu=1400)/" : "icmp6(type=2, mtu=1400)/";
  EXPECT_EQ(decide(u_.eth(254, 1) + u_.ip(254, 1) + error + u_.ip(1, 2) + "udp(dport=4789)"),
            Out::icmp_error);
}

TEST_P(VtepTest, FramesOfOtherProtocolsAreNeitherForUsNorForOurGroups) {
  EXPECT_EQ(decide("eth(src=02:00:00:00:00:02, dst=02:00:00:00:00:01)/payload(len=46)"),
            Out::not_vxlan);
  EXPECT_EQ(decide("eth(src=02:00:00:00:00:02, dst=01:80:c2:00:00:0e)/payload(len=46)"),
            Out::other_group);
}

// A segment's group, 239.1.1.1 or ff0e::1:1, and one that nobody has.
class VtepGroupTest : public VtepTest {
 protected:
  VtepGroupTest() {
    const IpAddress group = *IpAddress::parse(name());
    u_.peers.set(std::make_shared<Peer>(u_.vtep, PeerId{9}, group, *Mac::parse(mac())));
  }
  std::string name() const { return u_.is_v4() ? "239.1.1.1" : "ff0e::1:1"; }
  std::string mac() const { return u_.is_v4() ? "01:00:5e:01:01:01" : "33:33:00:01:00:01"; }
  std::string to(const std::string& group, const std::string& group_mac) const {
    return "eth(src=02:00:00:00:00:02, dst=" + group_mac + ")/" + (u_.is_v4() ? "ipv4" : "ipv6") +
           "(src=" + u_.name(2) + ", dst=" + group + ")/";
  }
  Out decide_with(MembershipQueries* queries, const std::string& text) {
    VtepIn brick(u_.vtep, u_.peers, nullptr, queries);
    return brick(*make_parsed(text), nullptr);
  }
  // A query of the newest version, to all nodes.
  std::string query() const {
    return u_.is_v4() ? "eth(src=02:00:00:00:00:09, dst=01:00:5e:00:00:01)/ipv4(src=192.0.2.9, "
                        "dst=224.0.0.1, ttl=1, proto=2)/raw(hex=1164ec1e00000000027d0000)"
                      : "eth(src=02:00:00:00:00:09, dst=33:33:00:00:00:01)/ipv6(src=fe80::9, "
                        "dst=ff02::1, hlim=1)/hopbyhop(data=050200000100)/mld(type=130, "
                        "group=::, delay=1000)/raw(hex=027d0000)";
  }
};
INSTANTIATE_TEST_SUITE_P(Families, VtepGroupTest, ::testing::Bool(), test::family_name);

TEST_P(VtepGroupTest, WhatPeersSendToASegmentsGroupIsForUs) {
  const OwnedPacket packet = make_parsed(to(name(), mac()) + "udp(sport=50000)/" + kInner);
  EXPECT_EQ(decide(packet), Out::vxlan);
  EXPECT_EQ(packet->source_peer, test::kNearPeer);
  EXPECT_EQ(decide(to(name(), mac()) + "udp(sport=50000, checksum=0x1234)/" + kInner),
            Out::bad_udp_checksum);
}

TEST_P(VtepGroupTest, AnythingElseToGroupsIsNot) {
  const std::string other = u_.is_v4() ? "239.1.1.2" : "ff0e::1:2";
  const std::string other_mac = u_.is_v4() ? "01:00:5e:01:01:02" : "33:33:00:01:00:02";
  EXPECT_EQ(decide(to(other, other_mac) + "udp/" + kInner), Out::other_group);
  EXPECT_EQ(decide(to(name(), other_mac) + "udp/" + kInner), Out::other_group);
  EXPECT_EQ(decide(to(name(), mac()) + "udp(dport=53)/payload(len=10)"), Out::other_group);
  EXPECT_EQ(decide(to(name(), mac()) + (u_.is_v4() ? "icmp" : "icmp6")), Out::other_group);
}

TEST_P(VtepGroupTest, AStrangerIsNoPeerByGroupEither) {
  EXPECT_EQ(
      decide("eth(src=02:00:00:00:00:09, dst=" + mac() + ")/" + (u_.is_v4() ? "ipv4" : "ipv6") +
             "(src=" + u_.name(9) + ", dst=" + name() + ")/udp/" + kInner),
      Out::unknown_peer);
}

TEST_P(VtepGroupTest, AQuestionOfAMulticastRouterIsNoted) {
  MembershipQueries queries;
  EXPECT_EQ(decide_with(&queries, query()), Out::membership_query);
  const auto noted = queries.take();
  ASSERT_TRUE(noted);
  EXPECT_EQ(noted->version, u_.is_v4() ? 3 : 2);
  EXPECT_EQ(noted->max_response_ms, u_.is_v4() ? 10'000u : 1'000u);
  EXPECT_FALSE(queries.take()) << "once";
}

TEST_P(VtepGroupTest, AMalformedOneIsNot) {
  MembershipQueries queries;
  std::vector<std::string> bad;
  if (u_.is_v4()) {
    const std::string head =
        "eth(dst=01:00:5e:00:00:01)/ipv4(src=192.0.2.9, dst=224.0.0.1, ttl=1, proto=2)/";
    bad = {head + "raw(hex=1164ec1f00000000027d0000)", head + "raw(hex=1164)",
           head + "raw(hex=1600e9ff00000000)"};
  } else {
    const std::string tail = ")/hopbyhop(data=050200000100)/mld(type=130, group=::";
    bad = {"eth(dst=33:33:00:00:00:01)/ipv6(src=2001:db8::9, dst=ff02::1" + tail + ")",
           "eth(dst=33:33:00:00:00:01)/ipv6(src=fe80::9, dst=ff02::1, hlim=2" + tail + ")",
           "eth(dst=33:33:00:00:00:01)/ipv6(src=fe80::9, dst=ff02::1" + tail + ", checksum=1)"};
  }
  for (const std::string& text : bad) {
    EXPECT_EQ(decide_with(&queries, text), Out::other_group) << text;
  }
  EXPECT_FALSE(queries.take());
  EXPECT_EQ(decide_with(nullptr, query()), Out::other_group);
}

class VtepV4Test : public VtepTest {};
INSTANTIATE_TEST_SUITE_P(V4, VtepV4Test, ::testing::Values(true), test::family_name);

TEST_P(VtepV4Test, ADamagedOuterHeaderIsRefused) {
  EXPECT_EQ(decide(u_.eth(2, 1) + u_.ip(2, 1, "checksum=0x1234") + "udp/" + kInner),
            Out::bad_ip_checksum);
}

TEST_P(VtepV4Test, AnOuterHeaderWithOptionsIsSummedWhole) {
  EXPECT_EQ(decide(u_.eth(2, 1) + u_.ip(2, 1, "options=01010101") + "udp/" + kInner), Out::vxlan);
}

TEST_P(VtepV4Test, ALinkLayerBroadcastOfVxlanIsNotForUs) {
  EXPECT_EQ(
      decide("eth(src=02:00:00:00:00:02, dst=ff:ff:ff:ff:ff:ff)/" + u_.ip(2, 1) + "udp/" + kInner),
      Out::other_group);
}

TEST_P(VtepV4Test, OnlyArpThatConcernsUsIsOurs) {
  const std::string everyone = "eth(src=02:00:00:00:00:02, dst=ff:ff:ff:ff:ff:ff)/arp(op=request, ";
  EXPECT_EQ(decide(everyone + "sender_ip=192.0.2.2, target_ip=192.0.2.1)"), Out::own);
  EXPECT_EQ(decide(everyone + "sender_ip=192.0.2.2, target_ip=192.0.2.9)"), Out::not_our_address);
  EXPECT_EQ(decide(everyone + "sender_ip=192.0.2.2, target_ip=192.0.2.2)"), Out::own);
  EXPECT_EQ(decide(everyone + "sender_ip=192.0.2.1, target_ip=192.0.2.9)"), Out::own);
  EXPECT_EQ(decide(u_.eth(2, 1) + "arp(op=reply, sender_ip=192.0.2.2, target_ip=192.0.2.1)"),
            Out::own);
}

TEST_P(VtepV4Test, IPv6IsNotSpokenOnAnIPv4Underlay) {
  EXPECT_EQ(decide(u_.eth(2, 1) + "ipv6(src=2001:db8::2, dst=2001:db8::1)/udp/" + kInner),
            Out::not_our_address);
  EXPECT_EQ(decide("eth(src=02:00:00:00:00:02, dst=33:33:ff:00:00:01)/"
                   "ipv6(src=2001:db8::2, dst=ff02::1:ff00:1)/nd_ns(target=2001:db8::1)"),
            Out::other_group);
}

class VtepV6Test : public VtepTest {};
INSTANTIATE_TEST_SUITE_P(V6, VtepV6Test, ::testing::Values(false), test::family_name);

TEST_P(VtepV6Test, SolicitationsComeToOurGroupOrAddressAndNoOther) {
  const std::string to_group =
      "eth(src=02:00:00:00:00:02, dst=33:33:ff:00:00:01)/ipv6(src=2001:db8::2, dst=";
  const std::string ns = ")/nd_ns(target=2001:db8::1)";
  EXPECT_EQ(decide(to_group + "ff02::1:ff00:1" + ns), Out::own);
  EXPECT_EQ(decide(to_group + "ff02::1" + ns), Out::other_group);
  EXPECT_EQ(decide(to_group + "ff02::1:ff00:2" + ns), Out::other_group);
  EXPECT_EQ(decide(u_.eth(2, 1) + u_.ip(2, 1) + "nd_ns(target=2001:db8::1)"), Out::own);
}

TEST_P(VtepV6Test, AdvertisementsComeToUsOrToEveryone) {
  const std::string na = "nd_na(target=2001:db8::2, override=1)";
  EXPECT_EQ(decide(u_.eth(2, 1) + u_.ip(2, 1) + na), Out::own);
  EXPECT_EQ(decide("eth(src=02:00:00:00:00:02, dst=33:33:00:00:00:01)/"
                   "ipv6(src=2001:db8::2, dst=ff02::1)/" +
                   na),
            Out::own);
}

TEST_P(VtepV6Test, PingToEveryoneIsNotAnswered) {
  EXPECT_EQ(decide("eth(src=02:00:00:00:00:02, dst=33:33:00:00:00:01)/"
                   "ipv6(src=2001:db8::2, dst=ff02::1)/icmp6(id=1)"),
            Out::other_group);
}

TEST_P(VtepV6Test, RouterAdvertisementsAreNotOurs) {
  EXPECT_EQ(decide("eth(src=02:00:00:00:00:02, dst=33:33:00:00:00:01)/"
                   "ipv6(src=fe80::2, dst=ff02::1)/nd_ra"),
            Out::other_group);
}

}  // namespace
}  // namespace butterfly
