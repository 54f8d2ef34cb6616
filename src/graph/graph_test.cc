// SPDX-License-Identifier: Apache-2.0
#include "graph/graph.h"

#include <gtest/gtest.h>

#include "graph/run_brick.h"
#include "support/eal.h"

namespace butterfly {
namespace {

// Sends even lengths on, odd ones away; 99 is copied to the side.
class Sieve {
 public:
  enum class Out : uint8_t { even, odd, copy };
  static constexpr std::array kOuts{
      OutInfo{"even", Edge::forward, "an even number of bytes"},
      OutInfo{"odd", Edge::drop, "an odd number of bytes"},
      OutInfo{"copy", Edge::forward, "a copy of a packet of 100 bytes"},
  };
  static constexpr BrickInfo kInfo{"sieve", kOuts};
  struct Trace {
    uint32_t length;
  };
  static std::string format(const Trace& trace) { return std::to_string(trace.length) + " bytes"; }

  Out operator()(Packet& packet, Trace* trace, Emit<Sieve>& emit) noexcept {
    if (trace) trace->length = packet.length();
    if (packet.length() == 100) {
      if (Packet* copy = emit.clone(packet)) emit.send(Out::copy, *copy);
    }
    return packet.length() % 2 == 0 ? Out::even : Out::odd;
  }
};
static_assert(EmittingBrick<Sieve>);

class Pass {
 public:
  enum class Out : uint8_t { on, never };
  static constexpr std::array kOuts{OutInfo{"on", Edge::forward, "everything"},
                                    OutInfo{"never", Edge::drop, "nothing"}};
  static constexpr BrickInfo kInfo{"pass", kOuts};
  using Trace = NoTrace;
  Out operator()(Packet&, Trace*) noexcept { return Out::on; }
};
static_assert(DecidingBrick<Pass>);

struct Collected {
  std::vector<uint32_t> lengths;
};
constexpr std::array kEndOuts{OutInfo{"kept", Edge::forward, "seen by the test"}};
constexpr BrickInfo kEndInfo{"end", kEndOuts};
void collect(Node& node, std::span<Packet*> burst, Lcore& lcore) {
  for (Packet* packet : burst) {
    node.brick<Collected>().lengths.push_back(packet->length());
    lcore.drop(*packet);
  }
}

class GraphTest : public ::testing::Test {
 protected:
  GraphTest() {
    sieve_node_ = &graph_.add("sieve", sieve_);
    pass_node_ = &graph_.add("pass", pass_);
    end_node_ = &graph_.add_sink("end", kEndInfo, &collected_, collect, collect);
    graph_.connect(*sieve_node_, Sieve::Out::even, *end_node_);
    graph_.connect(*sieve_node_, Sieve::Out::copy, *pass_node_);
    graph_.connect(*pass_node_, Pass::Out::on, *end_node_);
  }
  void feed(uint32_t length) {
    Packet* packet = test::pool().alloc();
    ASSERT_NE(packet, nullptr);
    ASSERT_NE(rte_pktmbuf_append(packet, static_cast<uint16_t>(length)), nullptr);
    packet->reset_facts(PortId{7});
    if (lcore_.tracing()) lcore_.trace().begin(*packet);
    sieve_node_->push(*packet, lcore_);
  }
  uint64_t packets(const Node& node, size_t out) {
    return lcore_.counters().node(node.index())[out].packets.read();
  }

