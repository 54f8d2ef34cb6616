// SPDX-License-Identifier: Apache-2.0
#include "graph/merge_tcp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "graph/packet_checksum.h"
#include "support/underlay.h"

namespace butterfly {
namespace {

using test::contents;
using test::normal;
using test::OwnedPacket;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Bytes = std::vector<uint8_t>;

constexpr Port::Offloads kAll{.checksum = true, .tso4 = true, .tso6 = true};
const std::string kEth = "eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/";
const std::string kIp = kEth + "ipv4(id=100, df=1)/";

std::string payload(size_t length) { return ")/payload(len=" + std::to_string(length) + ")"; }
// `length` bytes from sequence number `sequence` on; further fields of TCP, and what is below it.
std::string data(uint32_t sequence, size_t length, const std::string& more = "flags=A, ack=7",
                 const std::string& below = kIp) {
  return below + "tcp(seq=" + std::to_string(sequence) + ", " + more + payload(length);
}

// The packets that a device makes of what a port was given: cut and with all checksums, as virtio
// 1.2 §5.1.6.2 and RFC 9293 want them. Written apart from what is tested.
std::vector<Bytes> cut(const Packet& packet) {
  const Bytes whole = contents(packet);
  if ((packet.ol_flags & RTE_MBUF_F_TX_TCP_SEG) == 0) return {whole};
  const size_t l4 = packet.l2_len + packet.l3_len;
  const size_t headers = l4 + packet.l4_len;
  std::vector<Bytes> pieces;
  for (size_t at = headers; at < whole.size(); at += packet.tso_segsz) {
    const size_t end = std::min<size_t>(at + packet.tso_segsz, whole.size());
    Bytes piece(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(headers));
    piece.insert(piece.end(), whole.begin() + static_cast<ptrdiff_t>(at),
                 whole.begin() + static_cast<ptrdiff_t>(end));
    auto& tcp = *wire::view_at<wire::TcpHeader>(std::span(piece), l4);
    tcp.sequence = static_cast<uint32_t>(tcp.sequence + at - headers);
    if (end != whole.size()) tcp.flags &= static_cast<uint8_t>(~wire::kTcpPsh);
    IpAddress source;
    IpAddress destination;
    if ((packet.ol_flags & RTE_MBUF_F_TX_IPV4) != 0) {
      auto& ip = *wire::view_at<wire::Ipv4Header>(std::span(piece), packet.l2_len);
      ip.total_length = static_cast<uint16_t>(piece.size() - packet.l2_len);
      ip.id = static_cast<uint16_t>(ip.id + pieces.size());
      ip.checksum = 0;
      ip.checksum = wire::checksum_finish(
          wire::checksum_add(std::span(piece).subspan(packet.l2_len, sizeof ip)));
      source = IpAddress(ip.source);
      destination = IpAddress(ip.destination);
    } else {
      auto& ip = *wire::view_at<wire::Ipv6Header>(std::span(piece), packet.l2_len);
      ip.payload_length = static_cast<uint16_t>(piece.size() - l4);
      source = IpAddress(ip.source);
      destination = IpAddress(ip.destination);
    }
    tcp.checksum = 0;
    const auto length = static_cast<uint32_t>(piece.size() - l4);
    tcp.checksum = wire::checksum_finish(
        wire::checksum_add(std::span(piece).subspan(l4),
                           wire::pseudo_header_sum(source, destination, wire::kProtoTcp, length)));
    pieces.push_back(piece);
  }
  return pieces;
}

class MergeTcpTest : public ::testing::Test {
 protected:
  MergeTcpTest() : in_use_(test::pool().in_use()), large_in_use_(test::large_pool().in_use()) {}
  ~MergeTcpTest() override {
    out_.clear();
    burst_.clear();
    EXPECT_EQ(test::pool().in_use(), in_use_) << "packets were lost";
    EXPECT_EQ(test::large_pool().in_use(), large_in_use_) << "large packets were lost";
  }

