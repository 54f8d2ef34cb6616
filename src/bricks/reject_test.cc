// SPDX-License-Identifier: Apache-2.0
#include "bricks/reject.h"

#include <gtest/gtest.h>

#include "support/underlay.h"

namespace butterfly {
namespace {

using Out = Reject::Out;
using test::make_parsed;
using test::normal;
using test::OwnedPacket;
using test::text_of;

const std::string kTo = "eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/";
const std::string kBack = "eth(src=52:54:00:00:00:02, dst=52:54:00:00:00:01)/";
const std::string kBack4 = kBack + "ipv4(src=10.0.0.2, dst=10.0.0.1, df=1)/";

class RejectTest : public ::testing::Test {
 protected:
  RejectTest() { lcore_.set_now(1000); }
  static OwnedPacket make(const std::string& text) {
    OwnedPacket packet = make_parsed(text, Vni{42});
    packet->in_port = PortId{3};
    packet->source_peer = kNoPeer;
    return packet;
  }
  std::string answer_to(const std::string& text) {
    const OwnedPacket packet = make(text);
    EXPECT_EQ(brick_(*packet, nullptr), Out::to_guest) << text;
    EXPECT_EQ(packet->out_port, PortId{3});
    return text_of(*packet);
  }
  Out fate(const std::string& text) { return brick_(*make(text), nullptr); }

  TokenBucket answers_{Reject::kAnswersPerSecond, Reject::kAnswersAtOnce};
  Lcore lcore_{0, test::pool()};
  Reject brick_{answers_, lcore_};
};

// RFC 9293 §3.10.7.1.
TEST_F(RejectTest, AResetAnswersWhatItsSenderExpects) {
  EXPECT_EQ(answer_to(kTo + "ipv4/tcp(flags=S, seq=99, mss=1460)"),
            normal(kBack4 + "tcp(sport=80, dport=40000, flags=RA, seq=0, ack=100, win=0)"));
  EXPECT_EQ(answer_to(kTo + "ipv4/tcp(flags=S, seq=4294967295)/payload(len=4)"),
            normal(kBack4 + "tcp(sport=80, dport=40000, flags=RA, seq=0, ack=4, win=0)"));
  EXPECT_EQ(answer_to(kTo + "ipv4/tcp(flags=PA, seq=99, ack=555)/payload(len=700)"),
            normal(kBack4 + "tcp(sport=80, dport=40000, flags=R, seq=555, ack=0, win=0)"));
  EXPECT_EQ(answer_to(kTo + "ipv4/tcp(flags=F, seq=99)"),
            normal(kBack4 + "tcp(sport=80, dport=40000, flags=RA, seq=0, ack=100, win=0)"));
}

TEST_F(RejectTest, ExtensionHeadersAndOptionsAreNotAnswered) {
  EXPECT_EQ(answer_to(kTo + "ipv6/hopbyhop/tcp(flags=S, seq=99)"),
            normal(kBack + "ipv6(src=fd00::2, dst=fd00::1)/"
                           "tcp(sport=80, dport=40000, flags=RA, seq=0, ack=100, win=0)"));
  EXPECT_EQ(answer_to(kTo + "ipv4(options=01010101)/tcp(flags=S, seq=99)"),
            normal(kBack4 + "tcp(sport=80, dport=40000, flags=RA, seq=0, ack=100, win=0)"));
}

TEST_F(RejectTest, OtherProtocolsAreToldThatItIsProhibited) {
  EXPECT_EQ(answer_to(kTo + "ipv4/udp/payload(len=4)"),
            normal(kBack + "ipv4(src=10.0.0.2, dst=10.0.0.1, tos=192, df=1)/icmp(type=3, code=13)/"
                           "ipv4/udp/payload(len=4)"));
  EXPECT_EQ(answer_to(kTo + "ipv6/gre"),
            normal(kBack + "ipv6(src=fd00::2, dst=fd00::1)/icmp6(type=1, code=1)/ipv6/gre"));
}

TEST_F(RejectTest, AnswersNeverAnswerOneAnotherOrACrowd) {
  EXPECT_EQ(fate(kTo + "ipv4/tcp(flags=R)"), Out::silent);
  EXPECT_EQ(fate(kTo + "ipv4/tcp(flags=RA)"), Out::silent);
  EXPECT_EQ(fate("eth(src=52:54:00:00:00:01, dst=ff:ff:ff:ff:ff:ff)/ipv4/udp"), Out::silent);
  EXPECT_EQ(fate(kTo + "ipv4(dst=224.0.0.1)/udp"), Out::silent);
  EXPECT_EQ(fate(kTo + "ipv4/icmp(type=3, code=1)/ipv4(src=10.0.0.2, dst=10.0.0.1)/udp"),
            Out::silent);
}

TEST_F(RejectTest, WhoIsBehindATunnelIsAnsweredThroughIt) {
  const OwnedPacket packet = make(kTo + "ipv4/udp");
  packet->in_port = kUplinkPort;
  packet->source_peer = PeerId{7};
  EXPECT_EQ(brick_(*packet, nullptr), Out::to_wire);
  EXPECT_EQ(packet->out_port, kUplinkPort);
  EXPECT_EQ(packet->peer, PeerId{7});
}

TEST_F(RejectTest, SoManyAnswersAndNoMore) {
  for (uint32_t i = 0; i < Reject::kAnswersAtOnce; ++i) {
    ASSERT_EQ(fate(kTo + "ipv4/udp"), Out::to_guest);
  }
  EXPECT_EQ(fate(kTo + "ipv4/udp"), Out::limited);
  lcore_.set_now(1001);
  EXPECT_EQ(fate(kTo + "ipv4/udp"), Out::to_guest);
}

}  // namespace
}  // namespace butterfly
