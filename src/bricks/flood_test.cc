// SPDX-License-Identifier: Apache-2.0
#include "bricks/flood.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bricks/packet_for_test.h"
#include "graph/run_brick.h"
#include "support/eal.h"

namespace butterfly {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint16_t kSlot = 5;

// Keeps what arrives, as a port or a tunnel would see it.
struct Collected {
  std::vector<std::string> targets;  // "port 2", "peer 3"
  std::vector<std::vector<uint8_t>> bytes;
  std::vector<bool> has_headroom;
  std::vector<uint16_t> segments;
};
constexpr std::array kEndOuts{OutInfo{"kept", Edge::forward, "seen by the test"}};
constexpr BrickInfo kEndInfo{"end", kEndOuts};
void collect(Node& node, std::span<Packet*> burst, Lcore& lcore) {
  auto& collected = node.brick<Collected>();
  for (Packet* packet : burst) {
    collected.targets.push_back(packet->out_port == kUplinkPort
                                    ? "peer " + std::to_string(packet->peer.value)
                                    : "port " + std::to_string(packet->out_port.value));
    collected.bytes.push_back(test::contents(*packet));
    collected.segments.push_back(packet->segment);
    // A local target must not write in front of bytes that it shares; a tunnel must be able to.
    collected.has_headroom.push_back(packet->prepend(70) != nullptr);
    lcore.drop(*packet);
  }
}

class FloodTest : public ::testing::Test {
 protected:
  FloodTest() {
    flood_node_ = &graph_.add("flood", flood_);
    local_node_ = &graph_.add_sink("local", kEndInfo, &local_, collect, collect);
    tunnel_node_ = &graph_.add_sink("tunnel", kEndInfo, &tunnel_, collect, collect);
    graph_.connect(*flood_node_, Flood::Out::copy_local, *local_node_);
    graph_.connect(*flood_node_, Flood::Out::copy_tunnel, *tunnel_node_);
    EXPECT_TRUE(graph_.seal(lcore_).ok());
    in_use_ = test::pool().in_use();
  }
  ~FloodTest() override { EXPECT_EQ(test::pool().in_use(), in_use_) << "packets were lost"; }

  void set_segment(std::vector<PortId> ports, std::vector<PeerId> peers, PeerId group = kNoPeer) {
    Segment segment;
    segment.vni = Vni{100};
    segment.index = kSlot;
    segment.ports = std::move(ports);
    segment.peers = std::move(peers);
    segment.group = group;
    segments_.set(std::make_shared<const Segment>(std::move(segment)));
  }
  void send_from(PortId port) {
    test::OwnedPacket packet(kFrame);
    packet->in_port = port;
    packet->segment = kSlot;
    packet->vni = Vni{100};
    packet.parse();
    flood_node_->push(packet.release(), lcore_);
    graph_.run(lcore_);
    lcore_.flush_freed();
  }
  uint64_t count(Flood::Out out) {
    return lcore_.counters().node(flood_node_->index())[static_cast<size_t>(out)].packets.read();
  }
  uint64_t copied() { return lcore_.counters().ledger().copied.read(); }

