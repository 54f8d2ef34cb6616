// SPDX-License-Identifier: Apache-2.0
// What a vhost-user port writes into a guest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include "graph/merge_tcp.h"
#include "ports/vhost_user_test_support.h"

namespace butterfly {
namespace {

using test::kEth;
using test::kNeedsChecksum;
using test::Pair;
using test::VhostGuest;
using test::VhostUserTest;
using test::VirtioHeader;
using ::testing::IsEmpty;

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

}  // namespace
}  // namespace butterfly
