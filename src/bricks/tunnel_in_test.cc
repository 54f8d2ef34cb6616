// SPDX-License-Identifier: Apache-2.0
#include "bricks/tunnel_in.h"

#include <random>

#include "bricks/vtep.h"
#include "bricks/vxlan_decap.h"
#include "support/underlay.h"

namespace butterfly {
namespace {

using Out = TunnelIn::Out;
using Bytes = std::vector<uint8_t>;
using test::bytes_of;
using test::OwnedPacket;
using test::Underlay;

const std::string kInner = "eth(src=52:54:00:00:00:07)/ipv4/udp/payload(len=20)";

OwnedPacket packet_of(const Bytes& bytes) {
  OwnedPacket packet(test::make_packet(bytes));
  packet->in_port = kUplinkPort;
  packet->origin = origin_of(kUplinkPort);
  packet->vni = Vni{0};
  packet->segment = 0;
  packet->source_peer = kNoPeer;
  return packet;
}

// Everything about a packet that bricks behind the tunnel look at.
auto facts_of(const Packet& packet) {
  return std::tuple(test::contents(packet), packet.origin, packet.vni, packet.segment,
                    packet.source_peer, packet.in_port, packet.ol_flags);
}

class TunnelInTest : public ::testing::TestWithParam<bool> {
 protected:
  TunnelInTest() { add_segment(42, 7, test::kNearPeer); }

  void add_segment(uint32_t vni, uint16_t index, PeerId peer) {
    auto segment = std::make_shared<Segment>();
    segment->vni = Vni{vni};
    segment->index = index;
    segment->peers = {PeerId{1}, peer};
    segments_.set(segment);
  }
  std::string usual(const std::string& udp = "udp(sport=50000)/vxlan(vni=42)/") const {
    return u_.eth(2, 1) + u_.ip(2, 1) + udp + kInner;
  }
  // The way of those who are not the usual datagram.
  bool passes_in_steps(Packet& packet) {
    return wire::parse_frame(packet.bytes(), packet.length(), packet.vni, packet.parsed) ==
               wire::ParseError::none &&
           vtep_(packet, nullptr) == VtepIn::Out::vxlan &&
           decap_(packet, nullptr) == VxlanDecap::Out::inner;
  }
  // True when the short way took it; then the steps must come to the same. Else nothing has
  // changed.
  bool takes(const Bytes& bytes, uint16_t head = 0xffff) {
    const OwnedPacket quick = packet_of(bytes);
    const OwnedPacket slow = packet_of(bytes);
    for (const OwnedPacket* packet : {&quick, &slow}) {
      (*packet)->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
      if (head < bytes.size()) test::split(**packet, head);
    }
    const auto before = facts_of(*quick);
    if (brick_(*quick, nullptr) == Out::other) {
      EXPECT_EQ(facts_of(*quick), before);
      return false;
    }
    EXPECT_TRUE(passes_in_steps(*slow));
    EXPECT_EQ(facts_of(*quick), facts_of(*slow));
    return true;
  }
  bool takes(const std::string& text) { return takes(bytes_of(text)); }

