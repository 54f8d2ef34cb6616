// SPDX-License-Identifier: Apache-2.0
// Scripted uplinks as one. Over real links: tests/vm/test_uplinks.py.
#include "ports/bonded_uplink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "ports/scripted.h"
#include "support/await.h"
#include "support/eal.h"
#include "support/packet_text.h"
#include "wire/vlan_tag.h"

namespace butterfly {
namespace {

using ::testing::ElementsAre;

const auto kFrame = test::bytes_of("eth/ipv4/udp/payload(len=30)");
const Mac kOurs = *Mac::parse("02:00:00:00:00:01");

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

// The switch at the other end of LACP's links, with a system a link.
class Switch {
 public:
  explicit Switch(const std::vector<Mac>& systems) {
    for (size_t i = 0; i < systems.size(); ++i) {
      links_.emplace_back(systems[i], static_cast<uint16_t>(10 + i), true);
    }
  }
  LacpLink& link(size_t i) { return links_[i]; }
  // Whether what came by that link was LACP's.
  bool take(size_t i, const ScriptedLink::Frame& frame, TimeMs now) {
    const auto* lacp = wire::read_lacp(frame);
    if (lacp) links_[i].take(*lacp, now);
    return lacp != nullptr;
  }
  std::optional<ScriptedLink::Frame> next_frame(size_t i, TimeMs now) {
    links_[i].look(true, now);
    links_[i].select(links_[i].has_partner());
    const auto frame = links_[i].next_frame(*Mac::parse("02:00:00:00:00:f1"), now);
    if (!frame) return std::nullopt;
    const auto bytes = wire::bytes_of(*frame);
    return ScriptedLink::Frame(bytes.begin(), bytes.end());
  }

