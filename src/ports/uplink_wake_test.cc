// SPDX-License-Identifier: Apache-2.0
// An uplink whose device has receive interrupts wakes the lcore that sleeps.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "ports/uplink.h"
#include "support/await.h"
#include "support/eal.h"
#include "support/packet_text.h"
#include "support/vhost_guest.h"

namespace butterfly {
namespace {

constexpr int kLongMs = 20'000;

bool is_readable(int fd, int within_ms) {
  pollfd entry{fd, POLLIN, 0};
  return ::poll(&entry, 1, within_ms) == 1;
}

// Takes an event off an epoll; false when there was none.
bool drain(int epoll) {
  epoll_event event;
  return epoll_wait(epoll, &event, 1, 0) > 0;
}

class UplinkWakeTest : public ::testing::Test {
 protected:
  // The wire is a vhost-user socket; who is at its other end kicks as a driver does.
  void start(bool sleeps) {
    const std::string path =
        ::testing::TempDir() + "wire-" + std::to_string(getpid()) + (sleeps ? "s" : "p");
    wire_ = std::make_unique<test::VhostGuest>(path, test::VhostGuest::Options{});
    UplinkOptions options;
    options.device =
        std::string("net_vhost") + (sleeps ? "7" : "8") + ",iface=" + path + ",client=1";
    options.sleeps = sleeps;
    auto made = UplinkPort::create(options, test::pool());
    ASSERT_TRUE(made.ok()) << made.status();
    port_ = std::move(*made);
    wire_->connect();
    ASSERT_TRUE(test::await([&] { return port_->is_connected(); }));
    // Its link is up a moment before its rings are looked at.
    send();
    ASSERT_TRUE(test::await([&] { return take_all() == 1; }));
  }
  void send() {
    wire_->send({}, test::bytes_of("eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/ipv4/udp"));
    wire_->kick();
  }
  uint16_t take_all() {
    std::array<Packet*, kBurst> burst;
    const uint16_t count = port_->receive(0, burst);
    free_packets(std::span(burst.data(), count));
    return count;
  }

  std::unique_ptr<test::VhostGuest> wire_;
  std::unique_ptr<UplinkPort> port_;
};

TEST_F(UplinkWakeTest, WhatArrivesWakesAnLcoreThatHasAskedForIt) {
  start(true);
  const int fd = port_->wake_fd_for(0);
  ASSERT_GE(fd, 0);
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(port_->arm_for(0), Port::Armed::yes);
    EXPECT_FALSE(is_readable(fd, 0)) << "nothing has come since it armed";
    send();
    EXPECT_TRUE(is_readable(fd, kLongMs));
    EXPECT_EQ(take_all(), 1);
  }
}

TEST_F(UplinkWakeTest, AnLcoreThatIsAwakeIsNotDisturbed) {
  start(true);
  ASSERT_EQ(port_->arm_for(0), Port::Armed::yes);
  send();
  EXPECT_EQ(take_all(), 1);
  ASSERT_EQ(port_->arm_for(0), Port::Armed::yes);  // takes the interrupt off
  send();
  EXPECT_EQ(take_all(), 1);
  while (drain(port_->wake_fd_for(0))) {
  }
  for (int i = 0; i < 3; ++i) send();
  EXPECT_FALSE(is_readable(port_->wake_fd_for(0), 0)) << "it polls: packets need no interrupt";
  EXPECT_EQ(take_all(), 3);
}

TEST_F(UplinkWakeTest, WhoNeverSleepsAsksForNoInterrupts) {
  start(false);
  EXPECT_EQ(port_->wake_fd_for(0), -1);
  send();
  EXPECT_EQ(take_all(), 1);
}

}  // namespace
}  // namespace butterfly
