// SPDX-License-Identifier: Apache-2.0
// A vhost-user port and the guest that a test scripts for it: shared by the tests of vhost_user.h.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "ports/vhost_user.h"
#include "support/await.h"
#include "support/eal.h"
#include "support/packet_text.h"
#include "support/vhost_guest.h"

namespace butterfly::test {

inline const std::string kEth = "eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/";
inline constexpr uint8_t kNeedsChecksum = 1;

// A port and its guest.
struct Pair {
  explicit Pair(const VhostGuest::Options& options = {}) : guest(path, options) {
    VhostOptions wanted;
    wanted.path = path;
    wanted.is_server = options.connects;
    wanted.mode = 0600;
    wanted.has_queues = options.pairs > 1;
    wanted.is_packed = (options.features & kVirtioPacked) != 0;
    if (options.pairs > 1) wanted.polling_lcores = {0, 1};
    wanted.lcores = 2;
    auto made = VhostUserPort::create(wanted, pool(), large_pool(), *quiescence);
    EXPECT_TRUE(made.ok()) << made.status();
    port = std::move(*made);
    guest.connect();
    EXPECT_TRUE(await([&] { return port->is_connected(); }));
  }
  // What one poll brings; the test owns it.
  std::vector<Packet*> poll(uint16_t lcore = 0) {
    std::array<Packet*, kBurst> burst;
    const uint16_t count = port->receive(lcore, burst);
    return {burst.begin(), burst.begin() + count};
  }

  static inline int pairs = 0;
  const std::string path = ::testing::TempDir() + "guest-" + std::to_string(getpid()) + "-" +
                           std::to_string(++pairs) + ".sock";
  std::unique_ptr<Quiescence> quiescence = std::move(*Quiescence::create(1));
  VhostGuest guest;
  std::unique_ptr<VhostUserPort> port;
};

class VhostUserTest : public ::testing::Test {
 protected:
  VhostUserTest() : in_use_(pool().in_use()), large_in_use_(large_pool().in_use()) {}
  ~VhostUserTest() override {
    EXPECT_EQ(pool().in_use(), in_use_) << "packets were lost";
    EXPECT_EQ(large_pool().in_use(), large_in_use_) << "large packets were lost";
  }
  uint32_t in_use() const { return pool().in_use() - in_use_; }
  uint32_t large_in_use() const { return large_pool().in_use() - large_in_use_; }

  // What the port makes of one frame; freed.
  struct Seen {
    size_t packets = 0;
    uint64_t flags = 0;
    uint16_t segment_size = 0;
    uint16_t pieces = 0;
    std::vector<uint8_t> bytes;
  };
  static Seen pass(Pair& pair, const VirtioHeader& header, const std::vector<uint8_t>& frame) {
    pair.guest.send(header, frame);
    std::vector<Packet*> packets = pair.poll();
    Seen seen;
    seen.packets = packets.size();
    if (!packets.empty()) {
      seen.flags = packets[0]->ol_flags;
      seen.segment_size = static_cast<uint16_t>(packets[0]->tso_segsz);
      seen.pieces = packets[0]->nb_segs;
      seen.bytes = contents(*packets[0]);
    }
    free_packets(packets);
    return seen;
  }
  static std::vector<uint8_t> tcp(size_t payload) {
    return bytes_of(kEth + "ipv4/tcp(flags=A)/payload(len=" + std::to_string(payload) + ")");
  }
  static Port::Refusal send_to_guest(Pair& pair, size_t payload) {
    Packet* packet = make_large_packet(tcp(payload));
    const Port::Sent sent = pair.port->transmit(0, std::span(&packet, 1));
    if (sent.taken == 0) free_packets(std::span(&packet, 1));
    return sent.refusal;
  }
  static constexpr VirtioHeader kTcpRequest{.flags = kNeedsChecksum,
                                            .gso_type = 1,
                                            .hdr_len = 54,
                                            .gso_size = 1448,
                                            .csum_start = 34,
                                            .csum_offset = 16};

 private:
  uint32_t in_use_;
  uint32_t large_in_use_;
};

}  // namespace butterfly::test