  Underlay u_{GetParam()};
  SegmentTable segments_;
  TunnelIn brick_{u_.vtep, u_.peers, segments_};
  VtepIn vtep_{u_.vtep, u_.peers};
  VxlanDecap decap_{segments_};
};
INSTANTIATE_TEST_SUITE_P(Families, TunnelInTest, ::testing::Bool(), test::family_name);

TEST_P(TunnelInTest, TheInnerFrameComesOutWithItsSegmentPeerAndOrigin) {
  const OwnedPacket packet = packet_of(bytes_of(usual()));
  EXPECT_EQ(brick_(*packet, nullptr), Out::inner);
  EXPECT_EQ(test::text_of(*packet), test::normal(kInner));
  EXPECT_EQ(packet->vni, Vni{42});
  EXPECT_EQ(packet->segment, 7);
  EXPECT_EQ(packet->source_peer, test::kNearPeer);
  EXPECT_EQ(packet->origin, origin_of(7, test::kNearPeer));
}

TEST_P(TunnelInTest, WhatDoesNotCountMayBeAsItLikes) {
  EXPECT_TRUE(takes(usual()));
  EXPECT_TRUE(takes(u_.eth(254, 1) + u_.ip(2, 1) + "udp(sport=1)/vxlan(vni=42)/" + kInner));
  EXPECT_TRUE(takes(usual("udp/vxlan(vni=42, flags=0xff, reserved1=0xffffff, reserved2=0xff)/")));
  const std::string more = u_.is_v4() ? "ttl=1, tos=254, id=7, df=0" : "hlim=1";
  EXPECT_TRUE(takes(u_.eth(2, 1) + u_.ip(2, 1, more) + "udp/vxlan(vni=42)/" + kInner));
}

TEST_P(TunnelInTest, CongestionIsHeardInsideAndWhatCannotBeMarkedIsLookedAtInSteps) {
  for (int outer = 0; outer < 256; ++outer) {
    const std::string field = (u_.is_v4() ? "tos=" : "tc=") + std::to_string(outer);
    for (int inner = 0; inner < 4; ++inner) {
      const bool is_lost = outer % 4 == 3 && inner == 0;
      for (const std::string& layer : {"ipv4(tos=" + std::to_string(inner) + ")/udp",
                                       "ipv6(tc=" + std::to_string(inner) + ")/udp"}) {
        EXPECT_EQ(takes(u_.eth(2, 1) + u_.ip(2, 1, field) + "udp/vxlan(vni=42)/eth/" + layer),
                  !is_lost)
            << outer << ", " << layer;
      }
    }
  }
}

TEST_P(TunnelInTest, PaddingIsCutOff) {
  Bytes padded = bytes_of(usual());
  padded.insert(padded.end(), 9, 0);
  EXPECT_TRUE(takes(padded));
}

TEST_P(TunnelInTest, ALongInnerFrameKeepsItsSegments) {
  const Bytes bytes = bytes_of(usual());
  const size_t shortest = bytes.size() - bytes_of(kInner).size() + wire::kEthernetHeaderLen;
  EXPECT_TRUE(takes(bytes, static_cast<uint16_t>(bytes.size() - 10)));
  EXPECT_TRUE(takes(bytes, static_cast<uint16_t>(shortest)));
  EXPECT_FALSE(takes(bytes, static_cast<uint16_t>(shortest - 1)));
}

TEST_P(TunnelInTest, AnythingElseIsLookedAtInSteps) {
  const std::string tunnel = "udp/vxlan(vni=42)/" + kInner;
  EXPECT_FALSE(takes(u_.eth(2, 9) + u_.ip(2, 1) + tunnel)) << "another station";
  EXPECT_FALSE(takes("eth(src=02:00:00:00:00:02, dst=ff:ff:ff:ff:ff:ff)/" + u_.ip(2, 1) + tunnel));
  EXPECT_FALSE(takes(u_.eth(2, 1) + u_.ip(2, 9) + tunnel)) << "another host";
  EXPECT_FALSE(takes(u_.eth(9, 1) + u_.ip(9, 1) + tunnel)) << "a stranger";
  EXPECT_FALSE(takes(u_.eth(254, 1) + u_.ip(3, 1) + tunnel)) << "a peer of other segments";
  EXPECT_FALSE(takes(usual("udp(dport=8472)/vxlan(vni=42)/")));
  EXPECT_FALSE(takes(usual("udp(checksum=0x1234)/vxlan(vni=42)/")));
  EXPECT_FALSE(takes(usual("udp/vxlan(vni=42, flags=0xf7)/")));
  EXPECT_FALSE(takes(usual("udp/vxlan(vni=43)/")));
  EXPECT_FALSE(takes(u_.eth(2, 1) + u_.ip(2, 1) + "tcp(dport=4789)/payload(len=40)"));
  EXPECT_FALSE(takes(u_.eth(2, 1) + u_.ip(2, 1) + "udp/vxlan(vni=42)/payload(len=13)"));
  EXPECT_TRUE(takes(u_.eth(2, 1) + u_.ip(2, 1) + "udp/vxlan(vni=42)/payload(len=14)"));
  EXPECT_FALSE(takes("eth/arp"));
  EXPECT_FALSE(takes(Bytes(10)));
}

TEST_P(TunnelInTest, ManyTunnelsDoNotMixUp) {
  for (uint16_t i = 0; i < 100; ++i) {
    const IpAddress host = u_.host(10 + i);
    u_.peers.set(std::make_shared<Peer>(u_.vtep, PeerId{i}, host, host, i));
  }
  for (uint16_t i = 0; i < 10; ++i) add_segment(1000u + i, i, PeerId{i});
  for (int round = 0; round < 2; ++round) {
    for (int number = 0; number < 1000; ++number) {
      const int peer = number / 10;
      const int segment = number % 10;
      const bool admitted = peer == segment || peer == 1;
      ASSERT_EQ(takes(u_.eth(2, 1) + u_.ip(10 + peer, 1) +
                      "udp/vxlan(vni=" + std::to_string(1000 + segment) + ")/" + kInner),
                admitted)
          << number;
    }
  }
}

TEST_P(TunnelInTest, ATraceTellsPeerAndVniOfWhatItTookOnly) {
  TunnelIn::Trace trace{};
  EXPECT_EQ(brick_(*packet_of(bytes_of(usual())), &trace), Out::inner);
  EXPECT_EQ(TunnelIn::format(trace), "VNI 42 from " + u_.name(2));
  trace = {};
  EXPECT_EQ(brick_(*packet_of(bytes_of("eth/arp")), &trace), Out::other);
  EXPECT_EQ(TunnelIn::format(trace), "");
}

// Usual datagrams with a few bytes changed, most of them where outer headers lie; the IPv4
// checksum made right again now and then, so that it does not refuse everything.
class Mutator {
 public:
  Mutator(Bytes usual, bool is_v4) : usual_(std::move(usual)), is_v4_(is_v4) {}

