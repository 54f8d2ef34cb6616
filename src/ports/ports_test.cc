// SPDX-License-Identifier: Apache-2.0
// What ports say to bad input. Packets through real ports are tested by tests/vm.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>

#include <numeric>
#include <thread>

#include "ports/kernel_interface.h"
#include "ports/tap.h"
#include "ports/uplink.h"
#include "ports/vhost_user.h"
#include "support/eal.h"

namespace butterfly {
namespace {

using ::testing::HasSubstr;

std::string message(const Status& status) { return std::string(status.message()); }

TEST(VhostUserPort, APathLongerThanASocketMayHaveIsRefusedWithTheRemedy) {
  const auto quiescence = std::move(*Quiescence::create(1));
  const std::string path = "/tmp/" + std::string(103, 'x');
  const auto port = VhostUserPort::create({.path = path}, test::pool(), test::pool(), *quiescence);
  ASSERT_FALSE(port.ok());
  EXPECT_THAT(message(port.status()),
              HasSubstr("108 bytes (wanted: at most 107; choose a shorter socket_directory"));
}

TEST(VhostUserPort, ASecondPortOnOneSocketIsRefusedAndTheFirstGoesOn) {
  const auto quiescence = std::move(*Quiescence::create(1));
  const std::string path = ::testing::TempDir() + "port-" + std::to_string(getpid()) + ".sock";
  auto first = VhostUserPort::create({.path = path}, test::pool(), test::pool(), *quiescence);
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second =
      VhostUserPort::create({.path = path}, test::pool(), test::pool(), *quiescence);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_FALSE((*first)->is_connected());
}

TEST(VhostUserPort, WithoutAGuestPacketsAreRefusedAndNoneArrive) {
  const auto quiescence = std::move(*Quiescence::create(1));
  const std::string path = ::testing::TempDir() + "away-" + std::to_string(getpid()) + ".sock";
  auto port = VhostUserPort::create({.path = path}, test::pool(), test::pool(), *quiescence);
  ASSERT_TRUE(port.ok()) << port.status();
  Packet* packet = test::pool().alloc();
  const Port::Sent sent = (*port)->transmit(0, std::span(&packet, 1));
  EXPECT_EQ(sent.taken, 0);
  EXPECT_EQ(sent.refusal, Port::Refusal::not_connected);
  free_packets(std::span(&packet, 1));
  std::array<Packet*, kBurst> burst;
  EXPECT_EQ((*port)->receive(0, burst), 0);
  EXPECT_EQ((*port)->arm(), Port::Armed::nobody_there);
}

TEST(UplinkPort, AnInterfaceThatDoesNotExistIsRefusedAndTheOthersAreNamed) {
  const auto port = UplinkPort::create({.device = "nowhere0"}, test::pool());
  EXPECT_EQ(port.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(message(port.status()), HasSubstr("uplink 'nowhere0': no such device"));
  EXPECT_THAT(message(port.status()), HasSubstr("lo"));
}

TEST(UplinkPort, AnInterfaceThatCarriesTheHostsAddressIsRefusedUnlessForced) {
  const auto port = UplinkPort::create({.device = "lo"}, test::pool());
  EXPECT_EQ(port.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(message(port.status()), testing::AnyOf(HasSubstr("the host's own address 127.0.0.1"),
                                                     HasSubstr("the interface is down")));
}

TEST(UplinkPort, ADpdkDeviceThatDoesNotExistIsRefusedByName) {
  const auto port = UplinkPort::create({.device = "0000:ff:1f.7"}, test::pool());
  ASSERT_FALSE(port.ok());
  EXPECT_THAT(message(port.status()), HasSubstr("uplink '0000:ff:1f.7'"));
}

TEST(UplinkPort, AVirtualDeviceCarriesPacketsBothWays) {
  auto port = UplinkPort::create({.device = "net_ring_uplink"}, test::pool());
  ASSERT_TRUE(port.ok()) << port.status();
  const uint32_t before = test::pool().in_use();
  Packet* packet = test::pool().alloc();
  ASSERT_NE(rte_pktmbuf_append(packet, 60), nullptr);
  EXPECT_EQ((*port)->transmit(0, std::span(&packet, 1)).taken, 1);
  std::array<Packet*, kBurst> burst;
  ASSERT_EQ((*port)->receive(0, burst), 1);
  EXPECT_EQ(burst[0]->length(), 60u);
  EXPECT_EQ((*port)->receive(1, burst), 0) << "a queue that is not there";
  free_packets(std::span(&packet, 1));
  EXPECT_EQ(test::pool().in_use(), before);
}

// The device gives back what it is given: with the tag as it left.
TEST(UplinkPort, WhatItSendsCarriesItsVlanTagAndWhatItReceivesHasLostIt) {
  auto tagged = UplinkPort::create({.device = "net_ring_tagged", .vlan = 100}, test::pool());
  ASSERT_TRUE(tagged.ok()) << tagged.status();
  const uint32_t before = test::pool().in_use();
  Packet* packet = test::pool().alloc();
  auto* data = reinterpret_cast<uint8_t*>(rte_pktmbuf_append(packet, 60));
  std::iota(data, data + 60, uint8_t{0});
  const std::vector<uint8_t> frame(data, data + 60);
  EXPECT_EQ((*tagged)->transmit(0, std::span(&packet, 1)).taken, 1);
  EXPECT_EQ(packet->length(), 64u);
  std::array<Packet*, kBurst> burst;
  ASSERT_EQ((*tagged)->receive(0, burst), 1);
  const auto bytes = burst[0]->bytes();
  EXPECT_EQ(std::vector(bytes.begin(), bytes.end()), frame);
  free_packets(std::span(burst).first(1));
  EXPECT_EQ(test::pool().in_use(), before);
}

TEST(UplinkPort, LongFramesGetBuffersOfTheirOwn) {
  const uint32_t before = test::pool().in_use();
  auto port = UplinkPort::create({.device = "net_ring_jumbo", .mtu = 9000}, test::pool());
  ASSERT_TRUE(port.ok()) << port.status();
  EXPECT_EQ((*port)->mtu(), 9000);
  EXPECT_NE(rte_mempool_lookup("long-frames"), nullptr);
  EXPECT_EQ(test::pool().in_use(), before);
  const auto too_long =
      UplinkPort::create({.device = "net_ring_giant", .mtu = 65535}, test::pool());
  EXPECT_THAT(message(too_long.status()),
              HasSubstr("uplink 'net_ring_giant': takes frames of 65553 bytes (wanted an MTU of"));
}

TEST(TapPort, ANameThatIsNoInterfaceNameIsRefused) {
  const auto port = TapPort::create("no/such", 0, test::pool(), test::large_pool());
  ASSERT_FALSE(port.ok());
  EXPECT_THAT(message(port.status()), HasSubstr("tap 'no/such': "));
}

// In a network namespace of its own, which ends with the thread.
TEST(TapPort, ManyAreTakenAwayTogether) {
  constexpr int kTaps = 120;
  const auto name = [](int number) { return "bf-many-" + std::to_string(number); };
  const auto count_there = [&] {
    int count = 0;
    for (int i = 0; i < kTaps; ++i) count += if_nametoindex(name(i).c_str()) != 0;
    return count;
  };
  Status made = ok_status();
  int there = -1;
  int left = -1;
  std::thread([&] {
    if (unshare(CLONE_NEWNET) != 0) {
      made = unavailable("no network namespace to be had");
      return;
    }
    std::vector<std::unique_ptr<TapPort>> ports;
    for (int i = 0; i < kTaps && made.ok(); ++i) {
      auto port = TapPort::create(name(i), 0, test::pool(), test::large_pool());
      made = port.status();
      if (port.ok()) ports.push_back(*std::move(port));
    }
    there = count_there();
    TapPort::remove(std::move(ports));
    left = count_there();
  }).join();
  if (!made.ok()) GTEST_SKIP() << made;
  EXPECT_EQ(there, kTaps);
  EXPECT_EQ(left, 0);
}

// A frame cut to what fits would be sent as if it were whole.
TEST(TapPort, AFrameOfMoreSegmentsThanOneWriteTakesIsRefusedWhole) {
  auto port = TapPort::create("bf-segments", 0, test::pool(), test::large_pool());
  if (!port.ok()) GTEST_SKIP() << port.status();
  Packet* packet = test::pool().alloc();
  ASSERT_NE(rte_pktmbuf_append(packet, 60), nullptr);
  for (int i = 0; i < 16; ++i) {
    Packet* more = test::pool().alloc();
    ASSERT_NE(rte_pktmbuf_append(more, 60), nullptr);
    ASSERT_EQ(rte_pktmbuf_chain(packet, more), 0);
  }
  const Port::Sent sent = (*port)->transmit(0, std::span(&packet, 1));
  EXPECT_EQ(sent.taken, 0);
  EXPECT_EQ(sent.refusal, Port::Refusal::too_long);
  free_packets(std::span(&packet, 1));
}

// In a network namespace of its own: what the kernel sends at the given MTU arrives whole.
TEST(TapPort, ItsMtuIsSetAndAJumboFrameArrivesInOnePiece) {
  Status made = ok_status();
  std::vector<uint8_t> frame;
  uint16_t segments = 0;
  std::thread([&] {
    if (unshare(CLONE_NEWNET) != 0) {
      made = unavailable("no network namespace to be had");
      return;
    }
    auto port = TapPort::create("bf-jumbo", 9000, test::pool(), test::large_pool());
    made = port.status();
    if (!made.ok()) return;
    const Fd socket(::socket(AF_PACKET, SOCK_RAW, 0));
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(if_nametoindex("bf-jumbo"));
    std::vector<uint8_t> sent(9014);
    for (size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<uint8_t>(i % 251);
    if (::sendto(socket.get(), sent.data(), sent.size(), 0, reinterpret_cast<sockaddr*>(&to),
                 sizeof to) != static_cast<ssize_t>(sent.size())) {
      made = unavailable("no packet socket to be had");
      return;
    }
    std::array<Packet*, kBurst> burst;
    while (frame.empty()) {  // the kernel has something to say about IPv6, too
      const uint16_t count = (*port)->receive(0, burst);
      if (count == 0) break;
      for (Packet* packet : std::span(burst).first(count)) {
        if (packet->length() != sent.size()) continue;
        frame.assign(packet->bytes().begin(), packet->bytes().end());
        segments = packet->nb_segs;
      }
      free_packets(std::span(burst).first(count));
    }
    EXPECT_EQ(frame, sent);
    EXPECT_EQ((*port)->refused_frames(), 0u);
  }).join();
  if (!made.ok()) GTEST_SKIP() << made;
  EXPECT_EQ(segments, 1);
}

}  // namespace
}  // namespace butterfly
