// SPDX-License-Identifier: Apache-2.0
// A vhost-user port against a guest that a test scripts: what is negotiated, what arrives as what,
// and what a hostile guest gets for its trouble. Real guests: tests/vm.
#include "ports/vhost_user.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <thread>

#include "graph/merge_tcp.h"
#include "support/await.h"
#include "support/eal.h"
#include "support/packet_text.h"
#include "support/vhost_guest.h"

namespace butterfly {
namespace {

using test::await;
using test::VhostGuest;
using test::VirtioHeader;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kEth = "eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/";
constexpr uint8_t kNeedsChecksum = 1;

// A port and its guest.
struct Pair {
  explicit Pair(const VhostGuest::Options& options = {}) : guest(path, options) {
    VhostOptions wanted;
    wanted.path = path;
    wanted.is_server = options.connects;
    wanted.mode = 0600;
    wanted.has_queues = options.pairs > 1;
    wanted.is_packed = (options.features & test::kVirtioPacked) != 0;
    if (options.pairs > 1) wanted.polling_lcores = {0, 1};
    wanted.lcores = 2;
    auto made = VhostUserPort::create(wanted, test::pool(), test::large_pool(), *quiescence);
    EXPECT_TRUE(made.ok()) << made.status();
    port = std::move(*made);
    guest.connect();
    EXPECT_TRUE(await([&] { return port->is_connected(); }));
  }
  // What one poll brings; the test owns it.
  std::vector<Packet*> poll(uint16_t lcore = 0) {
    std::array<Packet*, kBurst> burst;
    const uint16_t count = port->receive(lcore, burst);
    return {burst.begin(), burst.begin() + count};
  }

  static inline int pairs = 0;
  const std::string path = ::testing::TempDir() + "guest-" + std::to_string(getpid()) + "-" +
                           std::to_string(++pairs) + ".sock";
  std::unique_ptr<Quiescence> quiescence = std::move(*Quiescence::create(1));
  VhostGuest guest;
  std::unique_ptr<VhostUserPort> port;
};

class VhostUserTest : public ::testing::Test {
 protected:
  VhostUserTest() : in_use_(test::pool().in_use()), large_in_use_(test::large_pool().in_use()) {}
  ~VhostUserTest() override {
    EXPECT_EQ(test::pool().in_use(), in_use_) << "packets were lost";
    EXPECT_EQ(test::large_pool().in_use(), large_in_use_) << "large packets were lost";
  }
  uint32_t in_use() const { return test::pool().in_use() - in_use_; }
  uint32_t large_in_use() const { return test::large_pool().in_use() - large_in_use_; }

  // What the port makes of one frame; freed.
  struct Seen {
    size_t packets = 0;
    uint64_t flags = 0;
    uint16_t segment_size = 0;
    uint16_t pieces = 0;
    std::vector<uint8_t> bytes;
  };
  static Seen pass(Pair& pair, const VirtioHeader& header, const std::vector<uint8_t>& frame) {
    pair.guest.send(header, frame);
    std::vector<Packet*> packets = pair.poll();
    Seen seen;
    seen.packets = packets.size();
    if (!packets.empty()) {
      seen.flags = packets[0]->ol_flags;
      seen.segment_size = static_cast<uint16_t>(packets[0]->tso_segsz);
      seen.pieces = packets[0]->nb_segs;
      seen.bytes = test::contents(*packets[0]);
    }
    free_packets(packets);
    return seen;
  }
  static std::vector<uint8_t> tcp(size_t payload) {
    return test::bytes_of(kEth + "ipv4/tcp(flags=A)/payload(len=" + std::to_string(payload) + ")");
  }
  static Port::Refusal send_to_guest(Pair& pair, size_t payload) {
    Packet* packet = test::make_large_packet(tcp(payload));
    const Port::Sent sent = pair.port->transmit(0, std::span(&packet, 1));
    if (sent.taken == 0) free_packets(std::span(&packet, 1));
    return sent.refusal;
  }
  static constexpr VirtioHeader kTcpRequest{.flags = kNeedsChecksum,
                                            .gso_type = 1,
                                            .hdr_len = 54,
                                            .gso_size = 1448,
                                            .csum_start = 34,
                                            .csum_offset = 16};

