// SPDX-License-Identifier: Apache-2.0
#include "graph/handoff.h"

#include <algorithm>
#include <thread>

#include "support/underlay.h"

namespace butterfly {
namespace {

// Rings carry addresses; these lead nowhere.
Packet* numbered(uintptr_t number) { return reinterpret_cast<Packet*>(number << 6); }
uintptr_t number_of(const Packet* packet) { return reinterpret_cast<uintptr_t>(packet) >> 6; }

TEST(HandoffRing, ShowsWhatItHoldsOnceItIsPublished) {
  HandoffRing ring;
  std::array<Packet*, kBurst> burst;
  ASSERT_TRUE(ring.push(numbered(1)));
  ASSERT_TRUE(ring.push(numbered(2)));
  EXPECT_EQ(ring.unpublished(), 2u);
  EXPECT_EQ(ring.pop(burst), 0);
  ring.publish();
  EXPECT_EQ(ring.unpublished(), 0u);
  ASSERT_EQ(ring.pop(burst), 2);
  EXPECT_EQ(number_of(burst[0]), 1u);
  EXPECT_EQ(number_of(burst[1]), 2u);
  EXPECT_EQ(ring.pop(burst), 0);
}

TEST(HandoffRing, HoldsSoManyAndTakesMoreWhenThereIsRoomAgain) {
  HandoffRing ring;
  for (uint32_t i = 0; i < HandoffRing::kSlots; ++i) ASSERT_TRUE(ring.push(numbered(i)));
  EXPECT_FALSE(ring.push(numbered(0)));
  ring.publish();
  EXPECT_FALSE(ring.push(numbered(0)));
  std::array<Packet*, 1> one;
  ASSERT_EQ(ring.pop(one), 1);
  EXPECT_TRUE(ring.push(numbered(HandoffRing::kSlots)));
  EXPECT_FALSE(ring.push(numbered(0)));
}

TEST(HandoffRing, KeepsTheOrderBetweenTwoThreads) {
  constexpr uintptr_t kPackets = 200'000;
  HandoffRing ring;
  std::thread producer([&] {
    for (uintptr_t i = 0; i < kPackets; ++i) {
      while (!ring.push(numbered(i))) {
        ring.publish();
        std::this_thread::yield();
      }
      if (i % 7 == 0) ring.publish();
    }
    ring.publish();
  });
  std::array<Packet*, kBurst> burst;
  uintptr_t next = 0;
  bool in_order = true;
  while (next < kPackets && in_order) {
    const uint16_t count = ring.pop(burst);
    if (count == 0) std::this_thread::yield();
    for (uint16_t i = 0; i < count; ++i) in_order = in_order && number_of(burst[i]) == next++;
  }
  std::array<Packet*, kBurst> rest;
  while (!in_order && next < kPackets) next += ring.pop(rest);  // lets the other thread end
  producer.join();
  EXPECT_TRUE(in_order);
}

TEST(OwnerOf, SpreadsFlowsEvenlyOverAnyNumberOfLcores) {
  for (const uint16_t lcores : std::initializer_list<uint16_t>{1, 2, 3, 7, 64, 100}) {
    std::vector<uint32_t> flows(lcores);
    constexpr uint32_t kFlows = 1 << 15;
    for (uint32_t i = 0; i < kFlows; ++i) ++flows.at(owner_of(i * 2'654'435'761u | 0x8000, lcores));
    const auto [least, most] = std::ranges::minmax(flows);
    EXPECT_GE(least, kFlows / lcores * 9 / 10) << lcores;
    EXPECT_LE(most, kFlows / lcores * 11 / 10 + 1) << lcores;
  }
}

TEST(HandoffMesh, AnLcoreVisitsTheRingsThatWereAnnouncedToIt) {
  constexpr uint16_t kLcores = 70;  // more than a word has bits
  HandoffMesh mesh(kLcores);
  const auto visited = [&mesh](uint16_t to) {
    std::vector<uintptr_t> packets;
    mesh.visit_announced(to, [&](HandoffRing& ring) {
      std::array<Packet*, kBurst> burst;
      const uint16_t count = ring.pop(burst);
      for (uint16_t i = 0; i < count; ++i) packets.push_back(number_of(burst[i]));
    });
    return packets;
  };
  EXPECT_FALSE(mesh.has_packets_for(2));
  for (const uint16_t from : std::initializer_list<uint16_t>{1, 65, 69}) {
    mesh.ring(from, 2).push(numbered(from));
    mesh.announce(from, 2);
  }
  EXPECT_TRUE(mesh.has_packets_for(2));
  EXPECT_FALSE(mesh.has_packets_for(3));
  EXPECT_EQ(visited(3), std::vector<uintptr_t>());
  EXPECT_EQ(visited(2), (std::vector<uintptr_t>{1, 65, 69}));
  EXPECT_FALSE(mesh.has_packets_for(2));
}

class CountingWaker : public Waker {
 public:
  void wake_if_sleeping() noexcept override { ++calls; }
  int calls = 0;
};

class HandoffTest : public ::testing::Test {
 protected:
  HandoffTest() : node_(out_.add_to(graph_, "handoff")) {
    mesh_.set_waker(1, &waker_);
    EXPECT_TRUE(graph_.seal(lcore_).ok());
  }
  ~HandoffTest() override {
    for (uint16_t count = kBurst; count != 0;) {
      std::array<Packet*, kBurst> burst;
      count = mesh_.ring(0, 1).pop(burst);
      free_packets(std::span(burst.data(), count));
    }
  }
  // Of a flow of lcore 1.
  void hand_over(Packet* packet) {
    packet->flow_hash = 0x7fff;
    node_.push(*packet, lcore_);
    graph_.run(lcore_);
  }
  void end_round() {
    out_.flush(lcore_);
    lcore_.flush_freed();
  }
  uint64_t count(HandoffOut::Out out) {
    return node_.counts()[static_cast<size_t>(out)].packets.read();
  }

  Lcore lcore_{0, test::pool()};
  HandoffMesh mesh_{2};
  HandoffOut out_{mesh_};
  CountingWaker waker_;
  Graph graph_;
  Node& node_;
};

TEST_F(HandoffTest, TheOwnerIsToldOnceARound) {
  for (int i = 0; i < 40; ++i) hand_over(test::make_packet("eth/ipv4/udp"));
  EXPECT_FALSE(mesh_.has_packets_for(1));
  EXPECT_EQ(waker_.calls, 0);
  end_round();
  EXPECT_TRUE(mesh_.has_packets_for(1));
  EXPECT_EQ(waker_.calls, 1);
  end_round();
  EXPECT_EQ(waker_.calls, 1) << "there was nothing new";
}

TEST_F(HandoffTest, InALongRoundTheOwnerIsToldBeforeItsRingIsFull) {
  for (uint32_t i = 0; i < HandoffRing::kSlots / 2; ++i) {
    hand_over(test::make_packet("eth/ipv4/udp"));
  }
  EXPECT_TRUE(mesh_.has_packets_for(1));
  end_round();
}

TEST_F(HandoffTest, AFullRingIsANamedDrop) {
  constexpr uint32_t kTooMany = 5;
  const uint32_t in_use = test::pool().in_use();
  for (uint32_t i = 0; i < HandoffRing::kSlots + kTooMany; ++i) {
    hand_over(test::make_packet("eth/ipv4/udp"));
  }
  end_round();
  EXPECT_EQ(count(HandoffOut::Out::handed_over), HandoffRing::kSlots);
  EXPECT_EQ(count(HandoffOut::Out::ring_full), kTooMany);
  EXPECT_EQ(lcore_.counters().ledger().handed_over.read(), HandoffRing::kSlots);
  EXPECT_EQ(lcore_.counters().ledger().dropped.read(), kTooMany);
  EXPECT_EQ(test::pool().in_use(), in_use + HandoffRing::kSlots);
}

TEST_F(HandoffTest, TheOwnerTakesOverInOrderAllThatItWasToldOf) {
  constexpr uint32_t kPackets = 3 * kBurst + 1;
  for (uint32_t i = 0; i < kPackets; ++i) {
    Packet* packet = test::make_packet("eth/ipv4/udp");
    packet->peer = PeerId{static_cast<uint16_t>(i)};
    hand_over(packet);
  }
  end_round();
  Lcore owner(1, test::pool());
  Graph graph;
  struct Seen {
    std::vector<uint16_t> numbers;
  } seen;
  static constexpr std::array kOuts{OutInfo{"seen", Edge::forward, "by the test"}};
  static constexpr BrickInfo kInfo{"end", kOuts};
  const RunBurst see = [](Node& node, std::span<Packet*> burst, Lcore& lcore) {
    for (Packet* packet : burst) {
      node.brick<Seen>().numbers.push_back(packet->peer.value);
      lcore.drop(*packet);
    }
  };
  Node& entry = graph.add_sink("end", kInfo, &seen, see, see);
  ASSERT_TRUE(graph.seal(owner).ok());
  EXPECT_EQ(take_over(mesh_, entry, owner), kPackets);
  graph.run(owner);
  ASSERT_EQ(seen.numbers.size(), kPackets);
  EXPECT_TRUE(std::ranges::is_sorted(seen.numbers));
  EXPECT_EQ(owner.counters().ledger().taken_over.read(), kPackets);
  EXPECT_EQ(take_over(mesh_, entry, owner), 0u);
}

TEST_F(HandoffTest, LargeBuffersAreHandedOverOnlyWhileHalfOfThemIsLeft) {
  const uint32_t size = test::large_pool().size();
  for (uint32_t i = 0; i < size; ++i) {
    hand_over(test::make_large_packet(std::vector<uint8_t>(3000)));
    lcore_.flush_freed();
  }
  const uint64_t held = count(HandoffOut::Out::handed_over);
  EXPECT_GE(held, size / 2);
  EXPECT_LE(held, size / 2 + 2);
  EXPECT_EQ(lcore_.counters().ledger().dropped.read(), size - held);
  // What would fit an ordinary buffer is no reason to refuse.
  hand_over(test::make_large_packet(std::vector<uint8_t>(100)));
  EXPECT_EQ(count(HandoffOut::Out::handed_over), held + 1);
  end_round();
}

// An lcore's ends of its rings lie in lines that no other lcore writes (docs/cache_lines.md).
static_assert(alignof(HandoffRing) == kLinePair && sizeof(HandoffRing) % kLinePair == 0);
static_assert(alignof(HandoffMesh) <= kLinePair);

}  // namespace
}  // namespace butterfly
