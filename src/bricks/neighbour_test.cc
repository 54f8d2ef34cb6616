// SPDX-License-Identifier: Apache-2.0
#include "bricks/neighbour.h"

#include "graph/run_brick.h"
#include "support/underlay.h"

namespace butterfly {
namespace {

using Out = Neighbour::Out;
using test::make_parsed;
using test::normal;
using test::OwnedPacket;
using test::text_of;
using test::Underlay;

constexpr TimeMs kNow = 50'000;

constexpr std::array kEndOuts{OutInfo{"kept", Edge::forward, "seen by the test"}};
constexpr BrickInfo kEndInfo{"end", kEndOuts};
void keep_text(Node& node, std::span<Packet*> burst, Lcore& lcore) {
  for (Packet* packet : burst) {
    EXPECT_EQ(packet->out_port, kUplinkPort);
    node.brick<std::vector<std::string>>().push_back(text_of(*packet));
    lcore.drop(*packet);
  }
}

class NeighbourTest : public ::testing::TestWithParam<bool> {
 protected:
  NeighbourTest() {
    lcore_.set_now(kNow);
    node_ = &graph_.add("neighbour", brick_);
    Node& end = graph_.add_sink("end", kEndInfo, &asked_, keep_text, keep_text);
    graph_.connect(*node_, Out::reply, end);
    graph_.connect(*node_, Out::ask, end);
    EXPECT_TRUE(graph_.seal(lcore_).ok());
  }
  Out decide(const OwnedPacket& packet) {
    Emit<Neighbour> emit(*node_, lcore_);
    return brick_(*packet, nullptr, emit);
  }
  Out decide(const std::string& text) { return decide(make_parsed(text)); }
  // What a tick at this time asks.
  std::vector<std::string> tick(TimeMs now) {
    lcore_.set_now(now);
    Emit<Neighbour> emit(*node_, lcore_);
    brick_.tick(now, emit);
    graph_.run(lcore_);
    lcore_.flush_freed();
    return std::exchange(asked_, {});
  }
  std::string known(uint16_t slot) { return u_.neighbours.find(slot, kNow).to_string(); }
  // The answer that `text` gets, in text; the out when it gets none.
  std::string answer(const std::string& text) {
    const OwnedPacket packet = make_parsed(text);
    const Out out = decide(packet);
    if (out != Out::reply) return Neighbour::kOuts[static_cast<size_t>(out)].name;
    EXPECT_EQ(packet->out_port, kUplinkPort);
    return text_of(*packet);
  }