 private:
  uint32_t in_use_;
  uint32_t large_in_use_;
};

TEST_F(VhostUserTest, OffersWhatItCarriesAndNothingElse) {
  Pair pair;
  for (const int bit : {0, 1, 7, 8, 11, 12, 15, 32}) {
    EXPECT_NE(pair.guest.offered() & 1ULL << bit, 0u) << bit;
  }
  // GUEST_ECN, GUEST_UFO, HOST_ECN, HOST_UFO, MQ, RING_PACKED.
  for (const int bit : {9, 10, 13, 14, 22, 34}) {
    EXPECT_EQ(pair.guest.offered() & 1ULL << bit, 0u) << bit;
  }
}

TEST_F(VhostUserTest, AGuestKicksOnlyWhileNobodyPolls) {
  Pair pair;
  EXPECT_TRUE(pair.guest.is_to_kick()) << "the lcore may sleep when the guest comes";
  EXPECT_EQ(pass(pair, {}, tcp(10)).packets, 1u);
  EXPECT_FALSE(pair.guest.is_to_kick()) << "it is polled, whether the lcore ever sleeps or not";
  EXPECT_EQ(pair.port->arm(), Port::Armed::yes);
  EXPECT_TRUE(pair.guest.is_to_kick());
  EXPECT_EQ(pass(pair, {}, tcp(10)).packets, 1u);
  EXPECT_FALSE(pair.guest.is_to_kick());
}

TEST_F(VhostUserTest, KnowsWhatItsGuestTakesWhileItIsThere) {
  Pair all;
  EXPECT_TRUE(all.port->offloads().checksum);
  EXPECT_TRUE(all.port->offloads().tso4);
  EXPECT_TRUE(all.port->offloads().tso6);
  Pair none({.features = test::kVirtioVersion1 | test::kVirtioCsum | test::kVirtioHostTso4});
  EXPECT_FALSE(none.port->offloads().checksum);
  EXPECT_FALSE(none.port->offloads().tso4);
  Pair one({.features = test::kVirtioVersion1 | test::kVirtioGuestCsum | test::kVirtioGuestTso6});
  EXPECT_TRUE(one.port->offloads().checksum);
  EXPECT_FALSE(one.port->offloads().tso4);
  EXPECT_TRUE(one.port->offloads().tso6);
  // Virtio 1.2 §5.1.3.1: segments come without checksums.
  Pair odd({.features = test::kVirtioVersion1 | test::kVirtioGuestTso4});
  EXPECT_FALSE(odd.port->offloads().tso4);
  all.guest.disconnect();
  EXPECT_TRUE(await([&] { return !all.port->is_connected(); }));
  EXPECT_FALSE(all.port->offloads().checksum);
}

TEST_F(VhostUserTest, ACheckSumAndASuperFrameArriveAsRequests) {
  Pair pair;
  Seen seen = pass(pair, {.flags = kNeedsChecksum, .csum_start = 34, .csum_offset = 16}, tcp(100));
  EXPECT_EQ(seen.flags, RTE_MBUF_F_RX_L4_CKSUM_NONE);
  EXPECT_EQ(seen.bytes, tcp(100));
  seen = pass(pair, kTcpRequest, tcp(65'000));
  EXPECT_EQ(seen.flags, RTE_MBUF_F_RX_L4_CKSUM_NONE | RTE_MBUF_F_RX_LRO);
  EXPECT_EQ(seen.segment_size, 1448);
  EXPECT_EQ(seen.pieces, 1);
  EXPECT_EQ(seen.bytes, tcp(65'000));
  seen = pass(pair, {}, tcp(100));
  EXPECT_EQ(seen.flags, 0u);
}

TEST_F(VhostUserTest, SmallFramesHoldNoLargeBuffer) {
  Pair pair;
  for (const size_t payload : {size_t{0}, size_t{1400}, size_t{2048 - 54}}) {
    pair.guest.send(kTcpRequest, tcp(payload));
  }
  std::vector<Packet*> packets = pair.poll();
  ASSERT_EQ(packets.size(), 3u);
  EXPECT_EQ(in_use(), 3u);
  EXPECT_EQ(large_in_use(), 0u);
  EXPECT_EQ(test::contents(*packets[2]), tcp(2048 - 54));
  EXPECT_EQ(packets[2]->tso_segsz, 1448u);
  free_packets(packets);
  pair.guest.send(kTcpRequest, tcp(2048 - 53));
  packets = pair.poll();
  EXPECT_EQ(large_in_use(), 1u);
  free_packets(packets);
}

TEST_F(VhostUserTest, AGuestWithoutSegmentationSendsOneOrdinaryBufferAFrame) {
  Pair pair({.features = test::kVirtioVersion1});
  EXPECT_EQ(pass(pair, {}, tcp(2048 - 54)).bytes, tcp(2048 - 54));
  EXPECT_EQ(pair.port->refused_frames(), 0u);
  EXPECT_EQ(pass(pair, {}, tcp(2048 - 53)).packets, 0u);
  EXPECT_EQ(pass(pair, {}, tcp(65'000)).packets, 0u);
  EXPECT_EQ(pair.port->refused_frames(), 2u);
  EXPECT_EQ(pass(pair, {}, tcp(100)).packets, 1u) << "the ring goes on";
}

TEST_F(VhostUserTest, WhatIsLongerThanAnyBufferIsRefusedAndCounted) {
  Pair pair;
  EXPECT_EQ(pass(pair, kTcpRequest, tcp(kLargeBufferData - 54)).packets, 1u);
  EXPECT_EQ(pass(pair, kTcpRequest, tcp(kLargeBufferData - 54 + 1)).packets, 0u);
  // A chain that says that it is most of the memory, in parts.
  const VhostGuest::Piece pieces[] = {{0, 12}, {0, 60 << 20}, {0, 60 << 20}, {0, 60 << 20}};
  pair.guest.send_pieces(pieces);
  EXPECT_EQ(pair.poll().size(), 0u);
  EXPECT_EQ(pair.port->refused_frames(), 2u);
  EXPECT_EQ(pass(pair, {}, tcp(100)).packets, 1u) << "the ring goes on";
}

// Calls `use` with a byte in the middle of each free buffer of the pool.
template <typename Use>
void for_each_buffer(PacketPool& pool, const Use& use) {
  std::vector<Packet*> all;
  while (Packet* one = pool.alloc()) all.push_back(one);
  for (const Packet* one : all) use(static_cast<uint8_t*>(one->buf_addr)[1000]);
  free_packets(all);
}

// In 32 bits this chain is 112 bytes long; the library adds it up so, and would copy on and on.
TEST_F(VhostUserTest, AChainOfFourGigabytesIsNoShortFrame) {
  constexpr uint8_t kMark = 0xa5;
  for (const uint64_t features : {test::kVirtioLinux, test::kVirtioVersion1}) {
    Pair pair({.features = features});
    PacketPool& pool = features == test::kVirtioLinux ? test::large_pool() : test::pool();
    for_each_buffer(pool, [](uint8_t& byte) { byte = kMark; });
    std::vector<VhostGuest::Piece> pieces{{0, 12}, {0, 100}};
    for (int i = 0; i < 128; ++i) pieces.push_back({0, 32 << 20});
    pair.guest.send_pieces(pieces);
    EXPECT_EQ(pair.poll().size(), 0u);
    size_t written = 0;
    for_each_buffer(pool, [&written](const uint8_t& byte) { written += byte != kMark; });
    EXPECT_LE(written, 1u) << "no more than the frame's own buffer";
    EXPECT_EQ(pair.port->refused_frames(), 1u);
    EXPECT_EQ(pass(pair, {}, tcp(100)).packets, 1u) << "the ring goes on";
  }
}

struct Lie {
  const char* name;
  VirtioHeader header;
  bool is_request;  // reported as one
  bool is_super_frame = false;
};

// Whatever a header says: the frame arrives whole and in one piece, and what it asks for is either
// reported or ignored. What is reported the offload brick judges by the frame itself.
TEST_F(VhostUserTest, HeadersThatLieMoveNoByte) {
  constexpr uint8_t kCsum = kNeedsChecksum;
  const Lie lies[] = {
      {"sum from behind the frame's end", {.flags = kCsum, .csum_start = 65'000}, false},
      {"sum from the very end of 16 bits", {.flags = kCsum, .csum_start = 65'535}, false},
      {"sum from the start", {.flags = kCsum, .csum_start = 0}, true},
      {"sum from within the IP header", {.flags = kCsum, .csum_start = 20}, true},
      {"field outside", {.flags = kCsum, .csum_start = 34, .csum_offset = 65'000}, true},
      {"no size", {.flags = kCsum, .gso_type = 1, .gso_size = 0, .csum_start = 34}, true},
      {"size 1", {.flags = kCsum, .gso_type = 1, .gso_size = 1, .csum_start = 34}, true, true},
      {"largest size", {.gso_type = 1, .gso_size = 65'535}, true, true},
      {"headers said to be 65,535 bytes",
       {.gso_type = 1, .hdr_len = 65'535, .gso_size = 500},
       true,
       true},
      {"headers said to be none", {.gso_type = 1, .hdr_len = 0, .gso_size = 500}, true, true},
      {"the other family", {.gso_type = 4, .gso_size = 500}, true, true},
      {"UDP fragments", {.gso_type = 3, .gso_size = 500}, false},
      {"UDP segments", {.gso_type = 5, .gso_size = 500}, false},
      {"no such type", {.gso_type = 77, .gso_size = 500}, false},
      {"ECN, which is not offered", {.gso_type = 0x81, .gso_size = 500}, true, true},
      {"every flag", {.flags = 0xfe, .gso_type = 0}, false},
  };
  Pair pair;
  for (const Lie& lie : lies) {
    for (const size_t payload : {size_t{100}, size_t{60'000}}) {
      const Seen seen = pass(pair, lie.header, tcp(payload));
      EXPECT_EQ(seen.packets, 1u) << lie.name;
      EXPECT_EQ(seen.bytes, tcp(payload)) << lie.name;
      EXPECT_EQ(seen.pieces, 1) << lie.name;
      EXPECT_EQ((seen.flags & Packet::kOffloadRequests) != 0, lie.is_request) << lie.name;
      EXPECT_EQ((seen.flags & RTE_MBUF_F_RX_LRO) != 0, lie.is_super_frame) << lie.name;
    }
  }
}

// A guest's own tunnel: nobody but the library knows which part is to be summed.
TEST_F(VhostUserTest, AChecksumInsideAGuestsOwnTunnelIsFinishedOnArrival) {
  Pair pair;
  const std::string text = kEth + "ipv4/gre/ipv4(src=1.1.1.1, dst=2.2.2.2)/udp/payload(len=31)";
  const auto finished = test::bytes_of(text);
  auto frame = finished;
  constexpr size_t kInner = 14 + 20 + 4 + 20;
  // The sum of the pseudo header: 1.1.1.1, 2.2.2.2, UDP, 39 bytes.
  const uint16_t seed = 0x0101 + 0x0101 + 0x0202 + 0x0202 + 17 + 39;
  frame[kInner + 6] = seed >> 8;
  frame[kInner + 7] = seed & 0xff;
  const Seen seen =
      pass(pair, {.flags = kNeedsChecksum, .csum_start = kInner, .csum_offset = 6}, frame);
  EXPECT_EQ(seen.bytes, finished);
  EXPECT_EQ(seen.flags & Packet::kOffloadRequests, 0u);
}

TEST_F(VhostUserTest, RandomHeadersAndLengthsDoNoHarm) {
  std::mt19937 random(7);
  Pair pair;
  const auto frame = tcp(3000);
  for (int i = 0; i < 5000; ++i) {
    VirtioHeader header;
    auto* bytes = reinterpret_cast<uint8_t*>(&header);
    for (size_t at = 0; at < sizeof header; ++at) bytes[at] = static_cast<uint8_t>(random());
    if (random() % 2 == 0) header.flags = kNeedsChecksum;
    if (random() % 2 == 0) header.gso_type = static_cast<uint8_t>(random() % 6);
    pair.guest.send(header, std::span(frame).first(1 + random() % frame.size()));
    for (Packet* packet : pair.poll()) free_packets(std::span(&packet, 1));
  }
  EXPECT_EQ(pair.guest.waiting(), 0u);
}

// The heart of the bound: whoever sends, and however much of it is held, ordinary packets find
// buffers, and what has no large buffer waits in its guest's ring instead of being lost.
TEST_F(VhostUserTest, NoGuestEmptiesThePoolForOthers) {
  Pair greedy;
  Pair modest({.features = test::kVirtioVersion1});
  std::vector<Packet*> held;
  const auto keep_polling = [&] {
    for (int i = 0; i < 40; ++i) {
      for (Packet* packet : greedy.poll()) held.push_back(packet);
    }
  };
  uint32_t sent = 0;
  while (greedy.guest.waiting() == 0) {
    for (int i = 0; i < 32; ++i, ++sent) greedy.guest.send(kTcpRequest, tcp(65'000));
    keep_polling();
  }
  EXPECT_LE(large_in_use(), test::large_pool().size());
  EXPECT_EQ(in_use(), 0u) << "super-frames take nothing of what ordinary packets need";
  for (int i = 0; i < 32; ++i) modest.guest.send({}, tcp(100));
  std::vector<Packet*> small = modest.poll();
  EXPECT_EQ(small.size(), 32u);
  free_packets(small);

  const size_t before = held.size();
  EXPECT_GT(before, 60u);
  free_packets(held);
  held.clear();
  keep_polling();
  EXPECT_EQ(before + held.size(), sent) << "the others were only late";
  free_packets(held);
  EXPECT_EQ(greedy.port->refused_frames(), 0u);
}

TEST_F(VhostUserTest, AfterSuperFramesFewAreTakenAtATime) {
  Pair pair;
  for (int i = 0; i < 48; ++i) pair.guest.send(kTcpRequest, tcp(20'000));
  std::vector<size_t> bursts;
  for (int i = 0; i < 4; ++i) {
    std::vector<Packet*> packets = pair.poll();
    bursts.push_back(packets.size());
    free_packets(packets);
  }
  EXPECT_THAT(bursts, ElementsAre(32, 8, 8, 0));
}

// What `offload` hands to a port whose guest takes it.
Packet* passed_on(const std::vector<uint8_t>& frame, uint64_t flags, uint64_t l4_header,
                  uint64_t segment_size) {
  Packet* packet = test::make_large_packet(frame);
  packet->ol_flags |= flags;
  const bool v4 = (flags & RTE_MBUF_F_TX_IPV4) != 0;
  packet->tx_offload = rte_mbuf_tx_offload(14, v4 ? 20 : 40, l4_header, segment_size, 0, 0, 0);
  return packet;
}

TEST_F(VhostUserTest, ASuperFrameReachesItsGuestAsItWasSent) {
  for (const bool v4 : {true, false}) {
    Pair pair;
    auto frame = test::bytes_of(kEth + (v4 ? "ipv4" : "ipv6") + "/tcp(flags=A)/payload(len=9000)");
    const size_t checksum = v4 ? 50 : 70;
    frame[checksum] = 0x12;  // the sum of a pseudo header that only its sender knows
    frame[checksum + 1] = 0x34;
    Packet* packet = passed_on(frame,
                               RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM |
                                   (v4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6),
                               20, 1448);
    ASSERT_EQ(pair.port->transmit(0, std::span(&packet, 1)).taken, 1);
    const auto received = pair.guest.receive();
    ASSERT_EQ(received.size(), 1u);
    EXPECT_EQ(received[0].frame, frame);
    const VirtioHeader wanted{.flags = kNeedsChecksum,
                              .gso_type = static_cast<uint8_t>(v4 ? 1 : 4),
                              .hdr_len = static_cast<uint16_t>(v4 ? 54 : 74),
                              .gso_size = 1448,
                              .csum_start = static_cast<uint16_t>(v4 ? 34 : 54),
                              .csum_offset = 16,
                              .num_buffers = 5};
    EXPECT_EQ(received[0].header, wanted);
  }
}

// What port-out makes of TCP data that came in pieces: a chain of their buffers.
TEST_F(VhostUserTest, ASuperFrameInPiecesReachesItsGuestWhole) {
  Pair pair;
  const uint32_t in_use = test::pool().in_use();
  std::vector<Packet*> pieces;
  for (uint32_t i = 0; i < kBurst; ++i) {
    pieces.push_back(test::make_packet(
        kEth + "ipv4(df=1)/tcp(flags=A, seq=" + std::to_string(1448 * i) + ")/payload(len=1448)"));
    ASSERT_EQ(wire::parse_frame(pieces[i]->bytes(), pieces[i]->length(), Vni{1}, pieces[i]->parsed),
              wire::ParseError::none);
    pieces[i]->flow_hash = 5;
  }
  ASSERT_EQ(merge_tcp(pieces, pair.port->offloads()), 1);
  const auto frame = test::contents(*pieces[0]);
  ASSERT_EQ(frame.size(), 54 + kBurst * 1448u);
  ASSERT_EQ(pair.port->transmit(0, std::span(pieces).first(1)).taken, 1);
  const auto received = pair.guest.receive();
  ASSERT_EQ(received.size(), 1u);
  EXPECT_EQ(received[0].frame, frame);
  const VirtioHeader wanted{.flags = kNeedsChecksum,
                            .gso_type = 1,
                            .hdr_len = 54,
                            .gso_size = 1448,
                            .csum_start = 34,
                            .csum_offset = 16,
                            .num_buffers = received[0].header.num_buffers};
  EXPECT_EQ(received[0].header, wanted);
  EXPECT_EQ(test::pool().in_use(), in_use);
}

TEST_F(VhostUserTest, AnUnfinishedChecksumReachesItsGuestAsItWasSent) {
  Pair pair;
  // 10.0.0.1 to 10.0.0.2, UDP, 13 bytes: the sum of the pseudo header, as its sender left it.
  auto frame = test::bytes_of(kEth + "ipv4/udp/payload(len=5)");
  const uint16_t seed = 0x0a00 + 0x0001 + 0x0a00 + 0x0002 + 17 + 13;
  frame[40] = seed >> 8;
  frame[41] = seed & 0xff;
  Packet* packet = passed_on(frame, RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IPV4, 0, 0);
  ASSERT_EQ(pair.port->transmit(0, std::span(&packet, 1)).taken, 1);
  const auto received = pair.guest.receive();
  ASSERT_EQ(received.size(), 1u);
  EXPECT_EQ(received[0].frame, frame);
  const VirtioHeader wanted{
      .flags = kNeedsChecksum, .csum_start = 34, .csum_offset = 6, .num_buffers = 1};
  EXPECT_EQ(received[0].header, wanted);
}

TEST_F(VhostUserTest, WhatGuestOneSendsGuestTwoGetsWithTheSameHeader) {
  Pair one;
  Pair two;
  const auto frame = tcp(40'000);
  VirtioHeader header = kTcpRequest;
  one.guest.send(header, frame);
  std::vector<Packet*> packets = one.poll();
  ASSERT_EQ(packets.size(), 1u);
  packets[0]->ol_flags = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4;
  packets[0]->tx_offload = rte_mbuf_tx_offload(14, 20, 20, packets[0]->tso_segsz, 0, 0, 0);
  ASSERT_EQ(two.port->transmit(0, packets).taken, 1);
  const auto received = two.guest.receive();
  ASSERT_EQ(received.size(), 1u);
  EXPECT_EQ(received[0].frame, frame);
  header.num_buffers = 20;
  EXPECT_EQ(received[0].header, header);
}

TEST_F(VhostUserTest, APacketThatNeedsMoreBuffersThanAreLeftCostsItselfOnly) {
  Pair pair({.receive_buffers = 16});
  const auto send = [&](size_t payload) { return send_to_guest(pair, payload); };
  EXPECT_EQ(send(20'000), Port::Refusal::none);
  EXPECT_EQ(send(20'000), Port::Refusal::too_few_buffers);
  EXPECT_EQ(send(1'000), Port::Refusal::none);
  while (send(1'000) == Port::Refusal::none) {
  }
  EXPECT_EQ(send(1'000), Port::Refusal::ring_full);
  EXPECT_EQ(pair.guest.receive().front().frame, tcp(20'000));
}

TEST_F(VhostUserTest, ATinyRingGetsWhatItHasRoomForAndRefusesTheRestByName) {
  Pair pair({.receive_buffers = 8});
  const auto send_burst = [&] {
    std::vector<Packet*> burst(kBurst);
    for (Packet*& packet : burst) packet = test::make_packet(tcp(10));
    const Port::Sent sent = pair.port->transmit(0, burst);
    free_packets(std::span(burst).subspan(sent.taken));
    return sent;
  };
  for (int turn = 0; turn < 3; ++turn) {
    const Port::Sent sent = send_burst();
    EXPECT_EQ(sent.taken, 8);
    EXPECT_EQ(sent.refusal, Port::Refusal::ring_full);
    EXPECT_EQ(send_burst().taken, 0) << "its guest has not read yet";
    const auto received = pair.guest.receive();
    ASSERT_EQ(received.size(), 8u);
    EXPECT_EQ(received.back().frame, tcp(10));
  }
}

TEST_F(VhostUserTest, WithoutMergedBuffersWhatIsLongerThanOneIsTooLong) {
  Pair pair({.features = test::kVirtioVersion1});
  Packet* packet = test::make_large_packet(tcp(5'000));
  EXPECT_EQ(pair.port->transmit(0, std::span(&packet, 1)).refusal, Port::Refusal::too_long);
  free_packets(std::span(&packet, 1));
  EXPECT_THAT(pair.guest.receive(), IsEmpty());
}

TEST_F(VhostUserTest, AGuestThatComesBackIsConnectedAgain) {
  Pair pair;
  for (int i = 0; i < 3; ++i) {
    pair.guest.disconnect();
    EXPECT_TRUE(await([&] { return !pair.port->is_connected(); }));
    pair.guest.connect();
    EXPECT_TRUE(await([&] { return pair.port->is_connected(); }));
  }
}

TEST_F(VhostUserTest, APortThatListensServesOneGuestAtATime) {
  Pair pair({.connects = true});
  struct stat facts {};
  ASSERT_EQ(stat(pair.path.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(pass(pair, {}, tcp(100)).bytes, tcp(100));
    Packet* packet = test::make_packet(tcp(10));
    ASSERT_EQ(pair.port->transmit(0, std::span(&packet, 1)).taken, 1);
    EXPECT_EQ(pair.guest.receive().front().frame, tcp(10));
    EXPECT_FALSE(pair.guest.is_another_let_in());
    EXPECT_EQ(pass(pair, {}, tcp(100)).packets, 1u) << "the first one is not disturbed";
    pair.guest.disconnect();
    EXPECT_TRUE(await([&] { return !pair.port->is_connected(); }));
    EXPECT_TRUE(pair.guest.is_another_let_in());
    EXPECT_TRUE(await([&] { return !pair.port->is_taken(); }));
    pair.guest.connect();
    EXPECT_TRUE(await([&] { return pair.port->is_connected(); }));
  }
  pair.port.reset();
  EXPECT_NE(access(pair.path.c_str(), F_OK), 0) << "its socket goes with it";
}

TEST_F(VhostUserTest, APortListensOnlyAtAPathThatIsFree) {
  const std::string path = ::testing::TempDir() + "taken-" + std::to_string(getpid()) + ".sock";
  const auto quiescence = std::move(*Quiescence::create(1));
  const auto listen = [&](const std::string& at) {
    return VhostUserPort::create({.path = at, .is_server = true}, test::pool(), test::large_pool(),
                                 *quiescence)
        .status();
  };
  {
    const VhostGuest listening(path, {});
    EXPECT_THAT(listen(path).message(), HasSubstr("somebody else listens there (wanted a free"));
    EXPECT_EQ(access(path.c_str(), F_OK), 0);
  }
  EXPECT_EQ(listen(path), ok_status()) << "what a process that is gone has left is no hindrance";
  std::ofstream(path) << "precious";
  EXPECT_THAT(listen(path).message(), HasSubstr("something else is there"));
  EXPECT_THAT(listen("/nonexistent/a.sock").message(), HasSubstr("cannot listen (wanted a direct"));
  EXPECT_TRUE(std::filesystem::is_regular_file(path));
  std::filesystem::remove(path);
}

TEST_F(VhostUserTest, AGuestWithoutSegmentationSendsWhatItsMtuAllows) {
  constexpr uint64_t kFeatures = test::kVirtioVersion1 | test::kVirtioMtu;
  Pair small({.features = kFeatures, .mtu = 1450});
  EXPECT_EQ(small.port->guest_mtu(), 1450);
  EXPECT_EQ(pass(small, {}, tcp(3000)).packets, 0u);
  Pair jumbo({.features = kFeatures, .mtu = 8950});
  EXPECT_EQ(jumbo.port->guest_mtu(), 8950);
  const Seen seen = pass(jumbo, {}, tcp(8950 - 40));
  EXPECT_EQ(seen.bytes, tcp(8950 - 40));
  EXPECT_EQ(seen.pieces, 1);
  EXPECT_EQ(jumbo.port->refused_frames(), 0u);
  Pair silent;
  EXPECT_EQ(silent.port->guest_mtu(), 0);
}

// Four pairs over two lcores.
constexpr uint64_t kQueues = test::kVirtioLinux | test::kVirtioMq;
constexpr uint64_t kPacked = test::kVirtioLinux | test::kVirtioPacked;

TEST_F(VhostUserTest, QueuesAndPackedRingsAreOfferedToWhomTheyWereAskedFor) {
  EXPECT_NE(Pair({.features = kQueues, .pairs = 2}).guest.offered() & test::kVirtioMq, 0u);
  EXPECT_NE(Pair({.features = kPacked}).guest.offered() & test::kVirtioPacked, 0u);
}

// A frame whose first byte of payload says where it belongs.
std::vector<uint8_t> numbered(uint8_t number, size_t size = 100) {
  std::vector<uint8_t> frame(size);
  frame[14] = number;
  return frame;
}

TEST_F(VhostUserTest, EachQueuePairIsPolledByOneLcore) {
  Pair pair({.features = kQueues, .receive_buffers = 64, .pairs = 4});
  ASSERT_TRUE(await([&] { return pair.port->queue_pairs() == 4; }));
  for (uint8_t round = 0; round < 3; ++round) {
    for (uint8_t number = 0; number < 4; ++number) {
      pair.guest.send({}, numbered(number), number);
      pair.guest.send({}, numbered(number), number);
    }
    for (const uint16_t lcore : {uint16_t{0}, uint16_t{1}}) {
      std::vector<Packet*> packets = pair.poll(lcore);
      ASSERT_EQ(packets.size(), 4u);
      for (const Packet* packet : packets) EXPECT_EQ(packet->bytes()[14] % 2, lcore);
      free_packets(packets);
    }
  }
  EXPECT_EQ(pair.poll(2).size(), 0u) << "an lcore that does not poll it";
  EXPECT_EQ(pair.port->refused_frames(), 0u);
}

TEST_F(VhostUserTest, NoQueueKeepsTheOthersOfItsLcoreWaiting) {
  Pair pair({.features = kQueues, .receive_buffers = 64, .pairs = 4});
  for (int i = 0; i < 60; ++i) pair.guest.send({}, numbered(0), 0);
  pair.guest.send({}, numbered(2), 2);
  bool has_come = false;
  for (int polls = 0; polls < 2; ++polls) {
    std::vector<Packet*> packets = pair.poll();
    for (const Packet* packet : packets) has_come = has_come || packet->bytes()[14] == 2;
    free_packets(packets);
  }
  EXPECT_TRUE(has_come);
}

TEST_F(VhostUserTest, AFlowKeepsItsQueueAndItsOrderAndAnLcoreItsOwnQueues) {
  Pair pair({.features = kQueues, .receive_buffers = 256, .pairs = 4});
  ASSERT_TRUE(await([&] { return pair.port->queue_pairs() == 4; }));
  std::mt19937 random(3);
  std::array<uint32_t, 64> flows;
  for (uint32_t& flow : flows) flow = static_cast<uint32_t>(random());
  std::map<uint8_t, std::pair<uint16_t, uint8_t>> seen;  // flow: its queue, its last number
  std::array<size_t, 4> received{};
  std::array<uint8_t, 64> numbers{};
  for (int burst = 0; burst < 40; ++burst) {
    const auto lcore = static_cast<uint16_t>(burst % 2);
    std::vector<Packet*> packets(kBurst);
    for (Packet*& packet : packets) {
      auto flow = static_cast<uint8_t>(random() % 64);
      if (flow % 2 != lcore) flow ^= 1;  // a flow has one lcore
      auto frame = numbered(flow);
      frame[15] = ++numbers[flow];
      packet = test::make_packet(frame);
      packet->flow_hash = flows[flow];
    }
    ASSERT_EQ(pair.port->transmit(lcore, packets).taken, kBurst);
    for (uint16_t queue = 0; queue < 4; ++queue) {
      for (const auto& one : pair.guest.receive(queue)) {
        EXPECT_EQ(queue % 2, lcore);
        ++received[queue];
        const auto [at, is_new] = seen.try_emplace(one.frame[14], queue, uint8_t{0});
        EXPECT_EQ(at->second.first, queue);
        EXPECT_EQ(one.frame[15], static_cast<uint8_t>(at->second.second + 1));
        at->second.second = one.frame[15];
      }
    }
  }
  for (const size_t count : received) EXPECT_GT(count, 200u) << "all queues have their part";
}

TEST_F(VhostUserTest, AFullQueueRefusesItsOwnPacketsOnly) {
  Pair pair({.features = kQueues, .receive_buffers = 16, .pairs = 4});
  ASSERT_TRUE(await([&] { return pair.port->queue_pairs() == 4; }));
  const auto burst_for = [](uint32_t hash, size_t size) {
    std::vector<Packet*> packets(size);
    for (Packet*& packet : packets) {
      packet = test::make_packet(numbered(hash != 0));
      packet->flow_hash = hash;
    }
    return packets;
  };
  std::vector<Packet*> fill = burst_for(0, kBurst);  // queue 0
  EXPECT_EQ(pair.port->transmit(0, fill).taken, 16);
  free_packets(std::span(fill).subspan(16));
  std::vector<Packet*> mixed = burst_for(0, 8);
  const std::vector<Packet*> others = burst_for(0xffffffff, 8);  // queue 2
  mixed.insert(mixed.begin() + 4, others.begin(), others.end());
  const Port::Sent sent = pair.port->transmit(0, mixed);
  EXPECT_EQ(sent.taken, 8);
  EXPECT_EQ(sent.refusal, Port::Refusal::ring_full);
  const auto refused = std::span(mixed).subspan(8);
  for (const Packet* packet : refused) EXPECT_EQ(packet->flow_hash, 0u);
  free_packets(refused);
  EXPECT_EQ(pair.guest.receive(2).size(), 8u);
}

TEST_F(VhostUserTest, AGuestSwitchesItsQueuesOnAndOff) {
  Pair pair({.features = kQueues, .receive_buffers = 64, .pairs = 4});
  // One queue is also what there is while the guest still comes.
  ASSERT_TRUE(await([&] { return pair.port->queue_pairs() == 4; }));
  const auto comes = [&](uint16_t queue, uint16_t lcore) {
    pair.guest.send({}, numbered(9), queue);
    std::vector<Packet*> packets = pair.poll(lcore);
    free_packets(packets);
    return packets.size() == 1;
  };
  for (int turn = 0; turn < 3; ++turn) {
    for (uint16_t queue = 1; queue < 4; ++queue) pair.guest.enable(queue, false);
    ASSERT_TRUE(await([&] { return pair.port->queue_pairs() == 1; }));
    EXPECT_TRUE(comes(0, 0));
    Packet* packet = test::make_packet(numbered(1));
    packet->flow_hash = 0xffffffff;
    EXPECT_EQ(pair.port->transmit(1, std::span(&packet, 1)).taken, 1);
    EXPECT_EQ(pair.guest.receive(0).size(), 1u);
    // A queue that begins wakes its lcore, and then with every kick.
    EXPECT_EQ(pair.port->arm_for(1), Port::Armed::yes);
    for (uint16_t queue = 1; queue < 4; ++queue) pair.guest.enable(queue, true);
    ASSERT_TRUE(await([&] { return pair.port->queue_pairs() == 4; }));
    pollfd wake{pair.port->wake_fd_for(1), POLLIN, 0};
    EXPECT_EQ(poll(&wake, 1, 5000), 1);
    EXPECT_EQ(pair.poll(1).size(), 0u);
    EXPECT_EQ(pair.port->arm_for(1), Port::Armed::yes);
    EXPECT_EQ(poll(&wake, 1, 0), 0);
    pair.guest.send({}, numbered(9), 3);
    pair.guest.kick(3);
    EXPECT_EQ(poll(&wake, 1, 5000), 1);
    std::vector<Packet*> packets = pair.poll(1);
    EXPECT_EQ(packets.size(), 1u);
    free_packets(packets);
  }
}

TEST_F(VhostUserTest, APackedRingCarriesFramesBothWays) {
  Pair pair({.features = kPacked, .receive_buffers = 64});
  for (int i = 0; i < 400; ++i) {  // the rings begin anew many times
    const size_t payload = i % 5 == 4 ? 20'000u : 10u + static_cast<size_t>(i);
    EXPECT_EQ(pass(pair, i % 5 == 4 ? kTcpRequest : VirtioHeader{}, tcp(payload)).bytes,
              tcp(payload));
    Packet* packet = test::make_large_packet(tcp(payload));
    ASSERT_EQ(pair.port->transmit(0, std::span(&packet, 1)).taken, 1);
    const auto received = pair.guest.receive();
    ASSERT_EQ(received.size(), 1u) << i;
    EXPECT_EQ(received[0].frame, tcp(payload));
  }
  EXPECT_EQ(pair.guest.waiting(), 0u);
}

TEST_F(VhostUserTest, APackedRingRefusesForEachPacketAlone) {
  Pair pair({.features = kPacked, .receive_buffers = 16});
  EXPECT_EQ(pass(pair, kTcpRequest, tcp(kLargeBufferData)).packets, 0u) << "no buffer holds it";
  EXPECT_EQ(pass(pair, {}, tcp(100)).packets, 1u) << "the ring goes on";
  const auto send = [&](size_t payload) { return send_to_guest(pair, payload); };
  EXPECT_EQ(send(20'000), Port::Refusal::none);
  EXPECT_EQ(send(20'000), Port::Refusal::too_few_buffers);
  EXPECT_EQ(send(1'000), Port::Refusal::none);
  EXPECT_EQ(pair.guest.receive().size(), 2u);
  EXPECT_EQ(send(20'000), Port::Refusal::none);
}

TEST_F(VhostUserTest, APackedRingIsKickedOnlyWhileNobodyPolls) {
  Pair pair({.features = kPacked});
  EXPECT_TRUE(pair.guest.is_to_kick());
  EXPECT_EQ(pass(pair, {}, tcp(10)).packets, 1u);
  EXPECT_FALSE(pair.guest.is_to_kick());
  EXPECT_EQ(pair.port->arm(), Port::Armed::yes);
  EXPECT_TRUE(pair.guest.is_to_kick());
}

TEST_F(VhostUserTest, FramesInIndirectDescriptorsArriveWhole) {
  for (const uint64_t kind : {uint64_t{0}, test::kVirtioPacked}) {
    Pair pair({.features = test::kVirtioLinux | test::kVirtioIndirect | kind});
    ASSERT_NE(pair.guest.offered() & test::kVirtioIndirect, 0u);
    for (int i = 0; i < 5; ++i) {
      pair.guest.send_indirect({}, tcp(1000));
      std::vector<Packet*> packets = pair.poll();
      ASSERT_EQ(packets.size(), 1u);
      EXPECT_EQ(test::contents(*packets[0]), tcp(1000));
      free_packets(packets);
    }
    EXPECT_EQ(pair.port->refused_frames(), 0u);
  }
}

TEST_F(VhostUserTest, WithEventIndexAGuestKicksForTheNextFrameOnly) {
  Pair pair({.features = test::kVirtioLinux | test::kVirtioEventIdx});
  ASSERT_NE(pair.guest.offered() & test::kVirtioEventIdx, 0u);
  EXPECT_EQ(pass(pair, {}, tcp(10)).packets, 1u);
  EXPECT_EQ(pair.port->arm(), Port::Armed::yes);
  pair.guest.send({}, tcp(10));
  EXPECT_TRUE(pair.guest.is_to_kick());
  pair.guest.send({}, tcp(10));
  EXPECT_FALSE(pair.guest.is_to_kick()) << "it was told with the first";
  std::vector<Packet*> packets = pair.poll();
  EXPECT_EQ(packets.size(), 2u);
  free_packets(packets);
}

// What QEMU copies again while a guest moves to another host is what we say that we have written.
TEST_F(VhostUserTest, WhatIsWrittenIntoAMovingGuestIsLogged) {
  constexpr uint64_t kPage = test::VhostFrontend::kPage;
  Pair pair({.features = test::kVirtioLinux | test::kVhostLogAll});
  for (const size_t payload : {size_t{100}, size_t{20'000}}) {
    const std::vector<uint8_t> before(pair.guest.memory().begin(), pair.guest.memory().end());
    EXPECT_EQ(send_to_guest(pair, payload), Port::Refusal::none);
    size_t written = 0;
    for (uint64_t page = 0; page < VhostGuest::kMemory / kPage; ++page) {
      const auto now = pair.guest.memory().subspan(page * kPage, kPage);
      if (std::ranges::equal(now, std::span(before).subspan(page * kPage, kPage))) continue;
      ++written;
      EXPECT_TRUE(pair.guest.is_dirty(page)) << page << ", " << payload;
    }
    EXPECT_GE(written, payload / kPage + 2) << "its bytes, and the ring that tells of them";
    EXPECT_EQ(pair.guest.receive().size(), 1u);
  }
  size_t dirty = 0;
  for (uint64_t page = 0; page < VhostGuest::kMemory / kPage; ++page) {
    dirty += pair.guest.is_dirty(page);
  }
  EXPECT_LT(dirty, 100u) << "and nothing else";
  EXPECT_EQ(pass(pair, {}, tcp(10)).packets, 1u) << "the guest goes on";
}

// A nic that is deleted when its guest has just died, and made again: the guest that comes then is
// its guest, not that of the port that is gone.
TEST_F(VhostUserTest, APortMayGoInTheMomentInWhichItsGuestDoes) {
  const std::string path = ::testing::TempDir() + "gone-" + std::to_string(getpid()) + ".sock";
  const auto quiescence = std::move(*Quiescence::create(1));
  for (int i = 0; i < 100; ++i) {
    VhostGuest guest(path, {});
    auto port = std::move(
        *VhostUserPort::create({.path = path}, test::pool(), test::large_pool(), *quiescence));
    guest.connect();
    ASSERT_TRUE(await([&] { return port->is_connected(); }));
    std::thread death([&] { guest.disconnect(); });
    port.reset();
    death.join();
  }
}

}  // namespace
}  // namespace butterfly
