// SPDX-License-Identifier: Apache-2.0
// A vhost-user port against a guest that a test scripts: how guests come and go, what is
// negotiated, what arrives as what. Real guests: tests/vm.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "ports/vhost_user_test_support.h"

namespace butterfly {
namespace {

using test::await;
using test::kEth;
using test::kNeedsChecksum;
using test::Pair;
using test::VhostGuest;
using test::VhostUserTest;
using ::testing::HasSubstr;

TEST_F(VhostUserTest, OffersWhatItCarriesAndNothingElse) {
  Pair pair;
  for (const int bit : {0, 1, 7, 8, 11, 12, 15, 32}) {
    EXPECT_NE(pair.guest.offered() & 1ULL << bit, 0u) << bit;
  }
  // GUEST_ECN, GUEST_UFO, HOST_ECN, HOST_UFO, MQ, RING_PACKED.
  for (const int bit : {9, 10, 13, 14, 22, 34}) {
    EXPECT_EQ(pair.guest.offered() & 1ULL << bit, 0u) << bit;
  }
}

TEST_F(VhostUserTest, AGuestKicksOnlyWhileNobodyPolls) {
  Pair pair;
  EXPECT_TRUE(pair.guest.is_to_kick()) << "the lcore may sleep when the guest comes";
  EXPECT_EQ(pass(pair, {}, tcp(10)).packets, 1u);
  EXPECT_FALSE(pair.guest.is_to_kick()) << "it is polled, whether the lcore ever sleeps or not";
  EXPECT_EQ(pair.port->arm(), Port::Armed::yes);
  EXPECT_TRUE(pair.guest.is_to_kick());
  EXPECT_EQ(pass(pair, {}, tcp(10)).packets, 1u);
  EXPECT_FALSE(pair.guest.is_to_kick());
}

TEST_F(VhostUserTest, KnowsWhatItsGuestTakesWhileItIsThere) {
  Pair all;
  EXPECT_TRUE(all.port->offloads().checksum);
  EXPECT_TRUE(all.port->offloads().tso4);
  EXPECT_TRUE(all.port->offloads().tso6);
  Pair none({.features = test::kVirtioVersion1 | test::kVirtioCsum | test::kVirtioHostTso4});
  EXPECT_FALSE(none.port->offloads().checksum);
  EXPECT_FALSE(none.port->offloads().tso4);
  Pair one({.features = test::kVirtioVersion1 | test::kVirtioGuestCsum | test::kVirtioGuestTso6});
  EXPECT_TRUE(one.port->offloads().checksum);
  EXPECT_FALSE(one.port->offloads().tso4);
  EXPECT_TRUE(one.port->offloads().tso6);
  // Virtio 1.2 §5.1.3.1: segments come without checksums.
  Pair odd({.features = test::kVirtioVersion1 | test::kVirtioGuestTso4});
  EXPECT_FALSE(odd.port->offloads().tso4);
  all.guest.disconnect();
  EXPECT_TRUE(await([&] { return !all.port->is_connected(); }));
  EXPECT_FALSE(all.port->offloads().checksum);
}

TEST_F(VhostUserTest, ACheckSumAndASuperFrameArriveAsRequests) {
  Pair pair;
  Seen seen = pass(pair, {.flags = kNeedsChecksum, .csum_start = 34, .csum_offset = 16}, tcp(100));
  EXPECT_EQ(seen.flags, RTE_MBUF_F_RX_L4_CKSUM_NONE);
  EXPECT_EQ(seen.bytes, tcp(100));
  seen = pass(pair, kTcpRequest, tcp(65'000));
  EXPECT_EQ(seen.flags, RTE_MBUF_F_RX_L4_CKSUM_NONE | RTE_MBUF_F_RX_LRO);
  EXPECT_EQ(seen.segment_size, 1448);
  EXPECT_EQ(seen.pieces, 1);
  EXPECT_EQ(seen.bytes, tcp(65'000));
  seen = pass(pair, {}, tcp(100));
  EXPECT_EQ(seen.flags, 0u);
}

TEST_F(VhostUserTest, SmallFramesHoldNoLargeBuffer) {
  Pair pair;
  for (const size_t payload : {size_t{0}, size_t{1400}, size_t{2048 - 54}}) {
    pair.guest.send(kTcpRequest, tcp(payload));
  }
  std::vector<Packet*> packets = pair.poll();
  ASSERT_EQ(packets.size(), 3u);
  EXPECT_EQ(in_use(), 3u);
  EXPECT_EQ(large_in_use(), 0u);
  EXPECT_EQ(test::contents(*packets[2]), tcp(2048 - 54));
  EXPECT_EQ(packets[2]->tso_segsz, 1448u);
  free_packets(packets);
  pair.guest.send(kTcpRequest, tcp(2048 - 53));
  packets = pair.poll();
  EXPECT_EQ(large_in_use(), 1u);
  free_packets(packets);
}

TEST_F(VhostUserTest, AGuestWithoutSegmentationSendsOneOrdinaryBufferAFrame) {
  Pair pair({.features = test::kVirtioVersion1});
  EXPECT_EQ(pass(pair, {}, tcp(2048 - 54)).bytes, tcp(2048 - 54));
  EXPECT_EQ(pair.port->refused_frames(), 0u);
  EXPECT_EQ(pass(pair, {}, tcp(2048 - 53)).packets, 0u);
  EXPECT_EQ(pass(pair, {}, tcp(65'000)).packets, 0u);
  EXPECT_EQ(pair.port->refused_frames(), 2u);
  EXPECT_EQ(pass(pair, {}, tcp(100)).packets, 1u) << "the ring goes on";
}

// A guest's own tunnel: nobody but the library knows which part is to be summed.
TEST_F(VhostUserTest, AChecksumInsideAGuestsOwnTunnelIsFinishedOnArrival) {
  Pair pair;
  const std::string text = kEth + "ipv4/gre/ipv4(src=1.1.1.1, dst=2.2.2.2)/udp/payload(len=31)";
  const auto finished = test::bytes_of(text);
  auto frame = finished;
  constexpr size_t kInner = 14 + 20 + 4 + 20;
  // The sum of the pseudo header: 1.1.1.1, 2.2.2.2, UDP, 39 bytes.
  const uint16_t seed = 0x0101 + 0x0101 + 0x0202 + 0x0202 + 17 + 39;
  frame[kInner + 6] = seed >> 8;
  frame[kInner + 7] = seed & 0xff;
  const Seen seen =
      pass(pair, {.flags = kNeedsChecksum, .csum_start = kInner, .csum_offset = 6}, frame);
  EXPECT_EQ(seen.bytes, finished);
  EXPECT_EQ(seen.flags & Packet::kOffloadRequests, 0u);
}

TEST_F(VhostUserTest, AGuestThatComesBackIsConnectedAgain) {
  Pair pair;
  for (int i = 0; i < 3; ++i) {
    pair.guest.disconnect();
    EXPECT_TRUE(await([&] { return !pair.port->is_connected(); }));
    pair.guest.connect();
    EXPECT_TRUE(await([&] { return pair.port->is_connected(); }));
  }
}

TEST_F(VhostUserTest, APortThatListensServesOneGuestAtATime) {
  Pair pair({.connects = true});
  struct stat facts {};
  ASSERT_EQ(stat(pair.path.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(pass(pair, {}, tcp(100)).bytes, tcp(100));
    Packet* packet = test::make_packet(tcp(10));
    ASSERT_EQ(pair.port->transmit(0, std::span(&packet, 1)).taken, 1);
    EXPECT_EQ(pair.guest.receive().front().frame, tcp(10));
    EXPECT_FALSE(pair.guest.is_another_let_in());
    EXPECT_EQ(pass(pair, {}, tcp(100)).packets, 1u) << "the first one is not disturbed";
    pair.guest.disconnect();
    EXPECT_TRUE(await([&] { return !pair.port->is_connected(); }));
    EXPECT_TRUE(pair.guest.is_another_let_in());
    EXPECT_TRUE(await([&] { return !pair.port->is_taken(); }));
    pair.guest.connect();
    EXPECT_TRUE(await([&] { return pair.port->is_connected(); }));
  }
  pair.port.reset();
  EXPECT_NE(access(pair.path.c_str(), F_OK), 0) << "its socket goes with it";
}

TEST_F(VhostUserTest, APortListensOnlyAtAPathThatIsFree) {
  const std::string path = ::testing::TempDir() + "taken-" + std::to_string(getpid()) + ".sock";
  const auto quiescence = std::move(*Quiescence::create(1));
  const auto listen = [&](const std::string& at) {
    return VhostUserPort::create({.path = at, .is_server = true}, test::pool(), test::large_pool(),
                                 *quiescence)
        .status();
  };
  {
    const VhostGuest listening(path, {});
    EXPECT_THAT(listen(path).message(), HasSubstr("somebody else listens there (wanted a free"));
    EXPECT_EQ(access(path.c_str(), F_OK), 0);
  }
  EXPECT_EQ(listen(path), ok_status()) << "what a process that is gone has left is no hindrance";
  std::ofstream(path) << "precious";
  EXPECT_THAT(listen(path).message(), HasSubstr("something else is there"));
  EXPECT_THAT(listen("/nonexistent/a.sock").message(), HasSubstr("cannot listen (wanted a direct"));
  EXPECT_TRUE(std::filesystem::is_regular_file(path));
  std::filesystem::remove(path);
}

TEST_F(VhostUserTest, AGuestWithoutSegmentationSendsWhatItsMtuAllows) {
  constexpr uint64_t kFeatures = test::kVirtioVersion1 | test::kVirtioMtu;
  Pair small({.features = kFeatures, .mtu = 1450});
  EXPECT_EQ(small.port->guest_mtu(), 1450);
  EXPECT_EQ(pass(small, {}, tcp(3000)).packets, 0u);
  Pair jumbo({.features = kFeatures, .mtu = 8950});
  EXPECT_EQ(jumbo.port->guest_mtu(), 8950);
  const Seen seen = pass(jumbo, {}, tcp(8950 - 40));
  EXPECT_EQ(seen.bytes, tcp(8950 - 40));
  EXPECT_EQ(seen.pieces, 1);
  EXPECT_EQ(jumbo.port->refused_frames(), 0u);
  Pair silent;
  EXPECT_EQ(silent.port->guest_mtu(), 0);
}

// A nic that is deleted when its guest has just died, and made again: the guest that comes then is
// its guest, not that of the port that is gone.
TEST_F(VhostUserTest, APortMayGoInTheMomentInWhichItsGuestDoes) {
  const std::string path = ::testing::TempDir() + "gone-" + std::to_string(getpid()) + ".sock";
  const auto quiescence = std::move(*Quiescence::create(1));
  for (int i = 0; i < 100; ++i) {
    VhostGuest guest(path, {});
    auto port = std::move(
        *VhostUserPort::create({.path = path}, test::pool(), test::large_pool(), *quiescence));
    guest.connect();
    ASSERT_TRUE(await([&] { return port->is_connected(); }));
    std::thread death([&] { guest.disconnect(); });
    port.reset();
    death.join();
  }
}

}  // namespace
}  // namespace butterfly
