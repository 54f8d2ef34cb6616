// SPDX-License-Identifier: Apache-2.0
#include "bricks/vxlan_encap.h"

#include "bricks/vtep.h"
#include "bricks/vxlan_decap.h"
#include "graph/packet_checksum.h"
#include "support/underlay.h"

namespace butterfly {
namespace {

using Out = VxlanEncap::Out;
using test::make_parsed;
using test::OwnedPacket;
using test::text_of;
using test::Underlay;

// Ethernet, IPv4, UDP, "butterfly": made by scapy 2.5, as the outer headers below.
constexpr const char* kInner =
    "52540000000252540000000108004500002500000000401166c60a0000010a00000203e807d00011c4486275747465"
    "72666c79";
constexpr const char* kOuterV4 =
    "020000000002020000000001080045000057000040004011b692c0000201c0000202d67812b50043000008000000ab"
    "cdef00";
constexpr const char* kOuterV6 =
    "02000000000202000000000186dd600000000043114020010db800000000000000000000000120010db80000000000"
    "00000000000002d67812b50043000008000000abcdef00";

std::string to_hex(const std::vector<uint8_t>& bytes) {
  std::string hex;
  char digits[3];
  for (const uint8_t byte : bytes) {
    std::snprintf(digits, sizeof digits, "%02x", byte);
    hex += digits;
  }
  return hex;
}

class VxlanEncapTest : public ::testing::TestWithParam<bool> {
 protected:
  VxlanEncapTest() {
    lcore_.set_now(1000);
    u_.neighbours.learn(test::kNearSlot, *Mac::parse(u_.mac(2)), 900);
    u_.neighbours.learn(test::kFarSlot, *Mac::parse(u_.mac(254)), 900);
  }
  OwnedPacket frame(const std::string& text = "raw(hex=" + std::string(kInner) + ")") {
    OwnedPacket packet = test::make_owned(text);
    packet->vni = Vni{0xabcdef};
    packet->peer = test::kNearPeer;
    packet->flow_hash = 0x12345678;
    return packet;
  }
  Out decide(const OwnedPacket& packet) { return brick_(*packet, nullptr); }
  uint16_t source_port(const OwnedPacket& packet) {
    const size_t ip = u_.is_v4() ? sizeof(wire::Ipv4Header) : sizeof(wire::Ipv6Header);
    return packet->at<wire::UdpHeader>(wire::kEthernetHeaderLen + ip)->source_port;
  }