  // As `flow` leaves it.
  static OwnedPacket packet_of(Packet* made, uint32_t hash = 0x77000001) {
    OwnedPacket packet(made);
    packet->vni = Vni{7};
    const auto fault = wire::parse_frame(packet->bytes(), packet->length(), Vni{7}, packet->parsed);
    EXPECT_TRUE(fault == wire::ParseError::none || fault == wire::ParseError::fragment);
    packet->flow_hash = hash;
    packet->ol_flags = 0;
    return packet;
  }
  void add(const std::string& text, uint32_t hash = 0x77000001) {
    burst_.push_back(packet_of(test::make_packet(text), hash));
  }
  // What a port gets of the burst: super-frames stand in out_.
  void merge(const Port::Offloads& takes = kAll) {
    std::vector<Packet*> packets;
    for (OwnedPacket& packet : burst_) packets.push_back(packet.release());
    burst_.clear();
    out_.clear();
    const uint16_t left = merge_tcp(packets, takes);
    for (Packet* packet : std::span(packets).first(left)) {
      out_.emplace_back(packet);
      EXPECT_EQ(rte_mbuf_check(packet, 1, nullptr), 0);
    }
    merged_ = std::span(packets).subspan(left).size();
  }
  // How many data packets come out of those texts, sent as one burst.
  size_t count_of(const std::vector<std::string>& texts) {
    for (const std::string& text : texts) add(text);
    merge();
    return out_.size();
  }
  std::vector<std::string> cut_all() const {
    std::vector<std::string> texts;
    for (const OwnedPacket& packet : out_) {
      for (const Bytes& piece : cut(*packet)) texts.push_back(test::describe_packet(piece));
    }
    return texts;
  }

  std::vector<OwnedPacket> burst_;
  std::vector<OwnedPacket> out_;
  size_t merged_ = 0;