  Lcore lcore_{0, test::pool()};
  Sieve sieve_;
  Pass pass_;
  Collected collected_;
  Graph graph_;
  Node* sieve_node_;
  Node* pass_node_;
  Node* end_node_;
};

TEST_F(GraphTest, EveryPacketIsCountedOnItsOutAndNoneIsLost) {
  ASSERT_TRUE(graph_.seal(lcore_).ok());
  const uint32_t before = test::pool().in_use();
  for (uint32_t i = 0; i < 500; ++i) feed(60 + i % 3);  // 60, 61, 62
  graph_.run(lcore_);
  lcore_.flush_freed();
  EXPECT_EQ(packets(*sieve_node_, 0), 333u);
  EXPECT_EQ(packets(*sieve_node_, 1), 167u);
  EXPECT_EQ(lcore_.counters().node(sieve_node_->index())[0].bytes.read(), 167u * 60 + 166u * 62);
  EXPECT_EQ(collected_.lengths.size(), 333u);
  EXPECT_EQ(lcore_.counters().ledger().dropped.read(), 500u);  // the collector drops too
  EXPECT_EQ(test::pool().in_use(), before);
}

TEST_F(GraphTest, OrderWithinAnOutIsKeptOverManyBursts) {
  ASSERT_TRUE(graph_.seal(lcore_).ok());
  std::vector<uint32_t> fed;
  for (uint32_t i = 0; i < 300; ++i) {
    feed(200 + 2 * i);
    fed.push_back(200 + 2 * i);
    if (i % 7 == 0) feed(61);
  }
  graph_.run(lcore_);
  lcore_.flush_freed();
  EXPECT_EQ(collected_.lengths, fed);
}

// By its length: even ones on, odd ones aside, thirds away.
class Fork {
 public:
  enum class Out : uint8_t { on, aside, away };
  static constexpr std::array kOuts{OutInfo{"on", Edge::forward, "an even number of bytes"},
                                    OutInfo{"aside", Edge::forward, "an odd number of bytes"},
                                    OutInfo{"away", Edge::drop, "a third of the bytes"}};
  static constexpr BrickInfo kInfo{"fork", kOuts};
  struct Trace {
    uint32_t length;
  };
  Out operator()(Packet& packet, Trace* trace) noexcept {
    if (trace) trace->length = packet.length();
    if (packet.length() % 3 == 0) return Out::away;
    return packet.length() % 2 == 0 ? Out::on : Out::aside;
  }
};

TEST_F(GraphTest, ABrickThatSplitsCountsDropsTracesAndKeepsTheOrderOfEachOut) {
  Fork fork;
  Collected even;
  Collected odd;
  Graph graph;
  Node& node = graph.add_splitting("fork", fork);
  Node& on = graph.add_sink("on", kEndInfo, &even, collect, collect);
  Node& aside = graph.add_sink("aside", kEndInfo, &odd, collect, collect);
  graph.connect(node, Fork::Out::on, on);
  graph.connect(node, Fork::Out::aside, aside);
  ASSERT_TRUE(graph.seal(lcore_).ok());
  const uint32_t before = test::pool().in_use();
  std::vector<uint32_t> fed_even;
  std::vector<uint32_t> fed_odd;
  uint64_t away_bytes = 0;
  lcore_.trace().arm(PortId{7});
  lcore_.set_tracing(true);
  for (uint32_t length = 60; length < 360; ++length) {
    Packet* packet = test::pool().alloc();
    ASSERT_NE(rte_pktmbuf_append(packet, static_cast<uint16_t>(length)), nullptr);
    packet->reset_facts(PortId{7});
    if (length == 61) lcore_.trace().begin(*packet);
    node.push(*packet, lcore_);
    if (length % 3 == 0) {
      away_bytes += length;
    } else {
      (length % 2 == 0 ? fed_even : fed_odd).push_back(length);
    }
  }
  graph.run(lcore_);
  lcore_.flush_freed();
  EXPECT_EQ(even.lengths, fed_even);
  EXPECT_EQ(odd.lengths, fed_odd);
  EXPECT_EQ(packets(node, 0), fed_even.size());
  EXPECT_EQ(packets(node, 1), fed_odd.size());
  EXPECT_EQ(packets(node, 2), 100u);
  EXPECT_EQ(node.counts()[2].bytes.read(), away_bytes);
  EXPECT_EQ(test::pool().in_use(), before);
  PacketTrace trace;
  ASSERT_TRUE(lcore_.trace().take(trace));
  ASSERT_EQ(trace.step_count, 1);
  EXPECT_EQ(trace.steps[0].out, static_cast<uint8_t>(Fork::Out::aside));
}

TEST_F(GraphTest, CopiesAreCountedAndReachTheirTargetEvenWhenItFeedsTheLikelyOne) {
  ASSERT_TRUE(graph_.seal(lcore_).ok());
  const uint32_t before = test::pool().in_use();
  for (int i = 0; i < 200; ++i) feed(100);
  graph_.run(lcore_);
  lcore_.flush_freed();
  EXPECT_EQ(collected_.lengths.size(), 400u);
  EXPECT_EQ(lcore_.counters().ledger().copied.read(), 200u);
  EXPECT_EQ(packets(*pass_node_, 0), 200u);
  EXPECT_EQ(test::pool().in_use(), before);
}

TEST_F(GraphTest, ATraceTellsEveryBrickOutAndNote) {
  ASSERT_TRUE(graph_.seal(lcore_).ok());
  lcore_.trace().arm(PortId{7});
  lcore_.set_tracing(true);
  feed(61);
  graph_.run(lcore_);
  lcore_.flush_freed();
  PacketTrace trace;
  ASSERT_TRUE(lcore_.trace().take(trace));
  EXPECT_EQ(trace.in_port, PortId{7});
  EXPECT_EQ(trace.length, 61u);
  ASSERT_EQ(trace.step_count, 1);
  EXPECT_EQ(trace.steps[0].node, sieve_node_->index());
  EXPECT_EQ(trace.steps[0].out, static_cast<uint8_t>(Sieve::Out::odd));
  EXPECT_EQ(sieve_node_->format(trace.steps[0].note.data()), "61 bytes");
  EXPECT_FALSE(lcore_.trace().take(trace));
}

TEST_F(GraphTest, ATraceOfAnotherPortIsNotDelivered) {
  ASSERT_TRUE(graph_.seal(lcore_).ok());
  lcore_.trace().arm(PortId{8});
  lcore_.set_tracing(true);
  feed(61);
  graph_.run(lcore_);
  lcore_.flush_freed();
  PacketTrace trace;
  EXPECT_FALSE(lcore_.trace().take(trace));
}

TEST_F(GraphTest, AForwardOutThatLeadsNowhereIsRefusedByName) {
  Graph graph;
  graph.add("pass", pass_);
  const Status status = graph.seal(lcore_);
  EXPECT_EQ(status.message(), "graph: out 'on' of 'pass' leads nowhere");
}

TEST_F(GraphTest, ThePictureNamesBricksArrowsAndDrops) {
  const std::string dot = graph_.to_dot();
  EXPECT_NE(dot.find("\"sieve\" -> \"end\" [label=\"even\"]"), std::string::npos) << dot;
  EXPECT_NE(dot.find("odd<br"), std::string::npos) << dot;
}

}  // namespace
}  // namespace butterfly
