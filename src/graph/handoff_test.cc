// SPDX-License-Identifier: Apache-2.0
#include "graph/handoff.h"

#include "support/underlay.h"

namespace butterfly {
namespace {

TEST(HandoffOut, LargeBuffersAreHandedOverOnlyWhileHalfOfThemIsLeft) {
  Lcore lcore(0, test::pool());
  HandoffMesh mesh(2);
  HandoffOut handoff(mesh);
  Graph graph;
  Node& node = handoff.add_to(graph, "handoff");
  ASSERT_TRUE(graph.seal(lcore).ok());
  const auto hand_over = [&](size_t bytes) {
    Packet* packet = test::make_large_packet(std::vector<uint8_t>(bytes));
    packet->flow_hash = 1;  // lcore 1's
    node.push(*packet, lcore);
    graph.run(lcore);
    lcore.flush_freed();
  };
  const uint32_t size = test::large_pool().size();
  for (uint32_t i = 0; i < size; ++i) hand_over(3000);
  std::array<Packet*, kBurst> burst;
  uint32_t held = 0;
  std::vector<Packet*> taken;
  while (const uint16_t count = mesh.ring(0, 1).pop(burst)) {
    held += count;
    taken.insert(taken.end(), burst.begin(), burst.begin() + count);
  }
  EXPECT_GE(held, size / 2);
  EXPECT_LE(held, size / 2 + 2);
  EXPECT_EQ(lcore.counters().ledger().dropped.read(), size - held);
  // What would fit an ordinary buffer is no reason to refuse.
  hand_over(100);
  EXPECT_EQ(mesh.ring(0, 1).pop(burst), 1);
  taken.push_back(burst[0]);
  free_packets(taken);
}

}  // namespace
}  // namespace butterfly