 private:
  uint32_t in_use_;
  uint32_t large_in_use_;
};

TEST_F(MergeTcpTest, PiecesBehindOneAnotherBecomeOneSuperFrame) {
  for (const std::string ip : {"ipv4(id=100, df=1)/", "ipv6(flow=5)/"}) {
    const std::string more = "flags=A, ack=7, opts=0101080a0000000100000002";
    const std::string last = "flags=PA, ack=7, opts=0101080a0000000100000002";
    add(data(0xfffffe00, 1000, more, kEth + ip));
    add(data(0x1e8, 1000, more, kEth + ip));
    add(data(0x5d0, 300, last, kEth + ip));
    merge();
    ASSERT_THAT(out_, SizeIs(1));
    EXPECT_EQ(merged_, 2u);
    const Packet& frame = *out_[0];
    const bool v4 = ip.starts_with("ipv4");
    EXPECT_EQ(frame.ol_flags, RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM |
                                  (v4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6));
    EXPECT_EQ(frame.tso_segsz, 1000u);
    EXPECT_EQ(frame.l2_len, 14u);
    EXPECT_EQ(frame.l3_len, v4 ? 20u : 40u);
    EXPECT_EQ(frame.l4_len, 32u);
    EXPECT_EQ(frame.length(), 14 + (v4 ? 20 : 40) + 32 + 2300u);
    EXPECT_EQ(frame.parsed.l4_length, 32 + 2300);
    EXPECT_THAT(
        cut_all(),
        ElementsAre(normal(data(0xfffffe00, 1000, more, kEth + ip)),
                    normal(data(0x1e8, 1000, more, kEth + (v4 ? "ipv4(id=101, df=1)/" : ip))),
                    normal(data(0x5d0, 300, last, kEth + (v4 ? "ipv4(id=102, df=1)/" : ip)))));
  }
}

// What a guest that forwards the frame needs to write a right checksum: the pseudo header's sum.
TEST_F(MergeTcpTest, TheChecksumIsLeftAsAGuestWouldLeaveIt) {
  add(data(1, 400));
  add(data(401, 400));
  merge();
  ASSERT_THAT(out_, SizeIs(1));
  const Bytes whole = contents(*out_[0]);
  const auto& tcp = *wire::view_at<wire::TcpHeader>(std::span(whole), 34);
  const uint16_t sum = 0x0a00 + 0x0001 + 0x0a00 + 0x0002 + 6 + 20 + 800;
  EXPECT_EQ(tcp.checksum, sum);
  EXPECT_TRUE(ipv4_checksum_holds(std::span(whole).subspan(14, 20)));
}

TEST_F(MergeTcpTest, WhatDiffersInAnyHeaderFieldStaysApart) {
  const std::string plain = data(1, 400);
  EXPECT_EQ(count_of({plain, data(401, 400)}), 1u);
  const std::vector<std::pair<std::string, std::string>> others = {
      {"a gap", data(402, 400)},
      {"the same again", data(1, 400)},
      {"an overlap", data(400, 400)},
      {"longer", data(401, 401)},
      {"no data", data(401, 0)},
      {"acknowledgement", data(401, 400, "flags=A, ack=8")},
      {"window", data(401, 400, "flags=A, ack=7, win=8193")},
      {"urgent pointer", data(401, 400, "flags=A, ack=7, urg=1")},
      {"FIN", data(401, 400, "flags=AF, ack=7")},
      {"SYN", data(401, 400, "flags=SA, ack=7")},
      {"RST", data(401, 400, "flags=RA, ack=7")},
      {"URG", data(401, 400, "flags=UA, ack=7")},
      {"ECE", data(401, 400, "flags=EA, ack=7")},
      {"CWR", data(401, 400, "flags=CA, ack=7")},
      {"no ACK", data(401, 400, "flags=P")},
      {"options", data(401, 400, "flags=A, ack=7, opts=01010101")},
      {"ports", data(401, 400, "flags=A, ack=7, sport=40001")},
      {"ports", data(401, 400, "flags=A, ack=7, dport=81")},
      {"congestion marks", data(401, 400, "flags=A, ack=7", kEth + "ipv4(id=101, df=1, tos=3)/")},
      {"TTL", data(401, 400, "flags=A, ack=7", kEth + "ipv4(id=101, df=1, ttl=63)/")},
      {"DF", data(401, 400, "flags=A, ack=7", kEth + "ipv4(id=101)/")},
      {"reserved bit", data(401, 400, "flags=A, ack=7", kEth + "ipv4(id=101, df=1, rf=1)/")},
      {"IP options", data(401, 400, "flags=A, ack=7", kEth + "ipv4(df=1, options=01010101)/")},
      {"source", data(401, 400, "flags=A, ack=7", kEth + "ipv4(df=1, src=10.0.0.9)/")},
      {"family", data(401, 400, "flags=A, ack=7", kEth + "ipv6/")},
      {"MAC", data(401, 400, "flags=A, ack=7",
                   "eth(src=52:54:00:00:00:09, dst=52:54:00:00:00:02)/ipv4(id=101, df=1)/")},
      {"padding", data(401, 400) + "/trailer(len=4)"},
      {"IP checksum", data(401, 400, "flags=A, ack=7", kEth + "ipv4(df=1, checksum=1)/")},
      {"TCP checksum", data(401, 400, "flags=A, ack=7, checksum=1")},
  };
  for (const auto& [what, other] : others) {
    EXPECT_EQ(count_of({plain, other}), 2u) << what;
    EXPECT_THAT(cut_all(), ElementsAre(normal(plain), normal(other))) << what;
    EXPECT_EQ(merged_, 0u) << what;
  }
}

TEST_F(MergeTcpTest, FieldsOfIpv6ThatDifferKeepPacketsApart) {
  const auto six = [](uint32_t sequence, const std::string& ip) {
    return data(sequence, 400, "flags=A, ack=7", kEth + ip + "/");
  };
  EXPECT_EQ(count_of({six(1, "ipv6"), six(401, "ipv6")}), 1u);
  for (const std::string ip : {"ipv6(tc=3)", "ipv6(flow=1)", "ipv6(hlim=63)", "ipv6(src=fd00::9)",
                               "ipv6/hopbyhop", "ipv6/destopt"}) {
    EXPECT_EQ(count_of({six(1, "ipv6"), six(401, ip)}), 2u) << ip;
  }
  EXPECT_EQ(count_of({six(1, "ipv6/hopbyhop"), six(401, "ipv6/hopbyhop")}), 2u);
}

TEST_F(MergeTcpTest, MarksThatAllBearAreKept) {
  const std::string ip = kEth + "ipv4(df=1, tos=3)/";
  EXPECT_EQ(count_of({data(1, 400, "flags=EA", ip), data(401, 400, "flags=EA", ip)}), 1u);
  for (const Bytes& piece : cut(*out_[0])) {
    EXPECT_EQ(piece[15], 3);
    EXPECT_EQ(piece[47], 0x50);
  }
}

// RFC 6864: without DF two packets with one id would be taken for fragments of one datagram.
TEST_F(MergeTcpTest, IdsOfWhatMayBeFragmentedMustFollowOneAnother) {
  const auto with_id = [](uint32_t sequence, uint16_t id) {
    return data(sequence, 400, "flags=A", kEth + "ipv4(id=" + std::to_string(id) + ")/");
  };
  EXPECT_EQ(count_of({with_id(1, 65535), with_id(401, 0), with_id(801, 1)}), 1u);
  EXPECT_THAT(cut_all(), ElementsAre(normal(with_id(1, 65535)), normal(with_id(401, 0)),
                                     normal(with_id(801, 1))));
  EXPECT_EQ(count_of({with_id(1, 5), with_id(401, 5)}), 2u);
  EXPECT_EQ(count_of({with_id(1, 5), with_id(401, 7)}), 2u);
}

TEST_F(MergeTcpTest, AShorterPieceOrAPushEndsTheFrame) {
  EXPECT_EQ(count_of({data(1, 400), data(401, 399), data(800, 399)}), 2u);
  EXPECT_EQ(count_of({data(1, 400), data(401, 400, "flags=PA, ack=7"), data(801, 400)}), 2u);
  EXPECT_EQ(count_of({data(1, 400, "flags=PA, ack=7"), data(401, 400)}), 2u);
  EXPECT_EQ(out_[0]->nb_segs, 1u);
}

// Below that nothing is gained; and `offload` must be able to cut what a guest forwards.
TEST_F(MergeTcpTest, SmallPiecesAreLeftAlone) {
  EXPECT_EQ(count_of({data(1, kLeastPiece - 1), data(kLeastPiece, kLeastPiece - 1)}), 2u);
  EXPECT_EQ(count_of({data(1, kLeastPiece), data(1 + kLeastPiece, 1)}), 1u);
}

TEST_F(MergeTcpTest, NothingOvertakesAPacketOfItsFlow) {
  const std::vector<std::string> texts = {data(1, 400), data(401, 0), data(401, 400),
                                          data(801, 400)};
  EXPECT_EQ(count_of(texts), 3u);
  EXPECT_THAT(cut_all(),
              ElementsAre(normal(texts[0]), normal(texts[1]), normal(texts[2]),
                          // Its id is made from the frame's.
                          normal(data(801, 400, "flags=A, ack=7", kEth + "ipv4(id=101, df=1)/"))));
}

TEST_F(MergeTcpTest, FlowsThatTakeTurnsAreMergedEachForItself) {
  for (const uint32_t at : {1u, 401u, 801u}) {
    for (const uint32_t flow : {1u, 2u, 3u}) {
      add(data(at, 400, "flags=A, ack=7, sport=" + std::to_string(4000 + flow)), flow << 28);
    }
  }
  merge();
  EXPECT_THAT(out_, SizeIs(3));
  EXPECT_EQ(merged_, 6u);
}

TEST_F(MergeTcpTest, OnlyWhatTheGuestTakesIsMerged) {
  for (const bool v4 : {true, false}) {
    for (const bool takes_it : {true, false}) {
      const std::string ip = kEth + (v4 ? "ipv4(df=1)/" : "ipv6/");
      add(data(1, 400, "flags=A", ip));
      add(data(401, 400, "flags=A", ip));
      merge({.checksum = true, .tso4 = takes_it == v4, .tso6 = takes_it != v4});
      EXPECT_THAT(out_, SizeIs(takes_it ? 1 : 2));
    }
  }
}

TEST_F(MergeTcpTest, WhatOthersReadOrIsToBeFinishedIsLeftAlone) {
  const auto spoil = [&](auto change) {
    add(data(1, 400));
    add(data(401, 400));
    change(*burst_[1]);
    merge();
    return out_.size();
  };
  EXPECT_EQ(spoil([](Packet&) {}), 1u);
  EXPECT_EQ(spoil([](Packet& packet) { packet.ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE; }), 2u);
  EXPECT_EQ(spoil([](Packet& packet) { packet.ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM; }), 2u);
  EXPECT_EQ(spoil([](Packet& packet) { packet.ol_flags |= RTE_MBUF_F_TX_TCP_SEG; }), 2u);
  EXPECT_EQ(spoil([](Packet& packet) { test::split(packet, 60); }), 2u);
  Packet* clone = nullptr;
  EXPECT_EQ(spoil([&](Packet& packet) { clone = clone_packet(packet, test::pool()); }), 2u);
  free_packets(std::span(&clone, 1));
}

TEST_F(MergeTcpTest, FragmentsAndOtherProtocolsAreLeftAlone) {
  const std::string first = kEth + "ipv4(id=1, mf=1)/tcp(flags=A, seq=1)/payload(len=404)";
  const std::string udp = kEth + "ipv4/udp/payload(len=400)";
  EXPECT_EQ(count_of({first, first, udp, udp, data(1, 400)}), 5u);
  EXPECT_EQ(merged_, 0u);
}

TEST_F(MergeTcpTest, ASuperFrameIsNeverLongerThanAGuestMaySendAgain) {
  for (uint32_t i = 0; i < kBurst; ++i) {
    burst_.push_back(packet_of(test::make_large_packet(test::bytes_of(data(1 + i * 3000, 3000)))));
  }
  merge();
  ASSERT_THAT(out_, SizeIs(2));
  EXPECT_EQ(out_[0]->length(), 54 + 21 * 3000u);
  EXPECT_EQ(out_[1]->length(), 54 + 11 * 3000u);
  EXPECT_GT(out_[0]->length() + 3000, kLargeBufferData);
}

// Streams with every fault above thrown in: cut again, each flow is what it was, byte for byte and
// in order; what is wrong stays wrong.
TEST_F(MergeTcpTest, ChanceFindsNoByteThatDiffers) {
  std::mt19937 engine(7);
  const auto below = [&](uint32_t bound) { return static_cast<uint32_t>(engine() % bound); };
  size_t merged = 0;
  for (int round = 0; round < 400; ++round) {
    std::map<uint32_t, std::vector<Bytes>> fed;
    std::array<uint32_t, 4> next{};
    std::array<uint16_t, 4> id{};
    const uint32_t flows = 1 + below(4);
    const uint32_t count = 1 + below(kMergeMost);
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t flow = below(flows);
      const bool v4 = flow % 2 == 0;
      const uint32_t length = below(8) == 0 ? below(900) : 600;
      std::string ip = v4 ? "ipv4(id=" + std::to_string(id[flow]++) : "ipv6(hlim=9";
      if (v4 && below(12) == 0) ip += ", tos=3";
      std::string flags = below(9) == 0 ? "PA" : below(20) == 0 ? "AF" : "A";
      std::string tcp = "flags=" + flags + ", sport=" + std::to_string(4000 + flow);
      if (below(15) == 0) tcp += ", win=9";
      if (below(15) == 0) tcp += ", checksum=" + std::to_string(below(65536));
      if (below(15) == 0) next[flow] += 1;
      const std::string text = data(next[flow], length, tcp, kEth + ip + ")/");
      next[flow] += length;
      // Two of the flows share their bits of the hash.
      add(text, (flow == 3 ? 2 : flow) << 28);
      fed[flow].push_back(contents(*burst_.back()));
    }
    merge();
    merged += merged_;
    std::map<uint32_t, std::vector<Bytes>> came;
    for (const OwnedPacket& packet : out_) {
      for (const Bytes& piece : cut(*packet)) {
        const size_t l4 = piece[12] == 0x08 ? 34 : 54;
        came[wire::view_at<wire::TcpHeader>(std::span(piece), l4)->source_port - 4000u].push_back(
            piece);
      }
    }
    ASSERT_EQ(came, fed) << "in round " << round;
  }
  EXPECT_GT(merged, 1000u);
}

TEST_F(MergeTcpTest, AnEmptyBurstStaysEmpty) {
  merge();
  EXPECT_THAT(out_, IsEmpty());
}

}  // namespace
}  // namespace butterfly
