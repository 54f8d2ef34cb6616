// SPDX-License-Identifier: Apache-2.0
#include "bricks/offload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/run_brick.h"
#include "support/underlay.h"
#include "support/unfinished.h"

namespace butterfly {
namespace {

using Out = Offload::Out;
using test::normal;
using test::OwnedPacket;
using test::text_of;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string kEth = "eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/";

// Keeps what arrives, as a port would see it, or sends it on at once.
struct Collected {
  bool keeps = true;
  std::vector<OwnedPacket> packets;
  size_t sent = 0;
  uint32_t most_buffers = 0;  // in use while it sent
};
constexpr std::array kEndOuts{OutInfo{"kept", Edge::forward, "seen by the test"}};
constexpr BrickInfo kEndInfo{"end", kEndOuts};
void collect(Node& node, std::span<Packet*> burst, Lcore& lcore) {
  auto& collected = node.brick<Collected>();
  collected.most_buffers = std::max(collected.most_buffers, test::pool().in_use());
  for (Packet* packet : burst) {
    if (collected.keeps) {
      collected.packets.emplace_back(packet);
    } else {
      ++collected.sent;
      lcore.drop(*packet);
    }
  }
}

// A port that only says what its guest takes.
struct GuestPort : Port {
  uint16_t receive(uint16_t, std::span<Packet*>) noexcept override { return 0; }
  Sent transmit(uint16_t, std::span<Packet*>) noexcept override { return {}; }
  bool is_connected() const noexcept override { return true; }
  Offloads offloads() const noexcept override { return takes; }
  Offloads takes;
};

class OffloadTest : public ::testing::Test {
 protected:
  OffloadTest() {
    node_ = &graph_.add("offload", offload_);
    Node& end = graph_.add_sink("end", kEndInfo, &end_, collect, collect);
    for (const Out out : {Out::untouched, Out::passed_on, Out::finished, Out::made}) {
      graph_.connect(*node_, out, end);
    }
    EXPECT_TRUE(graph_.seal(lcore_).ok());
    in_use_ = test::pool().in_use();
    large_in_use_ = test::large_pool().in_use();
  }
  ~OffloadTest() override {
    end_.packets.clear();
    EXPECT_EQ(test::pool().in_use(), in_use_) << "packets were lost";
    EXPECT_EQ(test::large_pool().in_use(), large_in_use_) << "large packets were lost";
    const LedgerCounts& ledger = lcore_.counters().ledger();
    EXPECT_EQ(fed_ + ledger.made.read() + ledger.copied.read(), taken_ + ledger.dropped.read());
  }

  // A packet that asks for its checksum and, with a segment size, to be cut.
  static OwnedPacket asking(const std::string& text, uint16_t segment_size = 0) {
    OwnedPacket packet(test::make_large_packet(test::unfinished(test::bytes_of(text))));
    packet->vni = Vni{7};
    EXPECT_EQ(wire::parse_frame(packet->bytes(), packet->length(), Vni{7}, packet->parsed),
              wire::ParseError::none);
    packet->out_port = PortId{1};
    packet->flow_hash = 77;
    packet->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
    if (segment_size == 0) return packet;
    packet->ol_flags |= RTE_MBUF_F_RX_LRO;
    packet->tso_segsz = segment_size;
    return packet;
  }
  void feed(OwnedPacket packet) {
    node_->push(*packet.release(), lcore_);
    ++fed_;
  }
  void run() {
    graph_.run(lcore_);
    lcore_.flush_freed();
    taken_ = end_.packets.size();
  }
  // What comes out when only this packet goes in.
  std::vector<std::string> serve(OwnedPacket packet) {
    end_.packets.clear();
    fed_ = taken_ = 0;
    lcore_.counters().ledger().made.set(0);
    lcore_.counters().ledger().copied.set(0);
    lcore_.counters().ledger().dropped.set(0);
    feed(std::move(packet));
    run();
    std::vector<std::string> texts;
    for (const OwnedPacket& out : end_.packets) texts.push_back(text_of(*out));
    return texts;
  }
  uint64_t count(Out out) {
    return lcore_.counters().node(node_->index())[static_cast<size_t>(out)].packets.read();
  }
  static std::string tcp(const std::string& fields, size_t payload) {
    return kEth + "ipv4(id=100, df=1)/tcp(seq=1000" + fields +
           ")/payload(len=" + std::to_string(payload) + ")";
  }

