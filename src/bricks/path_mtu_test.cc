// SPDX-License-Identifier: Apache-2.0
#include "bricks/path_mtu.h"

#include <gmock/gmock.h>

#include "graph/run_brick.h"
#include "support/underlay.h"
#include "wire/checksum.h"

namespace butterfly {
namespace {

using Out = PathMtu::Out;
using test::make_parsed;
using test::normal;
using test::OwnedPacket;
using test::text_of;

const std::string kEth = "eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/";
const std::string kBack = "eth(src=52:54:00:00:00:02, dst=52:54:00:00:00:01)/";

std::vector<uint8_t> slice(const std::vector<uint8_t>& bytes, size_t from, size_t count) {
  return {bytes.begin() + from, bytes.begin() + from + count};
}

constexpr std::array kEndOuts{OutInfo{"kept", Edge::forward, "seen by the test"}};
constexpr BrickInfo kEndInfo{"end", kEndOuts};
void collect(Node& node, std::span<Packet*> burst, Lcore& lcore) {
  auto& pieces = node.brick<std::vector<std::vector<uint8_t>>>();
  for (Packet* packet : burst) {
    EXPECT_FALSE(packet->requests_offload());
    EXPECT_EQ(packet->in_port, PortId{3});
    pieces.push_back(test::contents(*packet));
    lcore.drop(*packet);
  }
}

// The parameter is the family of the underlay.
class PathMtuTest : public ::testing::TestWithParam<bool> {
 protected:
  PathMtuTest() {
    lcore_.set_now(1000);
    node_ = &graph_.add("path-mtu", brick_);
    Node& end = graph_.add_sink("end", kEndInfo, &pieces_, collect, collect);
    for (const Out out : {Out::fits, Out::answered, Out::piece}) graph_.connect(*node_, out, end);
    EXPECT_TRUE(graph_.seal(lcore_).ok());
  }
  // A frame whose IP packet has `length` bytes.
  static std::string v4(size_t length, const std::string& fields = "df=1") {
    return kEth + "ipv4(" + fields + ")/udp/payload(len=" + std::to_string(length - 28) + ")";
  }
  static std::string v6(size_t length, const std::string& fields = "") {
    return kEth + "ipv6(" + fields + ")/udp/payload(len=" + std::to_string(length - 48) + ")";
  }
  // What is sent on the way is in pieces_.
  Out decide(const OwnedPacket& packet, PathMtu::Trace* trace = nullptr) {
    Emit<PathMtu> emit(*node_, lcore_);
    const Out out = brick_(*packet, trace, emit);
    graph_.run(lcore_);
    lcore_.flush_freed();
    return out;
  }
  Out decide(const std::string& text) {
    const OwnedPacket packet = make_parsed(text, Vni{42});
    packet->in_port = PortId{3};
    return decide(packet);
  }