  static constexpr const char* kFrame = "eth(dst=ff:ff:ff:ff:ff:ff)/arp";
  Lcore lcore_{0, test::pool()};
  SegmentTable segments_;
  Flood flood_{segments_};
  Collected local_;
  Collected tunnel_;
  Graph graph_;
  Node* flood_node_;
  Node* local_node_;
  Node* tunnel_node_;
  uint32_t in_use_ = 0;
};

TEST_F(FloodTest, AGroupOfTheUnderlayStandsForAllPeers) {
  set_segment({PortId{1}, PortId{2}}, {PeerId{4}, PeerId{5}}, PeerId{9});
  send_from(PortId{2});
  EXPECT_THAT(local_.targets, ElementsAre("port 1"));
  EXPECT_THAT(tunnel_.targets, ElementsAre("peer 9"));
  send_from(kUplinkPort);
  EXPECT_THAT(tunnel_.targets, ElementsAre("peer 9")) << "not back to where it came from";
  set_segment({PortId{2}}, {}, PeerId{9});
  send_from(PortId{2});
  EXPECT_THAT(tunnel_.targets, ElementsAre("peer 9", "peer 9")) << "peers need not be known";
}

TEST_F(FloodTest, AGuestsFrameGoesToEveryOtherNicAndEveryPeer) {
  set_segment({PortId{1}, PortId{2}, PortId{3}}, {PeerId{4}, PeerId{5}});
  send_from(PortId{2});
  EXPECT_THAT(local_.targets, ElementsAre("port 1", "port 3"));
  EXPECT_THAT(tunnel_.targets, ElementsAre("peer 4", "peer 5"));
  EXPECT_EQ(count(Flood::Out::copy_local), 2u);
  EXPECT_EQ(count(Flood::Out::copy_tunnel), 2u);
  EXPECT_EQ(copied(), 3u) << "the last target gets the original";
}

TEST_F(FloodTest, EveryTargetSeesTheSameFrameAndTheSameFacts) {
  set_segment({PortId{1}, PortId{2}, PortId{3}}, {PeerId{4}, PeerId{5}});
  send_from(PortId{2});
  for (const auto* end : {&local_, &tunnel_}) {
    ASSERT_EQ(end->bytes.size(), 2u);
    for (const auto& bytes : end->bytes) EXPECT_EQ(bytes, test::bytes_of(kFrame));
    EXPECT_THAT(end->segments, ElementsAre(kSlot, kSlot));
  }
  EXPECT_THAT(tunnel_.has_headroom, ElementsAre(true, true));
}

TEST_F(FloodTest, AFrameFromATunnelGoesToLocalNicsOnly) {
  set_segment({PortId{1}, PortId{2}}, {PeerId{4}, PeerId{5}});
  send_from(kUplinkPort);
  EXPECT_THAT(local_.targets, ElementsAre("port 1", "port 2"));
  EXPECT_THAT(tunnel_.targets, IsEmpty());
  EXPECT_EQ(copied(), 1u);
}

TEST_F(FloodTest, ASingleTargetGetsTheOriginal) {
  set_segment({PortId{1}, PortId{2}}, {});
  send_from(PortId{1});
  EXPECT_THAT(local_.targets, ElementsAre("port 2"));
  EXPECT_EQ(copied(), 0u);
}

TEST_F(FloodTest, AFrameThatNobodyCanGetIsDroppedByName) {
  set_segment({PortId{1}}, {});
  send_from(PortId{1});
  EXPECT_EQ(count(Flood::Out::nobody), 1u);
  set_segment({}, {PeerId{4}});
  send_from(kUplinkPort);
  EXPECT_EQ(count(Flood::Out::nobody), 2u);
  segments_.clear(kSlot);
  send_from(PortId{1});
  EXPECT_EQ(count(Flood::Out::no_segment), 1u);
  EXPECT_EQ(lcore_.counters().ledger().dropped.read(), 3u);
}

TEST_F(FloodTest, MoreTargetsThanABurstHoldsAllGetTheFrame) {
  std::vector<PortId> ports;
  for (uint16_t i = 1; i <= 300; ++i) ports.push_back(PortId{i});
  set_segment(ports, {PeerId{1}});
  send_from(PortId{7});
  EXPECT_EQ(local_.targets.size(), 299u);
  EXPECT_EQ(tunnel_.targets.size(), 1u);
}

TEST_F(FloodTest, AnEmptyPoolCostsCopiesAndNotTheFrame) {
  set_segment({PortId{1}, PortId{2}, PortId{3}}, {PeerId{4}});
  test::OwnedPacket packet(kFrame);
  packet->in_port = PortId{1};
  packet->segment = kSlot;
  std::vector<Packet*> hoard;
  while (Packet* one = test::pool().alloc()) hoard.push_back(one);
  flood_node_->push(packet.release(), lcore_);
  graph_.run(lcore_);
  lcore_.flush_freed();
  free_packets(hoard);
  EXPECT_THAT(local_.targets, IsEmpty());
  EXPECT_THAT(tunnel_.targets, ElementsAre("peer 4"));
  EXPECT_EQ(lcore_.counters().ledger().no_buffer.read(), 2u);
}

TEST_F(FloodTest, ATraceSaysHowManyGotIt) {
  EXPECT_EQ(Flood::format({3, 2}), "to 3 ports, 2 peers");
  EXPECT_EQ(Flood::format({1, 1}), "to 1 port, 1 peer");
}

}  // namespace
}  // namespace butterfly