  Lcore lcore_{0, test::pool()};
  GuestPort guest_;
  std::array<Port*, 2> ports_{nullptr, &guest_};
  Offload offload_{ports_};
  Collected end_;
  Graph graph_;
  Node* node_;
  uint32_t in_use_ = 0;
  uint32_t large_in_use_ = 0;
  uint64_t fed_ = 0;
  uint64_t taken_ = 0;
};

// `count` letters of payload(len=…) from the first-th on.
std::string letters(size_t first, size_t count) {
  std::string text;
  for (size_t i = first; i < first + count; ++i) text += static_cast<char>('a' + i % 26);
  return "payload(text=" + text + ")";
}

TEST_F(OffloadTest, APacketThatLeavesNothingToDoIsNotTouched) {
  OwnedPacket packet = asking(tcp("", 10));
  packet->ol_flags = 0;
  const auto bytes = test::contents(*packet);
  serve(std::move(packet));
  EXPECT_EQ(test::contents(*end_.packets.at(0)), bytes);
  EXPECT_EQ(count(Out::untouched), 1u);
}

TEST_F(OffloadTest, AChecksumIsFinishedForWhoDoesNotTakeItSo) {
  for (const std::string ip : {"ipv4", "ipv6", "ipv6/destopt", "ipv4(options=01010101)"}) {
    for (const std::string payload : {"/payload(len=0)", "/payload(len=1)", "/payload(len=1400)"}) {
      for (const std::string l4 : {"/tcp(flags=PA, seq=5)", "/udp"}) {
        const std::string text = kEth + ip + l4 + payload;
        EXPECT_THAT(serve(asking(text)), ElementsAre(normal(text)));
        EXPECT_EQ(end_.packets.at(0)->ol_flags & Packet::kOffloadRequests, 0u);
      }
    }
  }
  EXPECT_EQ(count(Out::finished), 24u);
}

TEST_F(OffloadTest, AUdpChecksumOfZeroIsWrittenAsAllOnes) {
  // Chosen so that the sum is all ones.
  for (uint32_t value = 0; value < 0x10000; ++value) {
    char hex[5];
    std::snprintf(hex, sizeof hex, "%04x", value);
    const auto bytes = test::bytes_of(kEth + "ipv4/udp/raw(hex=" + hex + ")");
    if (bytes[40] != 0xff || bytes[41] != 0xff) continue;
    serve(asking(kEth + "ipv4/udp/raw(hex=" + hex + ")"));
    EXPECT_EQ(test::contents(*end_.packets.at(0)), bytes);
    return;
  }
  FAIL() << "no such payload";
}

TEST_F(OffloadTest, PaddingBehindThePacketIsNoPartOfItsChecksum) {
  const std::string text = kEth + "ipv4/tcp/payload(len=3)/trailer(hex=ff01ff02)";
  EXPECT_THAT(serve(asking(text)), ElementsAre(normal(text)));
}

TEST_F(OffloadTest, AGuestThatTakesItSoGetsTheBytesAsTheyWere) {
  guest_.takes = {.checksum = true};
  OwnedPacket packet = asking(tcp("", 100));
  const auto bytes = test::contents(*packet);
  serve(std::move(packet));
  const Packet& out = *end_.packets.at(0);
  EXPECT_EQ(test::contents(out), bytes);
  EXPECT_EQ(out.ol_flags, RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4);
  EXPECT_EQ(out.l2_len, 14u);
  EXPECT_EQ(out.l3_len, 20u);
  serve(asking(kEth + "ipv6/udp/payload(len=9)"));
  EXPECT_EQ(end_.packets.at(0)->ol_flags, RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IPV6);
  EXPECT_EQ(end_.packets.at(0)->l3_len, 40u);
  EXPECT_EQ(count(Out::passed_on), 2u);
}

TEST_F(OffloadTest, BehindExtensionHeadersTheChecksumIsFinishedAllTheSame) {
  guest_.takes = {true, true, true};
  const std::string text = kEth + "ipv6/hopbyhop/tcp(seq=1)/payload(len=30)";
  EXPECT_THAT(serve(asking(text)), ElementsAre(normal(text)));
  EXPECT_EQ(serve(asking(kEth + "ipv6/hopbyhop/tcp(flags=A)/payload(len=3000)", 1000)).size(), 3u);
}

TEST_F(OffloadTest, ASuperFrameIsCutIntoSegmentsAsTcpWouldHaveSent) {
  const std::string head = kEth + "ipv4(id=100, df=1)/tcp(flags=PAF, ack=9, win=500, seq=";
  const auto out = serve(asking(head + "4294967000)/payload(len=2500)", 1000));
  const std::string head_of_2 = kEth + "ipv4(id=101, df=1)/tcp(flags=A, ack=9, win=500, seq=";
  const std::string head_of_3 = kEth + "ipv4(id=102, df=1)/tcp(flags=PAF, ack=9, win=500, seq=";
  EXPECT_THAT(out, ElementsAre(normal(kEth +
                                      "ipv4(id=100, df=1)/tcp(flags=A, ack=9, win=500, seq="
                                      "4294967000)/" +
                                      letters(0, 1000)),
                               normal(head_of_2 + "704)/" + letters(1000, 1000)),
                               normal(head_of_3 + "1704)/" + letters(2000, 500))));
  EXPECT_EQ(count(Out::made), 3u);
  EXPECT_EQ(count(Out::replaced), 1u);
}

TEST_F(OffloadTest, TcpOptionsAndIpv4OptionsAreRepeated) {
  const std::string ip = "ipv4(options=01010101, id=";
  const std::string options = "opts=0101080a0000000100000002)/";
  const auto out =
      serve(asking(kEth + ip + "7)/tcp(flags=A, seq=0, " + options + "payload(len=30)", 20));
  EXPECT_THAT(
      out, ElementsAre(normal(kEth + ip + "7)/tcp(flags=A, seq=0, " + options + letters(0, 20)),
                       normal(kEth + ip + "8)/tcp(flags=A, seq=20, " + options + letters(20, 10))));
}

TEST_F(OffloadTest, AnIpv6SuperFrameIsCutAsWell) {
  for (const std::string ip : {"ipv6(flow=77, tc=2)", "ipv6/destopt(data=010400000000)"}) {
    const auto out = serve(asking(kEth + ip + "/tcp(flags=PA, seq=1)/payload(len=2857)", 1428));
    EXPECT_THAT(out,
                ElementsAre(normal(kEth + ip + "/tcp(flags=A, seq=1)/" + letters(0, 1428)),
                            normal(kEth + ip + "/tcp(flags=A, seq=1429)/" + letters(1428, 1428)),
                            normal(kEth + ip + "/tcp(flags=PA, seq=2857)/" + letters(2856, 1))));
  }
}

TEST_F(OffloadTest, ACongestionSignalIsAnsweredOnce) {
  const auto out = serve(asking(tcp(", flags=AC", 250), 100));
  ASSERT_EQ(out.size(), 3u);
  EXPECT_THAT(out[0], ::testing::HasSubstr("flags=AC"));
  EXPECT_THAT(out[1], ::testing::Not(::testing::HasSubstr("flags=AC")));
  // A guest cannot be told to do so.
  guest_.takes = {true, true, true};
  EXPECT_EQ(serve(asking(tcp(", flags=AC", 250), 100)).size(), 3u);
}

TEST_F(OffloadTest, SegmentsBearTheFactsOfTheirSuperFrame) {
  serve(asking(tcp(", flags=A", 3000), 1448));
  for (const OwnedPacket& out : end_.packets) {
    EXPECT_EQ(out->out_port, PortId{1});
    EXPECT_EQ(out->vni, Vni{7});
    EXPECT_EQ(out->flow_hash, 77u);
    EXPECT_EQ(out->ol_flags, 0u);
    EXPECT_EQ(out->nb_segs, 1);
    EXPECT_EQ(size_t{out->parsed.l4} + out->parsed.l4_length, out->length());
    EXPECT_NE(out->prepend(70), nullptr) << "a tunnel's headers must fit in front";
  }
}

TEST_F(OffloadTest, TheLongestFrameThatAGuestCanSendIsCut) {
  const size_t payload = kLargeBufferData - 54;
  const auto out = serve(asking(tcp(", flags=PA", payload), 1448));
  EXPECT_EQ(out.size(), (payload + 1447) / 1448);
  size_t bytes = 0;
  uint32_t next = 1000;
  for (const OwnedPacket& packet : end_.packets) {
    const auto* header = packet->at<wire::TcpHeader>(packet->parsed.l4);
    EXPECT_EQ(header->sequence, next);
    next += packet->parsed.l4_length - 20u;
    bytes += packet->parsed.l4_length - 20u;
  }
  EXPECT_EQ(bytes, payload);
  for (const std::string& text : out) {
    EXPECT_THAT(text, ::testing::Not(::testing::HasSubstr("checksum")));
  }
}

TEST_F(OffloadTest, SegmentsOfAGuestWithJumboFramesFitOneBufferEach) {
  const auto out = serve(asking(tcp(", flags=A", 20'000), 8948));
  EXPECT_EQ(out.size(), 20'000u / (2048 - 54) + 1);
}

TEST_F(OffloadTest, AGuestThatTakesSuperFramesGetsThemWhole) {
  guest_.takes = {true, true, false};
  OwnedPacket packet = asking(tcp(", flags=PA", 30'000), 1448);
  const auto bytes = test::contents(*packet);
  serve(std::move(packet));
  const Packet& out = *end_.packets.at(0);
  EXPECT_EQ(test::contents(out), bytes);
  EXPECT_EQ(out.ol_flags, RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4);
  EXPECT_EQ(out.tso_segsz, 1448u);
  EXPECT_EQ(out.l4_len, 20u);
  // Of the other family it does not.
  const std::string v6 = kEth + "ipv6/tcp(flags=A)/payload(len=3000)";
  EXPECT_EQ(serve(asking(v6, 1448)).size(), 3u);
}

TEST_F(OffloadTest, DataThatFitsOneSegmentIsAPacketWithoutAChecksum) {
  for (const uint16_t size : {uint16_t{100}, uint16_t{101}, uint16_t{65535}}) {
    EXPECT_THAT(serve(asking(tcp(", flags=A", 100), size)),
                ElementsAre(normal(tcp(", flags=A", 100))));
    EXPECT_EQ(end_.packets.at(0)->ol_flags, 0u);
  }
  EXPECT_EQ(count(Out::finished), 3u);
}

TEST_F(OffloadTest, SegmentsTooSmallAreRefusedByName) {
  for (const uint16_t size : {uint16_t{1}, uint16_t{7}}) {
    EXPECT_THAT(serve(asking(tcp(", flags=A", 1000), size)), IsEmpty());
  }
  // The library reports a size of 0 as no request; it would not be one either.
  OwnedPacket packet = asking(tcp(", flags=A", 1000), 1);
  packet->tso_segsz = 0;
  EXPECT_THAT(serve(std::move(packet)), IsEmpty());
  EXPECT_EQ(count(Out::bad_segment_size), 3u);
  EXPECT_EQ(serve(asking(tcp(", flags=A", 1000), 8)).size(), 125u);
}

TEST_F(OffloadTest, MoreSegmentsThanTheLimitAreRefusedByName) {
  EXPECT_EQ(serve(asking(tcp(", flags=A", 2560), 10)).size(), 256u);
  EXPECT_THAT(serve(asking(tcp(", flags=A", 2561), 10)), IsEmpty());
  EXPECT_THAT(serve(asking(tcp(", flags=A", 64'000), 8)), IsEmpty());
  // Nor may a guest be given what we would refuse.
  guest_.takes = {true, true, true};
  EXPECT_THAT(serve(asking(tcp(", flags=A", 64'000), 8)), IsEmpty());
  EXPECT_EQ(count(Out::too_many_segments), 3u);
}

TEST_F(OffloadTest, OnlyPlainTcpDataIsSegmented) {
  for (const std::string flags : {"S", "SA", "R", "RA"}) {
    EXPECT_THAT(serve(asking(tcp(", flags=" + flags, 3000), 1000)), IsEmpty()) << flags;
  }
  EXPECT_THAT(serve(asking(kEth + "ipv4/udp/payload(len=3000)", 1000)), IsEmpty());
  EXPECT_THAT(serve(asking(kEth + "ipv4/icmp/payload(len=3000)", 1000)), IsEmpty());
  EXPECT_THAT(serve(asking(kEth + "payload(len=3000)", 1000)), IsEmpty());
  EXPECT_THAT(serve(asking(kEth + "arp", 10)), IsEmpty());
  EXPECT_EQ(count(Out::not_segmentable), 8u);
}

TEST_F(OffloadTest, HeadersThatWouldFillTheSegmentsAreNotSegmented) {
  std::string data;
  for (int i = 0; i < 254; ++i) data += "00";
  const std::string text = kEth + "ipv6/destopt(data=" + data + ")/tcp(flags=A)/payload(len=3000)";
  EXPECT_THAT(serve(asking(text, 1000)), IsEmpty());
  EXPECT_EQ(count(Out::not_segmentable), 1u);
}

TEST_F(OffloadTest, AChecksumOfWhatHasNoneIsRefusedByName) {
  for (const std::string text :
       {"ipv4/icmp/payload(len=10)", "ipv6/icmp6(type=135)", "ipv4/sctp", "ipv4/gre/ipv4/tcp",
        "arp", "payload(len=50)", "ipv4/icmp(type=3, code=1)/ipv4/udp/payload(len=9)"}) {
    EXPECT_THAT(serve(asking(kEth + text)), IsEmpty()) << text;
  }
  EXPECT_EQ(count(Out::no_such_checksum), 7u);
}

TEST_F(OffloadTest, BytesThatOthersShareAreNotWritten) {
  OwnedPacket original = asking(tcp(", flags=A", 200));
  const auto bytes = test::contents(*original);
  EXPECT_THAT(serve(OwnedPacket(clone_packet(*original, test::pool()))),
              ElementsAre(normal(tcp(", flags=A", 200))));
  EXPECT_THAT(serve(OwnedPacket(clone_with_headroom(*original, test::pool()))),
              ElementsAre(normal(tcp(", flags=A", 200))));
  EXPECT_EQ(test::contents(*original), bytes);
  EXPECT_EQ(count(Out::made), 2u);
  EXPECT_EQ(count(Out::replaced), 2u);
}

TEST_F(OffloadTest, AFloodedSuperFrameIsCutForEachWhoDoesNotTakeIt) {
  OwnedPacket original = asking(tcp(", flags=A", 5000), 1448);
  const auto bytes = test::contents(*original);
  for (const bool to_tunnel : {false, true}) {
    OwnedPacket copy(to_tunnel ? clone_with_headroom(*original, test::pool())
                               : clone_packet(*original, test::pool()));
    const auto out = serve(std::move(copy));
    EXPECT_EQ(out.size(), 4u);
    EXPECT_EQ(out.at(1),
              normal(kEth + "ipv4(id=101, df=1)/tcp(seq=2448, flags=A)/" + letters(1448, 1448)));
  }
  EXPECT_EQ(test::contents(*original), bytes);
}

TEST_F(OffloadTest, AFrameInManyPiecesComesOutTheSame) {
  for (const uint16_t size : {uint16_t{0}, uint16_t{700}}) {
    OwnedPacket whole = asking(tcp(", flags=A", 1800), size);
    OwnedPacket pieces(test::make_packet(test::contents(*whole)));
    pieces->parsed = whole->parsed;
    pieces->out_port = PortId{1};
    pieces->ol_flags = whole->ol_flags;
    pieces->tso_segsz = whole->tso_segsz;
    test::split(*pieces, 1333);
    test::split(*pieces, 801);
    test::split(*pieces, 90);
    const auto wanted = serve(std::move(whole));
    EXPECT_EQ(serve(std::move(pieces)), wanted);
  }
}

TEST_F(OffloadTest, SegmentsKeepTheirPlaceAmongTheirNeighbours) {
  for (const uint32_t seq : {1u, 2u, 3u, 4u}) {
    const bool is_long = seq % 2 == 0;
    feed(asking(kEth + "ipv4/tcp(flags=A, seq=" + std::to_string(seq * 1000) +
                    ")/payload(len=" + (is_long ? "300" : "100") + ")",
                is_long ? 100 : 0));
  }
  run();
  std::vector<uint32_t> order;
  for (const OwnedPacket& out : end_.packets) {
    order.push_back(out->at<wire::TcpHeader>(out->parsed.l4)->sequence);
  }
  EXPECT_THAT(order, ElementsAre(1000, 2000, 2100, 2200, 3000, 4000, 4100, 4200));
}

TEST_F(OffloadTest, ManySuperFramesInABurstHoldFewBuffersAtATime) {
  end_.keeps = false;
  for (int i = 0; i < 32; ++i) feed(asking(tcp(", flags=A", 25'600), 100));
  run();
  EXPECT_EQ(end_.sent, 32u * 256u);
  EXPECT_LE(end_.most_buffers - in_use_, 4u * kBurst) << "a queue, and what is about to be freed";
}

TEST_F(OffloadTest, AnEmptyPoolCostsThePacketThatNeedsIt) {
  OwnedPacket packet = asking(tcp(", flags=A", 5000), 1000);
  std::vector<Packet*> hoard;
  while (Packet* one = test::pool().alloc()) hoard.push_back(one);
  free_packets(std::span(&hoard.back(), 1));
  hoard.pop_back();
  EXPECT_EQ(serve(std::move(packet)).size(), 1u);
  free_packets(hoard);
  EXPECT_EQ(count(Out::no_buffer), 1u);
  EXPECT_EQ(lcore_.counters().ledger().no_buffer.read(), 1u);
}

TEST_F(OffloadTest, TowardsATunnelNobodyTakesAnything) {
  Offload to_wire({});
  Graph graph;
  Collected end;
  Node& node = graph.add("offload", to_wire);
  Node& sink = graph.add_sink("end", kEndInfo, &end, collect, collect);
  for (const Out out : {Out::untouched, Out::passed_on, Out::finished, Out::made}) {
    graph.connect(node, out, sink);
  }
  ASSERT_TRUE(graph.seal(lcore_).ok());
  guest_.takes = {true, true, true};
  node.push(*asking(tcp("", 100)).release(), lcore_);
  graph.run(lcore_);
  EXPECT_EQ(text_of(*end.packets.at(0)), normal(tcp("", 100)));
}

TEST_F(OffloadTest, ATraceTellsWhatWasAskedFor) {
  EXPECT_EQ(Offload::format({1514, 0}), "checksum asked for");
  EXPECT_EQ(Offload::format({65226, 1448}), "65226 bytes, segments of 1448 asked for");
  EXPECT_EQ(Offload::format({}), "");
}

}  // namespace
}  // namespace butterfly
