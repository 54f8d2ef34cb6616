// SPDX-License-Identifier: Apache-2.0
#include "ports/pool_gate.h"

#include <gtest/gtest.h>

#include <array>
#include <thread>

#include "support/eal.h"

namespace butterfly {
namespace {

TEST(PoolGate, GivesWhatIsAskedForFirstAndThenNothing) {
  PacketPool& pool = test::pool();
  const uint32_t before = pool.in_use();
  ASSERT_TRUE(PoolGate::make().ok());
  for (const unsigned count : {1u, 32u}) {
    rte_mempool* gate = PoolGate::open_once(pool);
    std::array<rte_mbuf*, 32> mbufs;
    ASSERT_EQ(rte_pktmbuf_alloc_bulk(gate, mbufs.data(), count), 0);
    EXPECT_EQ(pool.in_use(), before + count);
    EXPECT_EQ(rte_pktmbuf_alloc(gate), nullptr);
    EXPECT_EQ(mbufs[0]->pool, pool.raw()) << "and this is where it goes back";
    rte_pktmbuf_free_bulk(mbufs.data(), count);
    EXPECT_EQ(pool.in_use(), before);
  }
}

TEST(PoolGate, IsShutForAThreadThatHasNotOpenedIt) {
  ASSERT_TRUE(PoolGate::make().ok());
  rte_mempool* gate = PoolGate::open_once(test::pool());
  std::thread([gate] { EXPECT_EQ(rte_pktmbuf_alloc(gate), nullptr); }).join();
  rte_mbuf* mbuf = rte_pktmbuf_alloc(gate);
  ASSERT_NE(mbuf, nullptr);
  rte_pktmbuf_free(mbuf);
}

TEST(PoolGate, IsMadeOnce) {
  EXPECT_TRUE(PoolGate::make().ok());
  EXPECT_TRUE(PoolGate::make().ok());
}

}  // namespace
}  // namespace butterfly
