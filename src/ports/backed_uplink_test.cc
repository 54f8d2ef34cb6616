// SPDX-License-Identifier: Apache-2.0
// Two scripted uplinks as one. Over real links: tests/vm/test_uplinks.py.
#include "ports/backed_uplink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "ports/scripted.h"
#include "support/eal.h"
#include "support/packet_text.h"

namespace butterfly {
namespace {

using ::testing::ElementsAre;

const auto kFrame = test::bytes_of("eth/ipv4/udp/payload(len=30)");

// As an uplink's, with something that wakes.
class WakingPort : public ScriptedPort {
 public:
  using ScriptedPort::ScriptedPort;
  int wake_fd_for(uint16_t) const noexcept override { return wake_.get(); }
  Armed arm_for(uint16_t) noexcept override {
    uint64_t count;
    [[maybe_unused]] const auto drained = ::read(wake_.get(), &count, sizeof count);
    return armed;
  }
  void wake() {
    const uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
  }
  Armed armed = Armed::yes;

 private:
  Fd wake_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
};

class BackedUplinkTest : public ::testing::Test {
 protected:
  BackedUplinkTest() : in_use_(test::pool().in_use()) { make(); }
  ~BackedUplinkTest() override {
    port_.reset();
    EXPECT_EQ(test::pool().in_use(), in_use_) << "packets were lost";
  }
  void make() {
    std::array<BackedUplink::Member, 2> members;
    for (size_t i = 0; i < 2; ++i) {
      auto port = std::make_unique<WakingPort>(links_[i], test::pool());
      raw_[i] = port.get();
      members[i] = {i == 0 ? "eth1" : "eth2", std::move(port)};
    }
    auto made =
        BackedUplink::create(std::move(members), 2, *Mac::parse("02:00:00:00:00:01"), test::pool(),
                             [this](const std::string& line) { said_.push_back(line); });
    ASSERT_TRUE(made.ok());
    port_ = std::move(*made);
  }
  size_t receive() {
    std::array<Packet*, kBurst> burst;
    const uint16_t count = port_->receive(0, burst);
    free_packets(std::span(burst.data(), count));
    return count;
  }
  void send() {
    Packet* packet = test::make_packet(kFrame);
    if (port_->transmit(1, std::span(&packet, 1)).taken == 0) free_packets(std::span(&packet, 1));
  }

  uint32_t in_use_;
  std::array<std::shared_ptr<ScriptedLink>, 2> links_{std::make_shared<ScriptedLink>(),
                                                      std::make_shared<ScriptedLink>()};
  std::array<WakingPort*, 2> raw_{};
  std::vector<std::string> said_;
  std::unique_ptr<BackedUplink> port_;
};

TEST_F(BackedUplinkTest, TheFirstCarriesEverythingWhileItsLinkIsUp) {
  EXPECT_EQ(port_->active_name(), "eth1");
  send();
  EXPECT_THAT(links_[0]->take(), ElementsAre(kFrame));
  EXPECT_TRUE(links_[1]->take().empty());
  links_[0]->feed(kFrame);
  links_[1]->feed(kFrame);
  EXPECT_EQ(receive(), 1u) << "what the other gets is a copy at best";
  EXPECT_EQ(links_[1]->waiting(), 0u) << "but does not fill its ring";
  EXPECT_TRUE(said_.empty());
}

TEST_F(BackedUplinkTest, TheOtherTakesOverAndTellsTheUnderlay) {
  links_[0]->set_connected(false);
  port_->look();
  EXPECT_EQ(port_->active_name(), "eth2");
  EXPECT_TRUE(port_->is_connected());
  EXPECT_THAT(said_, ElementsAre("uplink 'eth1' has no link: 'eth2' is in use"));
  const auto told = links_[1]->take();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].size(), 60u);
  const std::vector<uint8_t> head{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x80, 0x35};
  EXPECT_TRUE(std::ranges::equal(std::span(told[0]).first(14), head)) << "RARP, from our MAC";
  send();
  EXPECT_THAT(links_[1]->take(), ElementsAre(kFrame));
  links_[1]->feed(kFrame);
  EXPECT_EQ(receive(), 1u);
}

TEST_F(BackedUplinkTest, OneThatIsBackDoesNotInterruptTheOther) {
  links_[0]->set_connected(false);
  port_->look();
  links_[0]->set_connected(true);
  port_->look();
  EXPECT_EQ(port_->active_name(), "eth2");
  links_[1]->set_connected(false);
  port_->look();
  EXPECT_EQ(port_->active_name(), "eth1");
  EXPECT_EQ(said_.size(), 2u);
}

TEST_F(BackedUplinkTest, WithoutAnyLinkItSaysSoOnceAndGoesOnWhenOneIsBack) {
  links_[0]->set_connected(false);
  links_[1]->set_connected(false);
  port_->look();
  port_->look();
  EXPECT_FALSE(port_->is_connected());
  EXPECT_THAT(said_, ElementsAre("uplink: neither 'eth1' nor 'eth2' has a link"));
  links_[1]->set_connected(true);
  port_->look();
  EXPECT_EQ(port_->active_name(), "eth2");
  links_[1]->set_connected(false);
  port_->look();
  links_[1]->set_connected(true);
  port_->look();
  EXPECT_EQ(said_.back(), "uplink 'eth2' has its link again");
}

TEST_F(BackedUplinkTest, ADaemonStartsWithTheOneThatHasALink) {
  port_.reset();
  links_[0]->set_connected(false);
  make();
  EXPECT_EQ(port_->active_name(), "eth2");
}

TEST_F(BackedUplinkTest, EitherWakesTheLcoreUntilItIsAskedAgain) {
  pollfd wake{port_->wake_fd_for(1), POLLIN, 0};
  ASSERT_GE(wake.fd, 0);
  EXPECT_NE(port_->wake_fd_for(0), port_->wake_fd_for(1));
  for (WakingPort* member : raw_) {
    EXPECT_EQ(poll(&wake, 1, 0), 0);
    member->wake();
    EXPECT_EQ(poll(&wake, 1, 1000), 1);
    EXPECT_EQ(port_->arm_for(1), Port::Armed::yes);
  }
  raw_[1]->armed = Port::Armed::packets_wait;
  EXPECT_EQ(port_->arm_for(0), Port::Armed::packets_wait);
  raw_[1]->armed = Port::Armed::nobody_there;
  EXPECT_EQ(port_->arm_for(0), Port::Armed::nobody_there);
}

TEST_F(BackedUplinkTest, ByItselfItNoticesWithinAFewLooks) {
  port_->start();
  links_[0]->set_connected(false);
  for (int i = 0; i < 2000 && port_->active_name() != "eth2"; ++i) usleep(10'000);
  EXPECT_EQ(port_->active_name(), "eth2");
}

}  // namespace
}  // namespace butterfly
