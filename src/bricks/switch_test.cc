// SPDX-License-Identifier: Apache-2.0
#include "bricks/switch.h"

#include <gtest/gtest.h>

#include <array>

#include "bricks/packet_for_test.h"
#include "support/eal.h"

namespace butterfly {
namespace {

constexpr Vni kRed{100};
constexpr Vni kBlue{200};
constexpr uint16_t kRedSlot = 5;
constexpr PeerId kPeer{3};
constexpr PeerId kOtherPeer{4};

// Somebody, or nobody, at every port.
class Guest : public Port {
 public:
  uint16_t receive(uint16_t, std::span<Packet*>) noexcept override { return 0; }
  Sent transmit(uint16_t, std::span<Packet*>) noexcept override { return {}; }
  bool is_connected() const noexcept override { return is_there; }
  bool is_there = true;
};

//  red:  port 1 ::01   port 2 ::02   a static entry ::0a behind peer 3        blue:  port 9 ::01
class SwitchTest : public ::testing::Test {
 protected:
  SwitchTest() {
    Segment red;
    red.vni = kRed;
    red.index = kRedSlot;
    red.ports = {PortId{1}, PortId{2}};
    red.peers = {kPeer, kOtherPeer};
    red.known.set(Mac::from_u64(0x525400000001), {PortId{1}, kNoPeer});
    red.known.set(Mac::from_u64(0x525400000002), {PortId{2}, kNoPeer});
    red.known.set(Mac::from_u64(0x52540000000a), {kUplinkPort, kPeer});
    segments_.set(std::make_shared<const Segment>(std::move(red)));
    add_nic(PortId{1}, kRed);
    add_nic(PortId{2}, kRed);
    add_nic(PortId{9}, kBlue);
    lcore_.set_now(1000);
    ports_.fill(&guest_);
  }
  void add_nic(PortId port, Vni vni) {
    Nic nic;
    nic.port = port;
    nic.vni = vni;
    nics_.set(std::make_shared<const Nic>(std::move(nic)));
  }
  static std::string frame(std::string_view source, std::string_view destination) {
    return "eth(src=" + full(source) + ", dst=" + full(destination) + ")/ipv4/udp";
  }
  // The last byte of a MAC of ours, or a whole one.
  static std::string full(std::string_view mac) {
    return (mac.size() == 2 ? "52:54:00:00:00:" : "") + std::string(mac);
  }
  // "local port 2", "tunnel peer 3", else the name of the out.
  std::string sent(std::string_view source, std::string_view destination, PortId port,
                   PeerId peer = kNoPeer, Switch::Trace* trace = nullptr) {
    test::OwnedPacket packet(frame(source, destination));
    packet->in_port = port;
    packet->source_peer = peer;
    packet->vni = kRed;
    packet->segment = kRedSlot;
    packet.parse();
    const auto out = switch_(*packet, trace);
    const std::string name = Switch::kOuts[static_cast<size_t>(out)].name;
    if (out == Switch::Out::local) return name + " port " + std::to_string(packet->out_port.value);
    if (out != Switch::Out::tunnel) return name;
    EXPECT_EQ(packet->out_port, kUplinkPort);
    return name + " peer " + std::to_string(packet->peer.value);
  }
  std::string from_port(uint16_t port, std::string_view source, std::string_view destination) {
    return sent(source, destination, PortId{port});
  }
  std::string from_wire(PeerId peer, std::string_view source, std::string_view destination) {
    return sent(source, destination, kUplinkPort, peer);
  }

