// SPDX-License-Identifier: Apache-2.0
// Several queue pairs of a vhost-user port, packed rings, indirect descriptors, kicks by event
// index.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <map>
#include <random>

#include "ports/vhost_user_test_support.h"

namespace butterfly {
namespace {

using test::await;
using test::Pair;
using test::VhostUserTest;
using test::VirtioHeader;

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

}  // namespace
}  // namespace butterfly
