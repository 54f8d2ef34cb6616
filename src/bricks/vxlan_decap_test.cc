// SPDX-License-Identifier: Apache-2.0
#include "bricks/vxlan_decap.h"

#include "support/underlay.h"

namespace butterfly {
namespace {

using Out = VxlanDecap::Out;
using test::make_parsed;
using test::normal;
using test::OwnedPacket;
using test::text_of;
using test::Underlay;

const std::string kInner = "eth(src=52:54:00:00:00:07)/ipv4/udp/payload(len=20)";

class VxlanDecapTest : public ::testing::TestWithParam<bool> {
 protected:
  VxlanDecapTest() {
    auto segment = std::make_shared<Segment>();
    segment->vni = Vni{42};
    segment->index = 7;
    segment->peers = {PeerId{1}, test::kNearPeer};
    segments_.set(segment);
  }
  OwnedPacket tunnelled(const std::string& tunnel, PeerId peer = test::kNearPeer) {
    OwnedPacket packet = make_parsed(u_.eth(2, 1) + u_.ip(2, 1) + tunnel);
    packet->source_peer = peer;
    return packet;
  }
  Out decide(const OwnedPacket& packet) { return brick_(*packet, nullptr); }

  Underlay u_{GetParam()};
  SegmentTable segments_;
  VxlanDecap brick_{segments_};
};
INSTANTIATE_TEST_SUITE_P(Families, VxlanDecapTest, ::testing::Bool(), test::family_name);

TEST_P(VxlanDecapTest, TheInnerFrameComesOutWithItsSegment) {
  const OwnedPacket packet = tunnelled("udp/vxlan(vni=42)/" + kInner);
  EXPECT_EQ(decide(packet), Out::inner);
  EXPECT_EQ(text_of(*packet), normal(kInner));
  EXPECT_EQ(packet->vni, Vni{42});
  EXPECT_EQ(packet->segment, 7);
  EXPECT_EQ(packet->origin, origin_of(7, test::kNearPeer));
}

TEST_P(VxlanDecapTest, ReservedBitsAreIgnored) {
  const OwnedPacket packet =
      tunnelled("udp/vxlan(vni=42, flags=0xff, reserved1=0xffffff, reserved2=0xff)/" + kInner);
  EXPECT_EQ(decide(packet), Out::inner);
  EXPECT_EQ(text_of(*packet), normal(kInner));
}

TEST_P(VxlanDecapTest, WithoutTheVniFlagThePacketIsDiscarded) {
  EXPECT_EQ(decide(tunnelled("udp/vxlan(vni=42, flags=0xf7)/" + kInner)), Out::no_vni_flag);
}

TEST_P(VxlanDecapTest, AVniThatNoSegmentHasIsRefused) {
  EXPECT_EQ(decide(tunnelled("udp/vxlan(vni=43)/" + kInner)), Out::unknown_vni);
}

TEST_P(VxlanDecapTest, APeerSpeaksOnlyForItsSegmentsHoweverOftenOthersWereLetThrough) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(decide(tunnelled("udp/vxlan(vni=42)/" + kInner)), Out::inner);
    EXPECT_EQ(decide(tunnelled("udp/vxlan(vni=42)/" + kInner, test::kFarPeer)),
              Out::peer_not_in_segment);
  }
}

TEST_P(VxlanDecapTest, ManyTunnelsDoNotMixTheirSegmentsUp) {
  for (uint16_t i = 0; i < 300; ++i) {
    auto segment = std::make_shared<Segment>();
    segment->vni = Vni{1000u + i};
    segment->index = static_cast<uint16_t>(100 + i);
    segment->peers = {test::kNearPeer};
    segments_.set(segment);
  }
  for (int round = 0; round < 2; ++round) {
    for (uint16_t i = 0; i < 300; ++i) {
      const OwnedPacket packet =
          tunnelled("udp/vxlan(vni=" + std::to_string(1000 + i) + ")/" + kInner);
      ASSERT_EQ(decide(packet), Out::inner);
      ASSERT_EQ(packet->segment, 100 + i);
    }
  }
}

