// SPDX-License-Identifier: Apache-2.0
#include "tables/peer_table.h"

#include <gtest/gtest.h>

namespace butterfly {
namespace {

std::shared_ptr<const Peer> peer(uint16_t id, uint32_t address) {
  const IpAddress itself = Ipv4::from_u32(address);
  Vtep vtep;
  vtep.address = Ipv4::from_u32(0xc0000201);
  return std::make_shared<Peer>(vtep, PeerId{id}, itself, itself, uint16_t{0});
}

TEST(PeerTable, FindsAPeerBySlotAndByAddress) {
  PeerTable table;
  table.set(peer(3, 0xc0000202));
  ASSERT_NE(table.find(PeerId{3}), nullptr);
  EXPECT_EQ(table.find(IpAddress(Ipv4::from_u32(0xc0000202))), table.find(PeerId{3}));
  EXPECT_EQ(table.find(IpAddress(Ipv4::from_u32(0xc0000203))), nullptr);
  EXPECT_EQ(table.find(kNoPeer), nullptr);
}

TEST(PeerTable, AClearedPeerIsGoneByAddressToo) {
  PeerTable table;
  table.set(peer(3, 0xc0000202));
  table.clear(PeerId{3});
  EXPECT_EQ(table.find(PeerId{3}), nullptr);
  EXPECT_EQ(table.find(IpAddress(Ipv4::from_u32(0xc0000202))), nullptr);
}

TEST(PeerTable, ASlotThatGetsAnotherPeerForgetsTheFirstOnesAddress) {
  PeerTable table;
  table.set(peer(3, 0xc0000202));
  table.set(peer(3, 0xc0000203));
  EXPECT_EQ(table.find(IpAddress(Ipv4::from_u32(0xc0000202))), nullptr);
  EXPECT_NE(table.find(IpAddress(Ipv4::from_u32(0xc0000203))), nullptr);
}

TEST(Vtep, TheInnerMtuLeavesRoomForTheOuterHeaders) {
  Vtep vtep;
  vtep.mtu = 1500;
  vtep.address = Ipv4::from_u32(0xc0000201);
  EXPECT_EQ(vtep.inner_mtu(), 1450);
  vtep.address = Ipv6{{0x20, 1}};
  EXPECT_EQ(vtep.inner_mtu(), 1430);
}

}  // namespace
}  // namespace butterfly