  Bytes frame() {
    Bytes frame = usual_;
    for (uint32_t changes = pick(4); changes > 0; --changes) {
      const uint32_t at = pick(pick(8) == 0 ? static_cast<uint32_t>(frame.size()) : kOuter);
      frame[at] = pick(2) == 0 ? static_cast<uint8_t>(frame[at] ^ 1 << pick(8))
                               : static_cast<uint8_t>(random_());
    }
    if (is_v4_ && pick(2) == 0) renew_checksum(frame);
    if (pick(8) == 0) frame.resize(pick(static_cast<uint32_t>(frame.size()) + 20));
    return frame;
  }

 private:
  static constexpr uint32_t kOuter = 84;

  static void renew_checksum(Bytes& frame) {
    auto& ip = *wire::view_at<wire::Ipv4Header>(std::span(frame), wire::kEthernetHeaderLen);
    ip.checksum = 0;
    const auto header = std::span(frame).subspan(wire::kEthernetHeaderLen, sizeof ip);
    ip.checksum = wire::checksum_finish(wire::checksum_add(header));
  }
  uint32_t pick(uint32_t end) { return static_cast<uint32_t>(random_() % end); }

  Bytes usual_;
  bool is_v4_;
  std::mt19937 random_{20260201};
};

TEST_P(TunnelInTest, MutatedDatagramsFareTheSameEitherWay) {
  Mutator mutator(bytes_of(usual()), u_.is_v4());
  int taken = 0;
  for (int i = 0; i < 100'000; ++i) {
    const Bytes frame = mutator.frame();
    taken += takes(frame) ? 1 : 0;
    ASSERT_FALSE(HasFailure()) << "frame " << i;
  }
  EXPECT_GT(taken, 20'000);
  EXPECT_LT(taken, 90'000);
}

// The other side of the coin: what passes in steps and looks usual takes the short way.
TEST_P(TunnelInTest, NoUsualDatagramIsTurnedAway) {
  Mutator mutator(bytes_of(usual()), u_.is_v4());
  for (int i = 0; i < 100'000; ++i) {
    const Bytes frame = mutator.frame();
    const OwnedPacket packet = packet_of(frame);
    bool is_usual = passes_in_steps(*packet);
    if (is_usual) {
      const size_t l4 = u_.is_v4() ? 34 : 54;
      const auto& udp = *wire::view_at<wire::UdpHeader>(std::span(frame), l4);
      is_usual =
          packet->parsed.l4 == l4 && packet->parsed.l4_length == udp.length && udp.checksum == 0;
    }
    ASSERT_EQ(brick_(*packet_of(frame), nullptr) == Out::inner, is_usual) << "frame " << i;
  }
}

class TunnelInV4Test : public TunnelInTest {};
INSTANTIATE_TEST_SUITE_P(V4, TunnelInV4Test, ::testing::Values(true), test::family_name);

TEST_P(TunnelInV4Test, DamagedOptionedAndFragmentedHeadersAreLookedAtInSteps) {
  const std::string tunnel = "udp/vxlan(vni=42)/" + kInner;
  EXPECT_FALSE(takes(u_.eth(2, 1) + u_.ip(2, 1, "checksum=0x1234") + tunnel));
  EXPECT_FALSE(takes(u_.eth(2, 1) + u_.ip(2, 1, "options=01010101") + tunnel));
  EXPECT_FALSE(takes(u_.eth(2, 1) + u_.ip(2, 1, "mf=1") + tunnel));
}

}  // namespace
}  // namespace butterfly