 private:
  std::vector<LacpLink> links_;
};

class BondedUplinkTest : public ::testing::Test {
 protected:
  BondedUplinkTest() : in_use_(test::pool().in_use()) {}
  ~BondedUplinkTest() override {
    port_.reset();
    EXPECT_EQ(test::pool().in_use(), in_use_) << "packets were lost";
  }
  void make(BondMode mode, size_t count = 2) {
    std::vector<BondedUplink::Member> members;
    raw_.clear();
    links_.resize(count);
    for (size_t i = 0; i < count; ++i) {
      if (!links_[i]) links_[i] = std::make_shared<ScriptedLink>();
      auto port = std::make_unique<WakingPort>(links_[i], test::pool());
      raw_.push_back(port.get());
      members.push_back(
          {"eth" + std::to_string(i + 1), std::move(port), Mac::from_u64(0x02'00'00'00'01'00 + i)});
    }
    BondedUplink::Options options;
    options.mode = mode;
    options.lcores = 2;
    options.mac = kOurs;
    options.say = [this](const std::string& line) { said_.push_back(line); };
    auto made = BondedUplink::create(std::move(members), std::move(options), test::pool());
    ASSERT_TRUE(made.ok());
    port_ = std::move(*made);
  }
  void look() { port_->look(); }
  size_t receive(uint16_t lcore = 0) {
    std::array<Packet*, kBurst> burst;
    const uint16_t count = port_->receive(lcore, burst);
    free_packets(std::span(burst.data(), count));
    return count;
  }
  // Whether it was taken.
  bool send(const ScriptedLink::Frame& frame = kFrame) {
    Packet* packet = test::make_packet(frame);
    if (port_->transmit(1, std::span(&packet, 1)).taken == 1) return true;
    free_packets(std::span(&packet, 1));
    return false;
  }
  ScriptedLink::Frame flow(int port) {
    return test::bytes_of("eth/ipv4/udp(sport=" + std::to_string(port) + ")/payload(len=30)");
  }
  std::string why(size_t member) { return port_->states()[member].why; }

  // A second in which both sides speak; data that left by each link is in data_.
  void speak(Switch& far, TimeMs ms = 1000) {
    for (TimeMs passed = 0; passed < ms; passed += 100) {
      now_ += 100;
      port_->look(now_);
      receive();
      for (size_t i = 0; i < links_.size(); ++i) {
        if (!links_[i]->is_connected()) continue;
        for (auto& frame : links_[i]->take()) {
          if (!far.take(i, frame, now_)) data_[i].push_back(std::move(frame));
        }
        if (auto frame = far.next_frame(i, now_)) links_[i]->feed(std::move(*frame));
      }
      receive();
    }
  }

  uint32_t in_use_;
  std::vector<std::shared_ptr<ScriptedLink>> links_;
  std::vector<WakingPort*> raw_;
  std::vector<std::string> said_;
  std::unique_ptr<BondedUplink> port_;
  TimeMs now_ = monotonic_ms();
  std::array<std::vector<ScriptedLink::Frame>, BondedUplink::kMaxMembers> data_;
};

TEST_F(BondedUplinkTest, TheFirstCarriesEverythingWhileItsLinkIsUp) {
  make(BondMode::active_backup);
  EXPECT_EQ(port_->active_name(), "eth1");
  EXPECT_TRUE(send());
  EXPECT_THAT(links_[0]->take(), ElementsAre(kFrame));
  EXPECT_TRUE(links_[1]->take().empty());
  links_[0]->feed(kFrame);
  links_[1]->feed(kFrame);
  EXPECT_EQ(receive(), 1u) << "what the other gets is a copy at best";
  EXPECT_EQ(links_[1]->waiting(), 0u) << "but does not fill its ring";
  EXPECT_TRUE(said_.empty());
}

TEST_F(BondedUplinkTest, TheOtherTakesOverAndTellsTheUnderlay) {
  make(BondMode::active_backup);
  links_[0]->set_connected(false);
  look();
  EXPECT_EQ(port_->active_name(), "eth2");
  EXPECT_TRUE(port_->is_connected());
  EXPECT_THAT(said_, ElementsAre("uplink 'eth1': no link; 'eth2' carries"));
  pollfd wake{port_->wake_fd_for(0), POLLIN, 0};
  EXPECT_EQ(poll(&wake, 1, 1000), 1) << "the lcore is woken for what is to be told";
  receive();
  const auto told = links_[1]->take();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].size(), 60u);
  const std::vector<uint8_t> head{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x80, 0x35};
  EXPECT_TRUE(std::ranges::equal(std::span(told[0]).first(14), head)) << "RARP, from our MAC";
  EXPECT_TRUE(send());
  EXPECT_THAT(links_[1]->take(), ElementsAre(kFrame));
  links_[1]->feed(kFrame);
  EXPECT_EQ(receive(), 1u);
}

TEST_F(BondedUplinkTest, OneThatIsBackDoesNotInterruptTheOther) {
  make(BondMode::active_backup, 3);
  links_[0]->set_connected(false);
  look();
  links_[0]->set_connected(true);
  look();
  EXPECT_EQ(port_->active_name(), "eth2");
  links_[1]->set_connected(false);
  look();
  EXPECT_EQ(port_->active_name(), "eth1");
  links_[0]->set_connected(false);
  look();
  EXPECT_EQ(port_->active_name(), "eth3");
  EXPECT_EQ(said_.size(), 4u);
  receive();
}

TEST_F(BondedUplinkTest, WithoutAnyLinkItSaysSoOnceAndGoesOnWhenOneIsBack) {
  make(BondMode::active_backup);
  links_[0]->set_connected(false);
  look();
  links_[1]->set_connected(false);
  look();
  look();
  EXPECT_FALSE(port_->is_connected());
  EXPECT_FALSE(send());
  EXPECT_THAT(said_, ElementsAre("uplink 'eth1': no link; 'eth2' carries",
                                 "uplink 'eth2': no link; nothing carries"));
  links_[1]->set_connected(true);
  look();
  EXPECT_EQ(port_->active_name(), "eth2");
  EXPECT_EQ(said_.back(), "uplink 'eth2': usable; 'eth2' carries");
  receive();
}

TEST_F(BondedUplinkTest, ADaemonStartsWithTheOneThatHasALink) {
  links_ = {std::make_shared<ScriptedLink>()};
  links_[0]->set_connected(false);
  make(BondMode::active_backup);
  EXPECT_EQ(port_->active_name(), "eth2");
  receive();
}

TEST_F(BondedUplinkTest, AnyWakesTheLcoreUntilItIsAskedAgain) {
  make(BondMode::active_backup);
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

// The first lcore sends what the look has to say, and may have come too early for it.
TEST_F(BondedUplinkTest, TheFirstLcoreDoesNotSleepOverAFrameOfTheLook) {
  make(BondMode::lacp);  // whose first look says who we are
  EXPECT_EQ(port_->arm_for(1), Port::Armed::yes) << "another one has nothing to do with it";
  EXPECT_EQ(port_->arm_for(0), Port::Armed::packets_wait);
  receive();
  EXPECT_EQ(port_->arm_for(0), Port::Armed::yes);
}

TEST_F(BondedUplinkTest, ByItselfItNoticesWithinAFewLooks) {
  make(BondMode::active_backup);
  port_->start();
  links_[0]->set_connected(false);
  EXPECT_TRUE(test::await([&] { return port_->active_name() == "eth2"; }));
}

TEST_F(BondedUplinkTest, BalanceSpreadsFlowsOverAllThatHaveALink) {
  make(BondMode::balance, 3);
  for (int port = 0; port < 96; ++port) EXPECT_TRUE(send(flow(port)));
  std::vector<ScriptedLink::Frame> by_first = links_[0]->take();
  EXPECT_GT(by_first.size(), 16u);
  EXPECT_GT(links_[1]->take().size(), 16u);
  EXPECT_GT(links_[2]->take().size(), 16u);
  for (const auto& frame : by_first) {
    EXPECT_TRUE(send(frame));
    EXPECT_THAT(links_[0]->take(), ElementsAre(frame)) << "a flow keeps its link";
  }
  links_[0]->set_connected(false);
  look();
  for (int port = 0; port < 96; ++port) EXPECT_TRUE(send(flow(port)));
  EXPECT_EQ(links_[1]->take().size() + links_[2]->take().size(), 96u);
  for (const auto& link : {links_[1], links_[2]}) link->feed(kFrame);
  EXPECT_EQ(receive(), 2u) << "what comes by any of them counts";
  const auto states = port_->states();
  EXPECT_EQ(states[0].why, "no link");
  EXPECT_EQ(states[1].rx_packets, 1u);
  EXPECT_EQ(states[1].tx_packets + states[2].tx_packets + states[0].tx_packets,
            96u * 2 + by_first.size());
}

TEST_F(BondedUplinkTest, ABurstThatOneLinkRefusesComesBackBehindWhatWasTaken) {
  make(BondMode::balance);
  links_[0]->set_room(2);
  std::array<Packet*, kBurst> burst;
  for (size_t i = 0; i < kBurst; ++i) burst[i] = test::make_packet(flow(static_cast<int>(i)));
  auto all = burst;
  const Port::Sent sent = port_->transmit(0, burst);
  const size_t by_second = links_[1]->take().size();
  EXPECT_EQ(sent.taken, by_second + 2);
  EXPECT_LT(sent.taken, kBurst);
  EXPECT_EQ(sent.refusal, Port::Refusal::ring_full);
  free_packets(std::span(burst).subspan(sent.taken));
  std::ranges::sort(all);
  std::ranges::sort(burst);
  EXPECT_EQ(all, burst) << "each packet is there once";
}

TEST_F(BondedUplinkTest, OneLinkDoesNotKeepTheOthersFromBeingHeard) {
  make(BondMode::balance);
  for (uint32_t i = 0; i < 10 * kBurst; ++i) links_[0]->feed(kFrame);
  links_[1]->feed(kFrame);
  receive();
  receive();
  EXPECT_EQ(links_[1]->waiting(), 0u);
}

TEST_F(BondedUplinkTest, LacpCarriesNothingBeforeTheSwitchAgrees) {
  make(BondMode::lacp);
  EXPECT_FALSE(port_->is_connected());
  EXPECT_FALSE(send());
  for (const auto& link : links_) link->feed(kFrame);
  EXPECT_EQ(receive(), 0u);
  EXPECT_EQ(why(0), "nobody speaks LACP at its other end");
  Switch far({kOurs});
  for (const auto& link : links_) {
    const auto asked = link->take();
    ASSERT_EQ(asked.size(), 1u);
    const auto* lacp = wire::read_lacp(asked[0]);
    ASSERT_NE(lacp, nullptr) << "each link asks who is there";
    EXPECT_EQ(lacp->actor.system, kOurs);
    EXPECT_NE(lacp->ethernet.source, kOurs) << "from the link's own MAC";
  }
}

TEST_F(BondedUplinkTest, LacpUsesTheLinksOnWhichTheSwitchAgrees) {
  make(BondMode::lacp);
  const Mac system = *Mac::parse("02:00:00:00:00:f0");
  Switch far({system, system});
  speak(far);
  EXPECT_TRUE(port_->is_connected());
  const auto states = port_->states();
  EXPECT_TRUE(states[0].is_usable && states[1].is_usable);
  EXPECT_EQ(states[0].partner, system.to_string());
  EXPECT_EQ(said_.back(), "uplink 'eth2': usable; 'eth1', 'eth2' carry");
  for (int port = 0; port < 64; ++port) EXPECT_TRUE(send(flow(port)));
  speak(far, 100);
  EXPECT_GT(data_[0].size(), 16u);
  EXPECT_EQ(data_[0].size() + data_[1].size(), 64u);
  for (const auto& link : links_) link->feed(kFrame);
  EXPECT_EQ(receive(1), 2u);
}

TEST_F(BondedUplinkTest, LacpLeavesALinkThatTheSwitchHasLeftOrThatHasNoCable) {
  make(BondMode::lacp);
  const Mac system = *Mac::parse("02:00:00:00:00:f0");
  Switch far({system, system});
  speak(far);
  links_[1]->set_connected(false);
  port_->look(now_ += 100);
  EXPECT_EQ(why(1), "no link");
  EXPECT_EQ(said_.back(), "uplink 'eth2': no link; 'eth1' carries");
  for (int port = 0; port < 64; ++port) EXPECT_TRUE(send(flow(port)));
  links_[1]->set_connected(true);
  speak(far);
  EXPECT_EQ(why(1), "");
  for (int i = 0; i < 50; ++i) {  // the switch is silent on the second
    now_ += 100;
    port_->look(now_);
    receive();
    for (const auto& frame : links_[0]->take()) far.take(0, frame, now_);
    links_[1]->take();
    if (auto frame = far.next_frame(0, now_)) links_[0]->feed(std::move(*frame));
    receive();
  }
  EXPECT_EQ(why(0), "");
  EXPECT_EQ(why(1), "the partner does not agree");
  speak(far);
  EXPECT_EQ(why(1), "");
}

TEST_F(BondedUplinkTest, LacpUsesThePartnerWithMostLinks) {
  make(BondMode::lacp, 3);
  const Mac one = *Mac::parse("02:00:00:00:00:f0");
  const Mac two = *Mac::parse("02:00:00:00:00:f1");
  Switch far({one, two, two});
  speak(far, 2000);
  EXPECT_EQ(why(0), "leads to another partner");
  EXPECT_EQ(why(1) + why(2), "");
  links_[0]->feed(kFrame);
  EXPECT_EQ(receive(), 0u) << "what comes by another aggregate is not ours";
}

TEST_F(BondedUplinkTest, LacpIsSpokenWithoutTheUnderlaysTag) {
  make(BondMode::lacp);
  const Mac system = *Mac::parse("02:00:00:00:00:f0");
  Switch far({system, system});
  receive();
  for (size_t i = 0; i < 2; ++i) {
    for (const auto& frame : links_[i]->take()) far.take(i, frame, now_);
    auto frame = *far.next_frame(i, now_);
    frame.insert(frame.begin(), 4, 0);
    wire::put_vlan_tag(frame, 0);  // as a port in a VLAN hands it over
    links_[i]->feed(std::move(frame));
  }
  EXPECT_EQ(receive(), 0u);
  port_->look(now_ += 100);
  EXPECT_EQ(port_->states()[0].partner, system.to_string());
  receive();
}

TEST_F(BondedUplinkTest, LacpAnswersMarkers) {
  make(BondMode::lacp);
  receive();
  links_[1]->take();
  ScriptedLink::Frame marker(124);
  const std::vector<uint8_t> head{0x01, 0x80, 0xc2, 0,    0, 2, 2, 0,  0, 0,
                                  0,    0xf0, 0x88, 0x09, 2, 1, 1, 16, 0, 26};
  std::ranges::copy(head, marker.begin());
  links_[1]->feed(marker);
  EXPECT_EQ(receive(), 0u);
  look();
  receive();
  const auto answers = links_[1]->take();
  ASSERT_GE(answers.size(), 1u);
  EXPECT_EQ(answers[0][16], 2) << "a marker's answer";
  EXPECT_EQ(answers[0][19], 26);
}

TEST_F(BondedUplinkTest, AFloodOfLacpCostsNoBuffers) {
  make(BondMode::lacp);
  for (int i = 0; i < 1000; ++i) {
    ScriptedLink::Frame frame(1500);
    frame[12] = 0x88;
    frame[13] = 0x09;
    links_[0]->feed(std::move(frame));
  }
  for (int i = 0; i < 40; ++i) EXPECT_EQ(receive(), 0u);
  EXPECT_EQ(links_[0]->waiting(), 0u);
  look();
  EXPECT_EQ(why(0), "nobody speaks LACP at its other end");
  receive();
}

}  // namespace
}  // namespace butterfly
