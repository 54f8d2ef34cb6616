// SPDX-License-Identifier: Apache-2.0
// What a hostile guest gets from a vhost-user port for its trouble.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <random>

#include "ports/vhost_user_test_support.h"

namespace butterfly {
namespace {

using test::kNeedsChecksum;
using test::Pair;
using test::VhostGuest;
using test::VhostUserTest;
using test::VirtioHeader;
using ::testing::ElementsAre;

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

}  // namespace
}  // namespace butterfly