TEST_P(VxlanDecapTest, WhatEndsBeforeTheInnerEthernetHeaderIsTruncated) {
  EXPECT_EQ(decide(tunnelled("udp(dport=4789)")), Out::truncated);
  EXPECT_EQ(decide(tunnelled("udp(dport=4789)/payload(len=7)")), Out::truncated);
  EXPECT_EQ(decide(tunnelled("udp/vxlan(vni=42)")), Out::truncated);
  EXPECT_EQ(decide(tunnelled("udp/vxlan(vni=42)/payload(len=13)")), Out::truncated);
  EXPECT_EQ(decide(tunnelled("udp/vxlan(vni=42)/payload(len=14)")), Out::inner);
}

TEST_P(VxlanDecapTest, AUdpLengthThatEndsTooEarlyIsTruncatedWhateverTheFrameHolds) {
  EXPECT_EQ(decide(tunnelled("udp(len=29)/vxlan(vni=42)/" + kInner)), Out::truncated);
}

TEST_P(VxlanDecapTest, EthernetPaddingDoesNotBecomeInnerFrame) {
  const OwnedPacket packet = tunnelled("udp/vxlan(vni=42)/" + kInner);
  ASSERT_NE(rte_pktmbuf_append(packet.get(), 9), nullptr);
  EXPECT_EQ(decide(packet), Out::inner);
  EXPECT_EQ(text_of(*packet), normal(kInner));
}

TEST_P(VxlanDecapTest, ALongInnerFrameKeepsItsSegments) {
  const OwnedPacket packet = tunnelled("udp/vxlan(vni=42)/" + kInner);
  test::split(*packet, static_cast<uint16_t>(packet->data_len - 10));
  EXPECT_EQ(decide(packet), Out::inner);
  EXPECT_EQ(text_of(*packet), normal(kInner));
}

TEST_P(VxlanDecapTest, WhatTheNicSaidAboutTheOuterHeadersIsForgotten) {
  const OwnedPacket packet = tunnelled("udp/vxlan(vni=42)/" + kInner);
  packet->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
  EXPECT_EQ(decide(packet), Out::inner);
  EXPECT_EQ(packet->ol_flags, 0u);
}

TEST_P(VxlanDecapTest, ACongestedUnderlayIsHeardInside) {
  const auto through = [&](int outer, const std::string& inner) {
    const std::string field = (u_.is_v4() ? "tos=" : "tc=") + std::to_string(outer);
    OwnedPacket packet =
        make_parsed(u_.eth(2, 1) + u_.ip(2, 1, field) + "udp/vxlan(vni=42)/eth/" + inner);
    packet->source_peer = test::kNearPeer;
    const Out out = decide(packet);
    return out == Out::inner ? text_of(*packet) : VxlanDecap::kOuts[static_cast<size_t>(out)].name;
  };
  EXPECT_EQ(through(3, "ipv4(tos=2)/udp"), normal("eth/ipv4(tos=3)/udp"));
  EXPECT_EQ(through(3, "ipv6(tc=0xb9)/tcp"), normal("eth/ipv6(tc=0xbb)/tcp"));
  EXPECT_EQ(through(1, "ipv4(tos=2)/udp"), normal("eth/ipv4(tos=1)/udp"));
  EXPECT_EQ(through(0xb8, "ipv4(tos=0x22)/udp"), normal("eth/ipv4(tos=0x22)/udp"))
      << "its class is its own";
  EXPECT_EQ(through(3, "ipv4/udp"), "congested");
  EXPECT_EQ(through(3, "ipv6/udp"), "congested");
  EXPECT_EQ(through(1, "ipv4/udp"), normal("eth/ipv4/udp"));
  EXPECT_EQ(through(3, "arp"), normal("eth/arp")) << "nothing to be marked";
  EXPECT_EQ(through(3, "raw(hex=08004500)"), normal("eth/raw(hex=08004500)"));
}

TEST_P(VxlanDecapTest, ATraceTellsTheVniEvenOfARefusedPacket) {
  const OwnedPacket packet = tunnelled("udp/vxlan(vni=43)/" + kInner);
  VxlanDecap::Trace trace{};
  brick_(*packet, &trace);
  EXPECT_EQ(VxlanDecap::format(trace), "VNI 43");
}

}  // namespace
}  // namespace butterfly