  Underlay u_{GetParam()};
  Lcore lcore_{0, test::pool()};
  Neighbour brick_{u_.vtep, u_.peers, u_.neighbours};
  Graph graph_;
  Node* node_;
  std::vector<std::string> asked_;
};

TEST_P(NeighbourTest, APingIsAnsweredWithTheSameContent) {
  const std::string hops = u_.is_v4() ? "ttl=9" : "hlim=9";
  const std::string ping =
      u_.is_v4() ? "icmp(type=8, id=7, seq=3)" : "icmp6(type=128, id=7, seq=3)";
  const std::string pong =
      u_.is_v4() ? "icmp(type=0, id=7, seq=3)" : "icmp6(type=129, id=7, seq=3)";
  EXPECT_EQ(answer(u_.eth(9, 1) + u_.ip(9, 1, hops) + ping + "/payload(len=57)"),
            normal(u_.eth(1, 9) + u_.ip(1, 9) + pong + "/payload(len=57)"));
}

TEST_P(NeighbourTest, APingInSeveralSegmentsIsAnsweredWhole) {
  const std::string echo = u_.is_v4() ? "icmp" : "icmp6";
  const OwnedPacket packet =
      make_parsed(u_.eth(9, 1) + u_.ip(9, 1) + echo + "(id=7)/payload(len=100)");
  test::split(*packet, 95);
  EXPECT_EQ(decide(packet), Out::reply);
  const std::string reply = u_.is_v4() ? "icmp(type=0, id=7)" : "icmp6(type=129, id=7)";
  EXPECT_EQ(text_of(*packet), normal(u_.eth(1, 9) + u_.ip(1, 9) + reply + "/payload(len=100)"));
}

TEST_P(NeighbourTest, ADamagedPingIsNotAnswered) {
  const std::string echo = u_.is_v4() ? "icmp" : "icmp6";
  EXPECT_EQ(answer(u_.eth(9, 1) + u_.ip(9, 1) + echo + "(id=7, checksum=0x1234)"), "bad-checksum");
}

TEST_P(NeighbourTest, APingIsNotReflectedToGroupsOrToOurselves) {
  const std::string echo = u_.is_v4() ? "icmp(id=1)" : "icmp6(id=1)";
  const std::string ip = u_.is_v4() ? "ipv4(dst=192.0.2.1, src=" : "ipv6(dst=2001:db8::1, src=";
  const std::vector<std::string> nobody =
      u_.is_v4() ? std::vector<std::string>{"192.0.2.255", "0.0.0.0", "127.0.0.1", "240.0.0.1"}
                 : std::vector<std::string>{"::", "::1"};
  for (const std::string& source : nobody) {
    EXPECT_EQ(answer(u_.eth(9, 1) + ip + source + ")/" + echo), "malformed") << source;
  }
  EXPECT_EQ(answer("eth(src=03:00:00:00:00:09, dst=02:00:00:00:00:01)/" + u_.ip(9, 1) + echo),
            "malformed");
  EXPECT_EQ(answer(u_.eth(9, 1) + u_.ip(1, 1) + echo), "address-conflict");
  EXPECT_EQ(answer(u_.eth(9, 1) + u_.ip(9, 2) + echo), "not-for-us");
}

TEST_P(NeighbourTest, APingThatCouldSteerOurAnswerIsNotAnswered) {
  const std::string steered = u_.is_v4() ? u_.ip(9, 1, "options=0707040000000000") + "icmp(id=1)"
                                         : u_.ip(9, 1) + "destopt/icmp6(id=1)";
  EXPECT_EQ(answer(u_.eth(9, 1) + steered), "malformed");
}

TEST_P(NeighbourTest, EveryNextHopIsAskedForOnceUntilASecondHasPassed) {
  EXPECT_EQ(tick(kNow).size(), 2u);
  EXPECT_EQ(tick(kNow + 999).size(), 0u);
  EXPECT_EQ(tick(kNow + 1000).size(), 2u);
}

TEST_P(NeighbourTest, AKnownNextHopIsAskedAgainOnlyWhenItAges) {
  u_.neighbours.learn(test::kNearSlot, *Mac::parse(u_.mac(2)), kNow);
  u_.neighbours.learn(test::kFarSlot, *Mac::parse(u_.mac(254)), kNow);
  EXPECT_EQ(tick(kNow + 30'000).size(), 0u);
  EXPECT_EQ(tick(kNow + 30'001).size(), 2u);
}

TEST_P(NeighbourTest, PeersBehindOneGatewayAreOneQuestion) {
  u_.peers.set(
      std::make_shared<Peer>(u_.vtep, PeerId{20}, u_.host(4), u_.host(254), test::kFarSlot));
  Neighbour brick(u_.vtep, u_.peers, u_.neighbours);
  Emit<Neighbour> emit(*node_, lcore_);
  brick.tick(kNow, emit);
  graph_.run(lcore_);
  EXPECT_EQ(asked_.size(), 2u);
}

TEST_P(NeighbourTest, AManyPeersHostAsksInSlicesAndForgetsNobody) {
  PeerTable peers;
  for (uint16_t i = 0; i < 600; ++i) {
    const Ipv4 v4 = Ipv4::from_u32(0xc6336400u + i);
    Ipv6 v6 = u_.is_v4() ? Ipv6{} : u_.vtep.address.v6();
    v6.bytes[12] = static_cast<uint8_t>(i >> 8);
    v6.bytes[15] = static_cast<uint8_t>(i);
    const IpAddress address = u_.is_v4() ? IpAddress(v4) : IpAddress(v6);
    u_.neighbours.claim(i, address);
    peers.set(std::make_shared<Peer>(u_.vtep, PeerId{i}, address, address, i));
  }
  Emit<Neighbour> emit(*node_, lcore_);
  std::vector<size_t> asked;
  for (TimeMs now = kNow; now < kNow + 400; now += 100) {
    // Intent changes all the time: each tick is that of another snapshot's brick.
    Neighbour brick(u_.vtep, peers, u_.neighbours);
    brick.tick(now, emit);
    graph_.run(lcore_);
    lcore_.flush_freed();
    asked.push_back(std::exchange(asked_, {}).size());
  }
  EXPECT_EQ(asked, (std::vector<size_t>{256, 256, 88, 0}));
}

INSTANTIATE_TEST_SUITE_P(Families, NeighbourTest, ::testing::Bool(), test::family_name);

class ArpTest : public NeighbourTest {
 protected:
  static std::string arp(const std::string& fields) { return "arp(" + fields + ")"; }
  const std::string everyone_ = "eth(src=02:00:00:00:00:02, dst=ff:ff:ff:ff:ff:ff)/";
};
INSTANTIATE_TEST_SUITE_P(V4, ArpTest, ::testing::Values(true), test::family_name);

TEST_P(ArpTest, WhoAsksForUsIsAnsweredAndLearntWhenItIsANextHop) {
  EXPECT_EQ(answer(everyone_ + "arp(op=request, sender_mac=02:00:00:00:00:02, "
                               "sender_ip=192.0.2.2, target_ip=192.0.2.1)"),
            normal("eth(src=02:00:00:00:00:01, dst=02:00:00:00:00:02)/"
                   "arp(op=reply, sender_mac=02:00:00:00:00:01, sender_ip=192.0.2.1, "
                   "target_mac=02:00:00:00:00:02, target_ip=192.0.2.2)"));
  EXPECT_EQ(known(test::kNearSlot), "02:00:00:00:00:02");
}

TEST_P(ArpTest, PaddingOfARequestIsNotSentBack) {
  const OwnedPacket packet =
      make_parsed(everyone_ + "arp(op=request, sender_ip=192.0.2.2, target_ip=192.0.2.1)");
  ASSERT_NE(rte_pktmbuf_append(packet.get(), 18), nullptr);
  EXPECT_EQ(decide(packet), Out::reply);
  EXPECT_EQ(packet->length(), 42u);
}

TEST_P(ArpTest, AProbeForOurAddressIsAnswered) {
  EXPECT_EQ(answer("eth(src=02:00:00:00:00:09, dst=ff:ff:ff:ff:ff:ff)/"
                   "arp(op=request, sender_mac=02:00:00:00:00:09, sender_ip=0.0.0.0, "
                   "target_ip=192.0.2.1)"),
            normal("eth(src=02:00:00:00:00:01, dst=02:00:00:00:00:09)/"
                   "arp(op=reply, sender_mac=02:00:00:00:00:01, sender_ip=192.0.2.1, "
                   "target_mac=02:00:00:00:00:09, target_ip=0.0.0.0)"));
}

TEST_P(ArpTest, AReplyAndAnAnnouncementTeachTheNextHop) {
  EXPECT_EQ(answer(u_.eth(2, 1) + "arp(op=reply, sender_mac=02:00:00:00:00:02, "
                                  "sender_ip=192.0.2.2, target_ip=192.0.2.1)"),
            "learnt");
  EXPECT_EQ(known(test::kNearSlot), "02:00:00:00:00:02");
  EXPECT_EQ(answer(everyone_ + "arp(op=request, sender_mac=02:00:00:00:00:77, "
                               "sender_ip=192.0.2.2, target_ip=192.0.2.2)"),
            "learnt");
  EXPECT_EQ(known(test::kNearSlot), "02:00:00:00:00:77");
}

TEST_P(ArpTest, AStrangerIsAnsweredButNotLearnt) {
  EXPECT_EQ(answer(u_.eth(9, 1) + "arp(op=reply, sender_mac=02:00:00:00:00:09, "
                                  "sender_ip=192.0.2.9, target_ip=192.0.2.1)"),
            "not-for-us");
  EXPECT_EQ(known(test::kNearSlot), "00:00:00:00:00:00");
}

TEST_P(ArpTest, WhoClaimsOurAddressIsNamedAndNothingIsLearnt) {
  EXPECT_EQ(answer(everyone_ + "arp(op=request, sender_ip=192.0.2.1, target_ip=192.0.2.1)"),
            "address-conflict");
  EXPECT_EQ(answer(u_.eth(9, 1) + "arp(op=reply, sender_ip=192.0.2.1, target_ip=192.0.2.2)"),
            "address-conflict");
}

TEST_P(ArpTest, AGroupAsMacIsNeverLearnt) {
  EXPECT_EQ(answer(u_.eth(2, 1) + "arp(op=reply, sender_mac=ff:ff:ff:ff:ff:ff, "
                                  "sender_ip=192.0.2.2, target_ip=192.0.2.1)"),
            "malformed");
  EXPECT_EQ(answer(u_.eth(2, 1) + "arp(op=5, sender_ip=192.0.2.2, target_ip=192.0.2.1)"),
            "malformed");
  EXPECT_EQ(known(test::kNearSlot), "00:00:00:00:00:00");
}

TEST_P(ArpTest, TheFirstQuestionGoesToEveryone) {
  const auto asked = tick(kNow);
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_EQ(asked[0], normal("eth(src=02:00:00:00:00:01, dst=ff:ff:ff:ff:ff:ff)/"
                             "arp(op=request, sender_mac=02:00:00:00:00:01, sender_ip=192.0.2.1, "
                             "target_ip=192.0.2.2)"));
  EXPECT_EQ(asked[1], normal("eth(src=02:00:00:00:00:01, dst=ff:ff:ff:ff:ff:ff)/"
                             "arp(op=request, sender_mac=02:00:00:00:00:01, sender_ip=192.0.2.1, "
                             "target_ip=192.0.2.254)"));
}

TEST_P(ArpTest, ARefreshGoesToTheKnownMacAndToEveryoneWhenItStaysSilent) {
  u_.neighbours.learn(test::kNearSlot, *Mac::parse("02:00:00:00:00:02"), kNow);
  u_.neighbours.learn(test::kFarSlot, *Mac::parse("02:00:00:00:00:fe"), kNow + 20'000);
  auto asked = tick(kNow + 31'000);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_TRUE(asked[0].starts_with("eth(src=02:00:00:00:00:01, dst=02:00:00:00:00:02)"))
      << asked[0];
  asked = tick(kNow + 34'000);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_TRUE(asked[0].starts_with("eth(src=02:00:00:00:00:01, dst=ff:ff:ff:ff:ff:ff)"))
      << asked[0];
}

class NdTest : public NeighbourTest {
 protected:
  const std::string to_our_group_ = "eth(src=02:00:00:00:00:02, dst=33:33:ff:00:00:01)/";
  const std::string ns_ = "nd_ns(target=2001:db8::1, lladdr=02:00:00:00:00:02)";
};
INSTANTIATE_TEST_SUITE_P(V6, NdTest, ::testing::Values(false), test::family_name);

TEST_P(NdTest, WhoSolicitsUsIsAnsweredAndLearntWhenItIsANextHop) {
  EXPECT_EQ(answer(to_our_group_ + "ipv6(src=2001:db8::2, dst=ff02::1:ff00:1)/" + ns_),
            normal(u_.eth(1, 2) + u_.ip(1, 2) +
                   "nd_na(target=2001:db8::1, solicited=1, override=1, lladdr=02:00:00:00:00:01)"));
  EXPECT_EQ(known(test::kNearSlot), "02:00:00:00:00:02");
}

TEST_P(NdTest, ARouterThatSolicitsFromItsLinkLocalAddressIsAnswered) {
  EXPECT_EQ(
      answer(u_.eth(254, 1) + "ipv6(src=fe80::fe, dst=2001:db8::1)/nd_ns(target=2001:db8::1)"),
      normal(u_.eth(1, 254) + "ipv6(src=2001:db8::1, dst=fe80::fe)/" +
             "nd_na(target=2001:db8::1, solicited=1, override=1, lladdr=02:00:00:00:00:01)"));
}

TEST_P(NdTest, AProbeForOurAddressIsAnsweredToEveryone) {
  EXPECT_EQ(answer(to_our_group_ + "ipv6(src=::, dst=ff02::1:ff00:1)/nd_ns(target=2001:db8::1)"),
            normal("eth(src=02:00:00:00:00:01, dst=33:33:00:00:00:01)/"
                   "ipv6(src=2001:db8::1, dst=ff02::1)/"
                   "nd_na(target=2001:db8::1, override=1, lladdr=02:00:00:00:00:01)"));
}

TEST_P(NdTest, WhatARouterCouldHaveForwardedIsRefused) {
  EXPECT_EQ(answer(u_.eth(2, 1) + u_.ip(2, 1, "hlim=254") + ns_), "malformed");
  EXPECT_EQ(answer(u_.eth(2, 1) + u_.ip(2, 1, "hlim=64") +
                   "nd_na(target=2001:db8::2, override=1, lladdr=02:00:00:00:00:02)"),
            "malformed");
  EXPECT_EQ(known(test::kNearSlot), "00:00:00:00:00:00");
}

TEST_P(NdTest, MalformedMessagesTeachNothing) {
  const std::string ip = u_.eth(2, 1) + u_.ip(2, 1);
  EXPECT_EQ(answer(ip + "nd_ns(target=2001:db8::1, checksum=0x1234)"), "bad-checksum");
  EXPECT_EQ(answer(ip + "nd_ns(target=2001:db8::1, code=1)"), "malformed");
  EXPECT_EQ(answer(ip + "nd_ns(target=ff02::1)"), "malformed");
  EXPECT_EQ(answer(ip + "nd_ns(target=2001:db8::1, opts=0100020000000002)"), "malformed");
  EXPECT_EQ(answer(ip + "nd_ns(target=2001:db8::1, opts=0102020000000002)"), "malformed");
  EXPECT_EQ(answer(ip + "nd_ns(target=2001:db8::1, lladdr=33:33:00:00:00:01)"), "malformed");
  EXPECT_EQ(answer(ip + "icmp6(type=135)/payload(len=8)"), "malformed");
  EXPECT_EQ(answer(to_our_group_ + "ipv6(src=::, dst=ff02::1:ff00:1)/" + ns_), "malformed");
  EXPECT_EQ(known(test::kNearSlot), "00:00:00:00:00:00");
}

TEST_P(NdTest, AnAdvertisementTeachesTheNextHop) {
  EXPECT_EQ(answer(u_.eth(2, 1) + u_.ip(2, 1) +
                   "nd_na(target=2001:db8::2, solicited=1, override=1, lladdr=02:00:00:00:00:02)"),
            "learnt");
  EXPECT_EQ(known(test::kNearSlot), "02:00:00:00:00:02");
}

TEST_P(NdTest, WithoutTheOverrideFlagAKnownMacIsKept) {
  u_.neighbours.learn(test::kNearSlot, *Mac::parse("02:00:00:00:00:02"), kNow);
  EXPECT_EQ(answer(u_.eth(9, 1) + u_.ip(2, 1) +
                   "nd_na(target=2001:db8::2, solicited=1, lladdr=02:00:00:00:00:09)"),
            "learnt");
  EXPECT_EQ(known(test::kNearSlot), "02:00:00:00:00:02");
}

TEST_P(NdTest, AnAdvertisementWithoutAMacConfirmsTheKnownOneOnly) {
  const std::string na = u_.eth(2, 1) + u_.ip(2, 1) + "nd_na(target=2001:db8::2, solicited=1)";
  EXPECT_EQ(answer(na), "malformed");
  u_.neighbours.learn(test::kNearSlot, *Mac::parse("02:00:00:00:00:02"), kNow - 30'001);
  EXPECT_TRUE(u_.neighbours.should_ask(test::kNearSlot, kNow));
  EXPECT_EQ(answer(na), "learnt");
  EXPECT_FALSE(u_.neighbours.should_ask(test::kNearSlot, kNow));
}

TEST_P(NdTest, AnAdvertisementToEveryoneMustNotSayThatItWasAskedFor) {
  const std::string everyone =
      "eth(src=02:00:00:00:00:02, dst=33:33:00:00:00:01)/ipv6(src=2001:db8::2, dst=ff02::1)/";
  EXPECT_EQ(answer(everyone + "nd_na(target=2001:db8::2, solicited=1, override=1, "
                              "lladdr=02:00:00:00:00:02)"),
            "malformed");
  EXPECT_EQ(answer(everyone + "nd_na(target=2001:db8::2, override=1, lladdr=02:00:00:00:00:02)"),
            "learnt");
}

TEST_P(NdTest, StrangersAndClaimsOfOurAddressAreNamed) {
  const std::string ip = u_.eth(9, 1) + u_.ip(9, 1);
  const std::string rest = ", override=1, lladdr=02:00:00:00:00:09)";
  EXPECT_EQ(answer(ip + "nd_na(target=2001:db8::9" + rest), "not-for-us");
  EXPECT_EQ(answer(ip + "nd_na(target=2001:db8::1" + rest), "address-conflict");
  EXPECT_EQ(answer(u_.eth(9, 1) + u_.ip(1, 1) + "nd_ns(target=2001:db8::1)"), "address-conflict");
}

TEST_P(NdTest, TheFirstQuestionGoesToTheSolicitedNodeGroup) {
  const auto asked = tick(kNow);
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_EQ(asked[0], normal("eth(src=02:00:00:00:00:01, dst=33:33:ff:00:00:02)/"
                             "ipv6(src=2001:db8::1, dst=ff02::1:ff00:2)/"
                             "nd_ns(target=2001:db8::2, lladdr=02:00:00:00:00:01)"));
}

TEST_P(NdTest, ARefreshGoesToTheKnownStation) {
  u_.neighbours.learn(test::kNearSlot, *Mac::parse("02:00:00:00:00:02"), kNow);
  u_.neighbours.learn(test::kFarSlot, *Mac::parse("02:00:00:00:00:fe"), kNow + 20'000);
  const auto asked = tick(kNow + 31'000);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0], normal(u_.eth(1, 2) + u_.ip(1, 2) +
                             "nd_ns(target=2001:db8::2, lladdr=02:00:00:00:00:01)"));
}

}  // namespace
}  // namespace butterfly