  test::Underlay u_{GetParam()};
  uint16_t mtu_ = u_.is_v4() ? 1450 : 1430;  // 1500 less 36 or 56, less the inner Ethernet header
  TokenBucket answers_{PathMtu::kAnswersPerSecond, PathMtu::kAnswersAtOnce};
  Lcore lcore_{0, test::pool()};
  PathMtu brick_{u_.vtep, answers_, lcore_};
  Graph graph_;
  Node* node_ = nullptr;
  std::vector<std::vector<uint8_t>> pieces_;
};
INSTANTIATE_TEST_SUITE_P(Underlays, PathMtuTest, ::testing::Bool(), test::family_name);

TEST_P(PathMtuTest, TheLargestPacketThatFitsPassesUntouched) {
  const OwnedPacket packet = make_parsed(v4(mtu_));
  EXPECT_EQ(decide(packet), Out::fits);
  EXPECT_EQ(text_of(*packet), normal(v4(mtu_)));
  EXPECT_EQ(decide(v6(mtu_)), Out::fits);
}

TEST_P(PathMtuTest, AnIPv4PacketOneByteTooLongIsAnsweredWithTheSizeThatFits) {
  const OwnedPacket packet = make_parsed(v4(mtu_ + 1u), Vni{42});
  packet->in_port = PortId{3};
  const auto original = test::contents(*packet);
  EXPECT_EQ(decide(packet), Out::answered);
  EXPECT_EQ(packet->out_port, PortId{3});
  const auto answer = test::contents(*packet);
  ASSERT_EQ(answer.size(), 14u + 576u);
  EXPECT_EQ(slice(answer, 42, 548), slice(original, 14, 548));
  const std::string text = text_of(*packet);
  EXPECT_TRUE(text.starts_with(normal(kBack +
                                      "ipv4(src=10.0.0.2, dst=10.0.0.1, tos=192, df=1)/icmp"
                                      "(type=3, code=4, mtu=" +
                                      std::to_string(mtu_) + ")")
                                   .substr(0, 60)))
      << text;
  EXPECT_EQ(wire::checksum_finish(wire::checksum_add(std::span(answer).subspan(14, 20))), 0);
  EXPECT_EQ(wire::checksum_finish(wire::checksum_add(std::span(answer).subspan(34))), 0);
  const auto* icmp = packet->at<wire::IcmpHeader>(34);
  EXPECT_EQ(icmp->type, 3);
  EXPECT_EQ(icmp->code, 4);
  EXPECT_EQ(icmp->sequence, mtu_);
}

// What a receiver makes of the pieces: the IP packet's payload. Each is sound by itself.
std::vector<uint8_t> put_together(const std::vector<std::vector<uint8_t>>& pieces, uint16_t mtu,
                                  uint32_t first_offset = 0, bool goes_on = false) {
  std::vector<uint8_t> whole;
  for (const auto& piece : pieces) {
    const auto* ip = wire::view_at<wire::Ipv4Header>(std::span(piece), 14);
    EXPECT_LE(ip->total_length, mtu);
    EXPECT_EQ(piece.size(), 14u + ip->total_length);
    EXPECT_TRUE(wire::ipv4_checksum_holds(*ip));
    EXPECT_EQ(ip->id, 77);
    EXPECT_EQ(ip->fragment_offset(), first_offset + whole.size());
    EXPECT_EQ(ip->more_fragments(), goes_on || &piece != &pieces.back());
    whole.insert(whole.end(), piece.begin() + 34, piece.end());
  }
  return whole;
}

TEST_P(PathMtuTest, AnIPv4PacketWithoutDfGoesOnInFragments) {
  for (const size_t length : {mtu_ + 1u, 1500u, 1900u}) {
    pieces_.clear();
    const OwnedPacket packet = make_parsed(v4(length, "id=77"), Vni{42});
    packet->in_port = PortId{3};
    const auto original = test::contents(*packet);
    EXPECT_EQ(decide(packet), Out::fragmented);
    EXPECT_EQ(pieces_.size(), 2u);
    EXPECT_EQ(put_together(pieces_, mtu_), slice(original, 34, length - 20));
    EXPECT_EQ(test::contents(*packet), original);
  }
}

TEST_P(PathMtuTest, PaddingIsNoPartOfTheLastFragment) {
  const OwnedPacket packet = make_parsed(v4(1500, "id=77"), Vni{42});
  packet->in_port = PortId{3};
  const auto original = test::contents(*packet);
  ASSERT_NE(rte_pktmbuf_append(packet.get(), 30), nullptr);
  EXPECT_EQ(decide(packet), Out::fragmented);
  EXPECT_EQ(put_together(pieces_, mtu_), slice(original, 34, 1480));
}

TEST_P(PathMtuTest, AFragmentIsCutAgainWhereItLies) {
  for (const bool goes_on : {true, false}) {
    pieces_.clear();
    const OwnedPacket packet =
        test::make_owned(kEth + "ipv4(id=77, frag=185, proto=17, mf=" + (goes_on ? "1" : "0") +
                         ")/payload(len=1480)");
    ASSERT_EQ(wire::parse_frame(packet->bytes(), packet->length(), Vni{42}, packet->parsed),
              wire::ParseError::fragment);
    packet->in_port = PortId{3};
    const auto original = test::contents(*packet);
    EXPECT_EQ(decide(packet), Out::fragmented);
    EXPECT_EQ(put_together(pieces_, mtu_, 1480, goes_on), slice(original, 34, 1480));
  }
}

TEST_P(PathMtuTest, CopiesOfAFloodAreFragmentedToo) {
  const OwnedPacket packet = make_parsed(
      "eth(dst=ff:ff:ff:ff:ff:ff)/ipv4(id=77, dst=10.0.0.255)/udp/payload(len=1472)", Vni{42});
  packet->in_port = PortId{3};
  const auto original = test::contents(*packet);
  const OwnedPacket copy(clone_with_headroom(*packet, test::pool()));
  EXPECT_EQ(decide(copy), Out::fragmented);
  EXPECT_EQ(put_together(pieces_, mtu_), slice(original, 34, 1480));
  EXPECT_EQ(test::contents(*packet), original);
}

TEST_P(PathMtuTest, AChecksumThatWasLeftToTheDeviceIsWrittenBeforeTheCut) {
  for (const std::string transport : {"udp/payload(len=1472)", "tcp(flags=A)/payload(len=1460)"}) {
    pieces_.clear();
    const OwnedPacket packet = make_parsed(kEth + "ipv4(id=77)/" + transport, Vni{42});
    packet->in_port = PortId{3};
    const auto finished = test::contents(*packet);
    const bool is_udp = packet->parsed.protocol == wire::kProtoUdp;
    const uint64_t pseudo =
        wire::pseudo_header_sum(Ipv4{{10, 0, 0, 1}}, Ipv4{{10, 0, 0, 2}}, is_udp ? 17 : 6, 1480);
    *packet->at<be16>(34 + (is_udp ? 6u : 16u)) =
        static_cast<uint16_t>(~wire::checksum_finish(pseudo));
    packet->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
    EXPECT_EQ(decide(packet), Out::fragmented);
    EXPECT_EQ(put_together(pieces_, mtu_), slice(finished, 34, 1480)) << transport;
  }
}

TEST_P(PathMtuTest, WhatMustNotBeCutIsAnswered) {
  EXPECT_EQ(decide(v4(1500, "df=1")), Out::answered);
  EXPECT_EQ(decide(kEth + "ipv4(options=01010101)/udp/payload(len=1472)"), Out::answered);
  const OwnedPacket odd = make_parsed(kEth + "ipv4(proto=99)/payload(len=1480)", Vni{42});
  odd->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;  // a checksum of nobody knows what
  EXPECT_EQ(decide(odd), Out::answered);
  EXPECT_EQ(pieces_.size(), 0u);
}

TEST_P(PathMtuTest, AnIPv6PacketIsAnsweredWithAsMuchOfItAsTheMinimumMtuHolds) {
  const OwnedPacket packet = make_parsed(v6(1500), Vni{42});
  packet->in_port = PortId{3};
  const auto original = test::contents(*packet);
  EXPECT_EQ(decide(packet), Out::answered);
  EXPECT_EQ(packet->out_port, PortId{3});
  const auto answer = test::contents(*packet);
  ASSERT_EQ(answer.size(), 14u + 1280u);
  EXPECT_EQ(slice(answer, 62, 1232), slice(original, 14, 1232));
  EXPECT_EQ(slice(answer, 0, 12), slice(test::bytes_of(kBack + "arp"), 0, 12));
  const auto* ip = packet->at<wire::Ipv6Header>(14);
  EXPECT_EQ(IpAddress(ip->source).to_string(), "fd00::2");
  EXPECT_EQ(IpAddress(ip->destination).to_string(), "fd00::1");
  const auto* icmp = packet->at<wire::IcmpHeader>(54);
  EXPECT_EQ(icmp->type, 2);
  EXPECT_EQ(icmp->code, 0);
  EXPECT_EQ(icmp->sequence, mtu_);
  const uint64_t pseudo = wire::pseudo_header_sum(ip->source, ip->destination, 58, 1240);
  EXPECT_EQ(wire::checksum_finish(wire::checksum_add(std::span(answer).subspan(54), pseudo)), 0);
}

TEST_P(PathMtuTest, TheAnswerIsAnErrorThatOurOwnParserAcceptsForTheSameFlow) {
  for (const std::string& text : {v4(1500), v6(1500)}) {
    const OwnedPacket packet = make_parsed(text, Vni{42});
    const wire::Parsed before = packet->parsed;
    ASSERT_EQ(decide(packet), Out::answered);
    ASSERT_EQ(wire::parse_frame(packet->bytes(), packet->length(), Vni{42}, packet->parsed),
              wire::ParseError::none);
    EXPECT_EQ(packet->parsed.kind, wire::FrameKind::icmp_error);
    EXPECT_TRUE(packet->parsed.key.equals(before.key, before.family));
  }
}

TEST_P(PathMtuTest, APacketInManySegmentsIsAnsweredAndItsSegmentsGoBackToThePool) {
  const uint32_t before = test::pool().in_use();
  for (const std::string& text : {v4(1800), v6(1800)}) {
    const OwnedPacket packet = make_parsed(text, Vni{42});
    const OwnedPacket whole = make_parsed(text, Vni{42});
    test::split(*packet, 1711);
    test::split(*packet, 903);  // odd: sums continue across it
    test::split(*packet, 101);
    EXPECT_EQ(decide(packet), Out::answered);
    EXPECT_EQ(decide(whole), Out::answered);
    EXPECT_EQ(test::contents(*packet), test::contents(*whole));
    EXPECT_LT(packet->nb_segs, 4);
    EXPECT_EQ(test::pool().in_use(), before + packet->nb_segs + 1u);
  }
  EXPECT_EQ(test::pool().in_use(), before);
}

TEST_P(PathMtuTest, WhatIsNotIpIsDroppedByName) {
  const std::string length = std::to_string(mtu_ + 1);
  EXPECT_EQ(decide(kEth + "payload(len=" + length + ")"), Out::too_big);
  EXPECT_EQ(decide(kEth + "payload(len=" + std::to_string(mtu_) + ")"), Out::fits);
}

TEST_P(PathMtuTest, AnErrorIsNeverAnsweredWithAnError) {
  EXPECT_EQ(decide(kEth + "ipv4(df=1)/icmp(type=3, code=1)/ipv4/udp/payload(len=1500)"),
            Out::too_big);
  EXPECT_EQ(decide(kEth + "ipv6/icmp6(type=1)/ipv6/udp/payload(len=1500)"), Out::too_big);
  EXPECT_EQ(decide(kEth + "ipv6/icmp6(type=137)/payload(len=1500)"), Out::too_big);
}

TEST_P(PathMtuTest, ABigPingIsAnsweredSinceItIsNoError) {
  EXPECT_EQ(decide(kEth + "ipv4(df=1)/icmp(id=1)/payload(len=1480)"), Out::answered);
  EXPECT_EQ(decide(kEth + "ipv6/icmp6(id=1)/payload(len=1480)"), Out::answered);
}

TEST_P(PathMtuTest, GroupsAndSourcesThatAreNobodyAreNeverAnswered) {
  const std::string payload = "/udp/payload(len=1500)";
  EXPECT_EQ(decide("eth(dst=01:00:5e:00:00:05)/ipv4(dst=224.0.0.5, df=1)" + payload), Out::too_big);
  EXPECT_EQ(decide(kEth + "ipv4(dst=224.0.0.5, df=1)" + payload), Out::too_big);
  EXPECT_EQ(decide("eth(dst=ff:ff:ff:ff:ff:ff)/ipv4(df=1)" + payload), Out::too_big);
  EXPECT_EQ(decide(kEth + "ipv4(src=0.0.0.0, df=1)" + payload), Out::too_big);
  EXPECT_EQ(decide(kEth + "ipv4(src=127.0.0.1, df=1)" + payload), Out::too_big);
  EXPECT_EQ(decide(kEth + "ipv6(src=::)" + payload), Out::too_big);
  EXPECT_EQ(decide("eth(dst=33:33:00:00:00:01)/ipv6(dst=ff02::1)" + payload), Out::too_big);
}

TEST_P(PathMtuTest, ASmallPacketInALongFrameIsNotToldASizeThatItAlreadyHas) {
  const OwnedPacket packet = make_parsed(v4(100), Vni{42});
  ASSERT_NE(rte_pktmbuf_append(packet.get(), 1500), nullptr);
  EXPECT_EQ(decide(packet), Out::too_big);
}

TEST_P(PathMtuTest, AFloodedCopyIsDroppedAndTheOriginalStaysAsItWas) {
  const OwnedPacket original = make_parsed(v4(1500), Vni{42});
  const auto bytes = test::contents(*original);
  const OwnedPacket clone(clone_packet(*original, test::pool()));
  const OwnedPacket copy(clone_with_headroom(*original, test::pool()));
  EXPECT_EQ(decide(clone), Out::too_big);
  EXPECT_EQ(decide(copy), Out::too_big);
  EXPECT_EQ(decide(original), Out::too_big);
  EXPECT_EQ(test::contents(*original), bytes);
}

TEST_P(PathMtuTest, AnswersAreLimited) {
  for (uint32_t i = 0; i < PathMtu::kAnswersAtOnce; ++i) {
    ASSERT_EQ(decide(v4(1500)), Out::answered) << i;
  }
  EXPECT_EQ(decide(v4(1500)), Out::too_big_limited);
  EXPECT_EQ(decide(v4(200)), Out::fits);
  lcore_.set_now(1001);
  EXPECT_EQ(decide(v4(1500)), Out::answered);
}

TEST_P(PathMtuTest, WhatTheGuestAskedItsDeviceToDoIsForgotten) {
  const OwnedPacket packet = make_parsed(v4(1500), Vni{42});
  packet->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
  EXPECT_EQ(decide(packet), Out::answered);
  EXPECT_EQ(packet->ol_flags, 0u);
}

TEST_P(PathMtuTest, OfASuperFrameTheSegmentsAreJudged) {
  for (const bool v4_inside : {true, false}) {
    const std::string text = kEth + (v4_inside ? "ipv4" : "ipv6") +
                             "/tcp(flags=A, opts=0101080a0000000100000002)/" + "payload(len=1900)";
    const auto fitting = static_cast<uint16_t>(mtu_ - (v4_inside ? 20 : 40) - 32);
    for (const bool is_copy : {false, true}) {
      const auto decide_about = [&](uint16_t segment_size) {
        OwnedPacket packet = make_parsed(text, Vni{42});
        packet->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE | RTE_MBUF_F_RX_LRO;
        packet->tso_segsz = segment_size;
        if (!is_copy) return decide(packet);
        const OwnedPacket copy(clone_with_headroom(*packet, test::pool()));
        return decide(copy);
      };
      EXPECT_EQ(decide_about(fitting), Out::fits);
      EXPECT_EQ(decide_about(static_cast<uint16_t>(fitting + 1)),
                is_copy ? Out::too_big : Out::answered);
      EXPECT_EQ(decide_about(65535), is_copy ? Out::too_big : Out::answered) << "one segment";
    }
  }
  const OwnedPacket udp = make_parsed(v4(1900), Vni{42});
  udp->ol_flags |= RTE_MBUF_F_RX_LRO;
  udp->tso_segsz = 500;
  EXPECT_EQ(decide(udp), Out::answered) << "only TCP is segmented";
}

TEST_P(PathMtuTest, ATraceTellsBothSizes) {
  const OwnedPacket packet = make_parsed(v4(1500), Vni{42});
  PathMtu::Trace trace{};
  decide(packet, &trace);
  EXPECT_EQ(PathMtu::format(trace), "1514 bytes, IP packets of " + std::to_string(mtu_) + " fit");
}

TEST(PathMtuOnASmallUnderlay, IPv6IsNotToldASizeThatItMustIgnore) {
  test::Underlay u(true);
  u.vtep.mtu = 1300;
  TokenBucket answers(1, 1);
  Lcore lcore(0, test::pool());
  PathMtu brick(u.vtep, answers, lcore);
  Graph graph;
  Node& node = graph.add("path-mtu", brick);
  Emit<PathMtu> emit(node, lcore);
  const OwnedPacket v6 = make_parsed(kEth + "ipv6/udp/payload(len=1300)");
  EXPECT_EQ(brick(*v6, nullptr, emit), Out::too_big);
  const OwnedPacket v4 = make_parsed(kEth + "ipv4(df=1)/udp/payload(len=1300)");
  EXPECT_EQ(brick(*v4, nullptr, emit), Out::answered);
}

}  // namespace
}  // namespace butterfly