  Underlay u_{GetParam()};
  Lcore lcore_{0, test::pool()};
  VxlanEncap brick_{u_.vtep, u_.peers, u_.neighbours, lcore_};
};
INSTANTIATE_TEST_SUITE_P(Families, VxlanEncapTest, ::testing::Bool(), test::family_name);

TEST_P(VxlanEncapTest, TheOuterHeadersAreByteForByteWhatAnotherImplementationWrites) {
  const OwnedPacket packet = frame();
  EXPECT_EQ(decide(packet), Out::encapsulated);
  EXPECT_EQ(to_hex(test::contents(*packet)),
            (u_.is_v4() ? kOuterV4 : kOuterV6) + std::string(kInner));
}

TEST_P(VxlanEncapTest, APeerOffLinkIsReachedThroughTheGatewaysMac) {
  const OwnedPacket packet = frame();
  packet->peer = test::kFarPeer;
  EXPECT_EQ(decide(packet), Out::encapsulated);
  EXPECT_EQ(packet->at<wire::EthernetHeader>(0)->destination.to_string(), u_.mac(254));
  const std::string destination = "dst=" + u_.name(3);
  EXPECT_NE(text_of(*packet).find(destination), std::string::npos) << text_of(*packet);
}

TEST_P(VxlanEncapTest, AGroupIsSentToItsOwnMac) {
  const std::string group = u_.is_v4() ? "239.1.1.1" : "ff0e::1:1";
  const Mac mac = *Mac::parse(u_.is_v4() ? "01:00:5e:01:01:01" : "33:33:00:01:00:01");
  u_.peers.set(std::make_shared<Peer>(u_.vtep, PeerId{9}, *IpAddress::parse(group), mac));
  const OwnedPacket packet = frame();
  packet->peer = PeerId{9};
  lcore_.set_now(1'000'000);  // whatever else is known by then
  EXPECT_EQ(decide(packet), Out::encapsulated);
  EXPECT_EQ(packet->at<wire::EthernetHeader>(0)->destination, mac);
  EXPECT_NE(text_of(*packet).find("dst=" + group), std::string::npos) << text_of(*packet);
  EXPECT_EQ(u_.peers.next_hops().size(), 2u) << "it is nobody to be asked";
}

TEST_P(VxlanEncapTest, TheSourcePortIsDynamicAndFollowsTheFlow) {
  const OwnedPacket one = frame();
  const OwnedPacket same = frame();
  const OwnedPacket other = frame();
  one->flow_hash = same->flow_hash = 0xffffffff;
  other->flow_hash = 0x80000001;
  decide(one);
  decide(same);
  decide(other);
  EXPECT_EQ(source_port(one), 65535);
  EXPECT_EQ(source_port(same), 65535);
  EXPECT_EQ(source_port(other), 49153);
}

TEST_P(VxlanEncapTest, WithoutAFlowBothDirectionsShareAPortOfTheirMacs) {
  const OwnedPacket there = frame("eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/arp");
  const OwnedPacket back = frame("eth(src=52:54:00:00:00:02, dst=52:54:00:00:00:01)/arp");
  const OwnedPacket third = frame("eth(src=52:54:00:00:00:03, dst=52:54:00:00:00:01)/arp");
  for (const OwnedPacket* packet : {&there, &back, &third}) {
    (*packet)->flow_hash = 0;
    ASSERT_EQ(decide(*packet), Out::encapsulated);
  }
  EXPECT_EQ(source_port(there), source_port(back));
  EXPECT_NE(source_port(there), source_port(third));
  EXPECT_GE(source_port(there), 49152);
}

TEST_P(VxlanEncapTest, AFloodedCopyGetsHeadersOfItsOwnAndTheOriginalStaysAsItWas) {
  const OwnedPacket original = frame();
  original->flow_hash = 0;
  const OwnedPacket alone = frame();
  alone->flow_hash = 0;
  const OwnedPacket copy(clone_with_headroom(*original, test::pool()));
  ASSERT_NE(copy, nullptr);
  EXPECT_EQ(decide(copy), Out::encapsulated);
  EXPECT_EQ(decide(alone), Out::encapsulated);
  EXPECT_EQ(test::contents(*copy), test::contents(*alone));
  EXPECT_EQ(to_hex(test::contents(*original)), kInner);
}

TEST_P(VxlanEncapTest, ACloneWithoutHeadroomOfItsOwnIsRefused) {
  const OwnedPacket original = frame();
  const OwnedPacket clone(clone_packet(*original, test::pool()));
  EXPECT_EQ(decide(clone), Out::no_headroom);
  EXPECT_EQ(to_hex(test::contents(*original)), kInner);
}

TEST_P(VxlanEncapTest, APacketWithoutHeadroomIsRefused) {
  const OwnedPacket packet = frame();
  packet->data_off = 20;
  EXPECT_EQ(decide(packet), Out::no_headroom);
}

TEST_P(VxlanEncapTest, ARemovedPeerIsNamed) {
  const OwnedPacket packet = frame();
  packet->peer = PeerId{100};
  EXPECT_EQ(decide(packet), Out::no_peer);
  packet->peer = kNoPeer;
  EXPECT_EQ(decide(packet), Out::no_peer);
}

TEST_P(VxlanEncapTest, ANextHopThatIsNotKnownOrLongSilentIsNamed) {
  lcore_.set_now(900 + NeighbourTable::kForgetMs);
  EXPECT_EQ(decide(frame()), Out::encapsulated);
  lcore_.set_now(900 + NeighbourTable::kForgetMs + 1);
  EXPECT_EQ(decide(frame()), Out::neighbour_unresolved);
  u_.neighbours.claim(test::kNearSlot, u_.host(2));
  EXPECT_EQ(decide(frame()), Out::neighbour_unresolved);
}

TEST_P(VxlanEncapTest, WhatTheGuestAskedItsDeviceToDoIsNotAskedOfTheUplink) {
  const OwnedPacket packet = frame();
  packet->ol_flags |= RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
  decide(packet);
  EXPECT_EQ(packet->ol_flags, 0u);
}

TEST_P(VxlanEncapTest, ATraceTellsPeerVniAndPort) {
  const OwnedPacket packet = frame();
  VxlanEncap::Trace trace{};
  brick_(*packet, &trace);
  EXPECT_EQ(VxlanEncap::format(trace), "VNI 11259375 to " + u_.name(2) + ", UDP source port 54904");
}

// RFC 7348 §5, and over IPv6 RFC 6935 §5, 6936 §4: the inner packet has checksums of its own.
TEST_P(VxlanEncapTest, TheOuterUdpChecksumIsZeroAndThePeerTakesIt) {
  const OwnedPacket packet = frame();
  ASSERT_EQ(decide(packet), Out::encapsulated);
  const size_t l4 =
      wire::kEthernetHeaderLen + (u_.is_v4() ? sizeof(wire::Ipv4Header) : sizeof(wire::Ipv6Header));
  EXPECT_EQ(packet->at<wire::UdpHeader>(l4)->checksum, 0);
  Vtep theirs = u_.vtep;
  theirs.address = u_.host(2);
  theirs.mac = *Mac::parse(u_.mac(2));
  PeerTable peers;
  peers.set(std::make_shared<Peer>(theirs, PeerId{1}, u_.host(1), u_.host(1), uint16_t{0}));
  ASSERT_EQ(wire::parse_frame(packet->bytes(), packet->length(), Vni{0}, packet->parsed),
            wire::ParseError::none);
  EXPECT_EQ(VtepIn(theirs, peers)(*packet, nullptr), VtepIn::Out::vxlan);
  // A tunnel's zero is believed of peers only, whose addresses are known (RFC 6936 §4, item 5).
  EXPECT_EQ(VtepIn(theirs, PeerTable())(*packet, nullptr), VtepIn::Out::unknown_peer);
}

class OuterClassTest : public VxlanEncapTest {
 protected:
  // The outer class of a packet with that one inside.
  int outer_class(const std::string& inner, wire::TunnelClass wanted, bool is_copy = false) {
    const OwnedPacket original = frame("eth/" + inner);
    OwnedPacket copy;
    if (is_copy) copy.reset(clone_with_headroom(*original, test::pool()));
    const OwnedPacket& packet = is_copy ? copy : original;
    VxlanEncap brick(u_.vtep, u_.peers, u_.neighbours, lcore_, wanted);
    EXPECT_EQ(brick(*packet, nullptr), Out::encapsulated);
    return wire::traffic_class_of(packet->bytes());
  }
};
INSTANTIATE_TEST_SUITE_P(Families, OuterClassTest, ::testing::Bool(), test::family_name);

TEST_P(OuterClassTest, CongestionMarksAreCopiedAndClassesOnlyWhereWanted) {
  for (const bool is_copy : {false, true}) {
    EXPECT_EQ(outer_class("ipv4(tos=0xbb)/udp", {}, is_copy), 0x03);
    EXPECT_EQ(outer_class("ipv6(tc=0xba)/udp", {}, is_copy), 0x02);
    EXPECT_EQ(outer_class("arp", {}, is_copy), 0);
    EXPECT_EQ(outer_class("ipv4(tos=0xbb)/udp", {0xff, 0}, is_copy), 0xbb);
    EXPECT_EQ(outer_class("ipv6(tc=0xb9)/udp", {0xfc, 0}, is_copy), 0xb8);
    EXPECT_EQ(outer_class("ipv6(tc=0xb9)/udp", {0x03, 0x68}, is_copy), 0x69);
    EXPECT_EQ(outer_class("arp", {0x03, 0x68}, is_copy), 0x68);
    EXPECT_EQ(outer_class("ipv4(tos=0xbb)/udp", {0, 0}, is_copy), 0);
  }
}

TEST_P(VxlanEncapTest, APeerTakesOutOfTheTunnelWhatWePutIn) {
  const OwnedPacket packet = frame();
  ASSERT_EQ(decide(packet), Out::encapsulated);
  ASSERT_EQ(wire::parse_frame(packet->bytes(), packet->length(), Vni{0}, packet->parsed),
            wire::ParseError::none);
  // The peer's side: its own endpoint is our peer, and we are a peer of it.
  Vtep theirs = u_.vtep;
  theirs.address = u_.host(2);
  theirs.mac = *Mac::parse(u_.mac(2));
  PeerTable peers;
  peers.set(std::make_shared<Peer>(theirs, PeerId{1}, u_.host(1), u_.host(1), uint16_t{0}));
  SegmentTable segments;
  auto segment = std::make_shared<Segment>();
  segment->vni = Vni{0xabcdef};
  segment->peers = {PeerId{1}};
  segments.set(segment);
  VtepIn vtep(theirs, peers);
  VxlanDecap decap(segments);
  ASSERT_EQ(vtep(*packet, nullptr), VtepIn::Out::vxlan);
  ASSERT_EQ(decap(*packet, nullptr), VxlanDecap::Out::inner);
  EXPECT_EQ(to_hex(test::contents(*packet)), kInner);
}

class VxlanEncapV4Test : public VxlanEncapTest {};
INSTANTIATE_TEST_SUITE_P(V4, VxlanEncapV4Test, ::testing::Values(true), test::family_name);

TEST_P(VxlanEncapV4Test, TheHeaderChecksumIsRightForEveryLength) {
  for (int length = 60; length < 1400; length += 13) {
    const OwnedPacket packet = frame("eth/payload(len=" + std::to_string(length) + ")");
    ASSERT_EQ(decide(packet), Out::encapsulated);
    ASSERT_TRUE(ipv4_checksum_holds(packet->bytes().subspan(14, 20))) << length;
  }
}

}  // namespace
}  // namespace butterfly