  SegmentTable segments_;
  NicTable nics_;
  Fdb fdb_{64, {.per_segment = 8}};
  StormLimits storms_;
  Lcore lcore_{0, test::pool()};
  Guest guest_;
  std::array<Port*, 10> ports_;
  Switch switch_{segments_, nics_, ports_, fdb_, storms_, lcore_};
};

TEST_F(SwitchTest, ConfiguredMacsAreKnownWithoutLearning) {
  EXPECT_EQ(from_port(1, "01", "02"), "local port 2");
  EXPECT_EQ(from_port(1, "01", "0a"), "tunnel peer 3");
  EXPECT_EQ(from_wire(kOtherPeer, "0b", "01"), "local port 1");
}

TEST_F(SwitchTest, AMacBehindAPeerIsLearntFromItsFrames) {
  EXPECT_EQ(from_port(1, "01", "0b"), "flood");
  EXPECT_EQ(from_wire(kOtherPeer, "0b", "01"), "local port 1");
  EXPECT_EQ(from_port(1, "01", "0b"), "tunnel peer 4");
  EXPECT_EQ(from_wire(kPeer, "0b", "01"), "local port 1") << "it moved";
  EXPECT_EQ(from_port(1, "01", "0b"), "tunnel peer 3");
}

TEST_F(SwitchTest, AMacBehindALocalNicIsLearntWhenItIsNotTheNicsOwn) {
  EXPECT_EQ(from_port(2, "0c", "01"), "local port 1");
  EXPECT_EQ(from_port(1, "01", "0c"), "local port 2");
  EXPECT_EQ(from_wire(kPeer, "0b", "0c"), "local port 2");
  EXPECT_EQ(from_port(2, "02", "01"), "local port 1");
  EXPECT_EQ(fdb_.size(), 2u) << "0b and 0c: the nics' own are not in the FDB";
}

TEST_F(SwitchTest, WhatWasLearntIsForgottenAfterTheAgeingTime) {
  from_wire(kPeer, "0b", "01");
  lcore_.set_now(1000 + 300'001);
  EXPECT_EQ(from_port(1, "01", "0b"), "flood");
}

TEST_F(SwitchTest, GroupsAreFloodedAndReservedOnesAreNot) {
  EXPECT_EQ(from_port(1, "01", "ff:ff:ff:ff:ff:ff"), "flood");
  EXPECT_EQ(from_wire(kPeer, "0b", "33:33:00:00:00:01"), "flood");
  for (const char digit : std::string_view("0123456789abcdef")) {
    EXPECT_EQ(from_port(1, "01", std::string("01:80:c2:00:00:0") + digit), "reserved-group");
    EXPECT_EQ(from_wire(kPeer, "0b", std::string("01:80:c2:00:00:0") + digit), "reserved-group");
  }
  EXPECT_EQ(from_port(1, "01", "01:80:c2:00:00:10"), "flood");
  EXPECT_EQ(from_port(1, "01", "01:80:c2:00:01:00"), "flood");
  EXPECT_EQ(from_port(1, "01", "03:80:c2:00:00:00"), "flood");
}

TEST_F(SwitchTest, NobodyTakesOverAConfiguredMac) {
  EXPECT_EQ(from_port(2, "01", "02"), "impersonation");
  EXPECT_EQ(from_wire(kPeer, "01", "02"), "impersonation");
  EXPECT_EQ(from_port(2, "0a", "01"), "impersonation") << "a static entry";
  EXPECT_EQ(from_wire(kOtherPeer, "0a", "01"), "impersonation") << "of another peer";
  EXPECT_EQ(from_wire(kPeer, "0a", "01"), "local port 1") << "at home";
  EXPECT_EQ(from_port(1, "01", "02"), "local port 2");
}

TEST_F(SwitchTest, AGuestThatIsNotThereIsHeardBehindAPeerAndFoundThere) {
  guest_.is_there = false;
  const uint64_t moves = fdb_.moves();
  EXPECT_EQ(from_wire(kPeer, "01", "02"), "local port 2");
  EXPECT_GT(fdb_.moves(), moves) << "what rests on its place is asked again";
  EXPECT_EQ(from_port(2, "02", "01"), "tunnel peer 3");
  EXPECT_EQ(from_wire(kOtherPeer, "01", "02"), "local port 2") << "it moved on";
  EXPECT_EQ(from_port(2, "02", "01"), "tunnel peer 4");
  EXPECT_EQ(from_port(2, "01", "02"), "impersonation") << "no neighbour may be it";
  EXPECT_EQ(from_wire(kOtherPeer, "0a", "01"), "impersonation") << "a static entry is not absent";
  guest_.is_there = true;
  EXPECT_EQ(from_port(2, "02", "01"), "local port 1") << "it has arrived";
  EXPECT_EQ(from_wire(kPeer, "01", "02"), "impersonation");
}

TEST_F(SwitchTest, AGuestThatIsNowhereStaysWhereItsNicIs) {
  guest_.is_there = false;
  EXPECT_EQ(from_port(2, "02", "01"), "local port 1");
  ports_.fill(nullptr);
  EXPECT_EQ(from_port(2, "02", "01"), "local port 1") << "whose port is just being made";
}

TEST_F(SwitchTest, AConfiguredMacWinsOverALearntOne) {
  fdb_.learn(kRed, kRedSlot, Mac::from_u64(0x525400000002), {kUplinkPort, kPeer}, 1000);
  EXPECT_EQ(from_port(1, "01", "02"), "local port 2");
}

TEST_F(SwitchTest, AGroupIsNoSender) {
  EXPECT_EQ(from_port(1, "ff:ff:ff:ff:ff:ff", "02"), "group-source");
  EXPECT_EQ(from_wire(kPeer, "01:00:5e:00:00:01", "01"), "group-source");
  EXPECT_EQ(fdb_.size(), 0u);
}

TEST_F(SwitchTest, NothingGoesBackWhereItCameFrom) {
  EXPECT_EQ(from_port(1, "01", "01"), "to-sender");
  from_port(2, "0c", "01");
  EXPECT_EQ(from_port(2, "02", "0c"), "to-sender");
  EXPECT_EQ(from_wire(kOtherPeer, "0b", "0a"), "from-wire-to-wire");
  from_wire(kPeer, "0d", "01");
  EXPECT_EQ(from_wire(kOtherPeer, "0b", "0d"), "from-wire-to-wire");
}

TEST_F(SwitchTest, AFrameOfASegmentThatIsGoneIsDropped) {
  segments_.clear(kRedSlot);
  EXPECT_EQ(from_port(1, "01", "02"), "no-segment");
}

// As a packet that another lcore has handed over while the tables changed.
TEST_F(SwitchTest, APacketThatIsOlderThanTheTablesReachesNoOtherTenant) {
  const auto sent_as = [this](Vni vni, PortId port) {
    test::OwnedPacket packet(frame("01", "02"));
    packet->in_port = port;
    packet->vni = vni;
    packet->segment = kRedSlot;
    packet.parse();
    return switch_(*packet, nullptr);
  };
  EXPECT_EQ(sent_as(kBlue, PortId{1}), Switch::Out::no_segment) << "the segment's slot is reused";
  EXPECT_EQ(sent_as(kRed, PortId{9}), Switch::Out::no_segment) << "the port's slot is reused";
  EXPECT_EQ(sent_as(kRed, PortId{8}), Switch::Out::no_segment) << "the port is gone";
  EXPECT_EQ(sent_as(kRed, PortId{1}), Switch::Out::local);
}

TEST_F(SwitchTest, ALearntPortThatIsNotOfThisTenantIsUnknown) {
  fdb_.learn(kRed, kRedSlot, Mac::from_u64(0x52540000000e), {PortId{9}, kNoPeer}, 1000);
  fdb_.learn(kRed, kRedSlot, Mac::from_u64(0x52540000000f), {PortId{8}, kNoPeer}, 1000);
  EXPECT_EQ(from_port(1, "01", "0e"), "flood") << "the port of another tenant";
  EXPECT_EQ(from_port(1, "01", "0f"), "flood") << "a port without a nic";
}

TEST_F(SwitchTest, AFullQuotaStopsLearningAndNotForwarding) {
  for (int i = 10; i < 30; ++i) {
    EXPECT_EQ(from_port(2, "02:00:00:00:00:" + std::to_string(i), "01"), "local port 1");
  }
  EXPECT_EQ(fdb_.size(), 8u);
}

TEST_F(SwitchTest, WhatANicShowsBeyondItsLimitGoesNowhere) {
  fdb_.set_limits({.per_port = 2});
  EXPECT_EQ(from_port(2, "0c", "01"), "local port 1");
  EXPECT_EQ(from_port(2, "0d", "01"), "local port 1");
  EXPECT_EQ(from_port(2, "0e", "01"), "nic-macs");
  EXPECT_EQ(from_port(2, "02", "01"), "local port 1") << "its own does not count";
  EXPECT_EQ(from_port(1, "0e", "02"), "local port 2") << "another nic has its own limit";
  EXPECT_EQ(from_wire(kPeer, "0f", "01"), "local port 1");
}

TEST_F(SwitchTest, AMacThatMovesTooOftenIsHeardAtOnePlaceOnly) {
  fdb_.set_limits({.moves_per_s = 1, .hold_ms = 5'000});
  EXPECT_EQ(from_port(1, "0c", "02"), "local port 2");
  EXPECT_EQ(from_port(2, "0c", "01"), "local port 1");
  EXPECT_EQ(from_port(1, "0c", "02"), "mac-held");
  EXPECT_EQ(from_port(2, "0c", "01"), "local port 1");
  EXPECT_EQ(from_wire(kPeer, "0b", "0c"), "local port 2");
  lcore_.set_now(6'000);
  EXPECT_EQ(from_port(1, "0c", "02"), "local port 2");
}

TEST_F(SwitchTest, AStormIsCutByKind) {
  SwitchSettings settings;
  settings.set(SwitchKnob::nic_broadcast_per_s, 2);
  settings.set(SwitchKnob::nic_multicast_per_s, 1);
  settings.set(SwitchKnob::segment_unknown_per_s, 1);
  storms_.set_limits(settings);
  const char* const kAll = "ff:ff:ff:ff:ff:ff";
  EXPECT_EQ(from_port(1, "01", kAll), "flood");
  EXPECT_EQ(from_port(1, "01", kAll), "flood");
  EXPECT_EQ(from_port(1, "01", kAll), "nic-storm");
  EXPECT_EQ(from_port(2, "02", kAll), "flood");
  EXPECT_EQ(from_port(1, "01", "01:00:5e:00:00:01"), "flood");
  EXPECT_EQ(from_port(1, "01", "33:33:00:00:00:01"), "nic-storm");
  EXPECT_EQ(from_port(1, "01", "ee"), "flood");
  EXPECT_EQ(from_wire(kPeer, "0b", "ee"), "segment-storm");
  EXPECT_EQ(from_port(1, "01", "02"), "local port 2") << "what is known is no storm";
}

TEST_F(SwitchTest, ATraceSaysWhoTheEndsAreAndHowTheyWereFound) {
  const auto note = [this](std::string_view source, std::string_view destination, PortId port,
                           PeerId peer) {
    Switch::Trace trace{};
    sent(source, destination, port, peer, &trace);
    return Switch::format(trace);
  };
  EXPECT_EQ(note("01", "02", PortId{1}, kNoPeer),
            "52:54:00:00:00:01 (configured) > 52:54:00:00:00:02: configured, port 2");
  EXPECT_EQ(note("0b", "01", kUplinkPort, kPeer),
            "52:54:00:00:00:0b (learnt) > 52:54:00:00:00:01: configured, port 1");
  EXPECT_EQ(note("01", "0b", PortId{1}, kNoPeer),
            "52:54:00:00:00:01 (configured) > 52:54:00:00:00:0b: learnt, peer 3");
  EXPECT_EQ(note("0c", "0e", PortId{2}, kNoPeer),
            "52:54:00:00:00:0c (learnt) > 52:54:00:00:00:0e: unknown");
  EXPECT_EQ(note("01", "ff:ff:ff:ff:ff:ff", PortId{1}, kNoPeer),
            "52:54:00:00:00:01 (configured) > ff:ff:ff:ff:ff:ff: group");
}

}  // namespace
}  // namespace butterfly
