// SPDX-License-Identifier: Apache-2.0
// What an operator sees of TCP data that a guest gets merged (graph/merge_tcp.h): packets, traces,
// captures.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/merge_tcp.h"
#include "host/host_test_support.h"

namespace butterfly {
namespace {

using test::nic_intent;
using ::testing::ElementsAre;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class HostMergeTest : public ::testing::Test {
 protected:
  HostMergeTest() {
    HostOptions options;
    options.mode = IdleMode::manual;
    options.flow_capacity = 4096;
    uplink_ = std::make_shared<ScriptedLink>();
    options.uplink = std::make_unique<ScriptedPort>(uplink_, test::pool());
    options.vtep = Vtep{.address = *IpAddress::parse("192.0.2.1"),
                        .on_link = *Cidr::parse("192.0.2.0/24"),
                        .gateway = std::nullopt,
                        .mac = *Mac::parse("02:00:00:00:00:01")};
    host_ = std::move(*Host::create(std::move(options), test::pool(), ports_));
    for (const RuleDirection direction : {RuleDirection::ingress, RuleDirection::egress}) {
      RuleIntent rule;
      rule.direction = direction;
      intent_.groups["open"].name = "open";
      intent_.groups["open"].rules[rule_id(rule)] = rule;
    }
    intent_.nics["a"] = nic_intent("a", "52:54:00:00:00:01", "10.0.0.1", {"open"});
    intent_.nics["b"] = nic_intent("b", "52:54:00:00:00:02", "10.0.0.2", {"open"});
    intent_.nics["c"] = nic_intent("c", "52:54:00:00:00:03", "10.0.0.3", {"open"});
    EXPECT_TRUE(host_->apply(intent_).ok());
    ports_.links.at("b")->set_offloads({.checksum = true, .tso4 = true, .tso6 = true});
    feed("a", kToB + "tcp(sport=4000, dport=80, flags=S, seq=999, win=65535)");
    feed("b", kToA + "tcp(sport=80, dport=4000, flags=SA, seq=99, ack=1000, win=65535)");
    (void)ports_.links.at("a")->take();
    (void)ports_.links.at("b")->take();
  }
  ~HostMergeTest() override { EXPECT_TRUE(test::ledger_closes(host_->counters().ledger)); }

  void feed(const std::string& nic, const std::string& packet) {
    ports_.links.at(nic)->feed(test::bytes_of(packet));
    host_->run_round(++now_);
  }
  // Three pieces of data and one that differs, in one round.
  void send_pieces() {
    for (const std::string tcp : {"seq=1000", "seq=2000", "seq=3000", "seq=4000, win=9"}) {
      ports_.links.at("a")->feed(test::bytes_of(
          kToB + "tcp(sport=4000, dport=80, flags=A, ack=100, " + tcp + ")/payload(len=1000)"));
    }
    host_->run_round(++now_);
  }
  NicReport nic(const std::string& id) const {
    for (const NicReport& report : host_->nic_reports()) {
      if (report.id == id) return report;
    }
    return {};
  }

  static inline const std::string kToB =
      "eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/ipv4(src=10.0.0.1, dst=10.0.0.2, df=1)/";
  static inline const std::string kToA =
      "eth(src=52:54:00:00:00:02, dst=52:54:00:00:00:01)/ipv4(src=10.0.0.2, dst=10.0.0.1, df=1)/";
  std::shared_ptr<ScriptedLink> uplink_;
  test::ScriptedPorts ports_;
  Intent intent_;
  std::unique_ptr<Host> host_;
  TimeMs now_ = 1000;
};

TEST_F(HostMergeTest, EveryPacketAndByteIsAccountedFor) {
  const NicReport before = nic("b");
  send_pieces();
  EXPECT_THAT(ports_.links.at("b")->take(), SizeIs(2));
  EXPECT_EQ(host_->counters().ledger.merged, 2u);
  EXPECT_EQ(nic("b").tx_packets - before.tx_packets, 2u);
  EXPECT_EQ(nic("b").tx_bytes - before.tx_bytes, 54 + 3000 + 54 + 1000u);
  for (const OutReport& out : host_->counters().outs) {
    if (out.node != "port-out" || out.out != "merged") continue;
    EXPECT_EQ(out.packets, 2u);
    EXPECT_EQ(out.bytes, 2 * 1054u);
    EXPECT_FALSE(out.drop);
  }
}

TEST_F(HostMergeTest, ARefusedSuperFrameIsOnePacketThatIsLost) {
  ports_.links.at("b")->set_longest(2000);
  send_pieces();
  EXPECT_THAT(ports_.links.at("b")->take(), SizeIs(1));
  EXPECT_EQ(host_->counters().ledger.merged, 2u);
  EXPECT_EQ(nic("b").tx_refused, 1u);
}

TEST_F(HostMergeTest, ATraceSaysWhatBecameOfAPiece) {
  std::vector<std::string> ends;
  bool is_sent = false;
  const Status status = host_->trace(
      "b", 4,
      [&](const TraceReport& trace) {
        EXPECT_EQ(trace.to, "b");
        EXPECT_EQ(trace.length, 1054u);
        ends.push_back(trace.steps.back().node + "/" + trace.steps.back().out);
        return true;
      },
      [&] {
        if (!is_sent) send_pieces();
        is_sent = true;
        return ends.size() < 4;
      });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_THAT(ends, UnorderedElementsAre("port-out/sent", "port-out/merged", "port-out/merged",
                                         "port-out/sent"));
  EXPECT_THAT(ports_.links.at("b")->take(), SizeIs(2));
}

TEST_F(HostMergeTest, ACaptureShowsWhatTheGuestGets) {
  std::vector<uint32_t> lengths;
  int looks = 0;
  const Status status = host_->capture(
      {.nic = "b"},
      [&](std::span<const CaptureReport> batch, uint64_t) {
        for (const CaptureReport& one : batch) lengths.push_back(one.length);
        return true;
      },
      [&] {
        if (looks == 0) send_pieces();
        return ++looks < 3;
      });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_THAT(lengths, ElementsAre(54 + 3000, 54 + 1000));
}

// What cannot be merged waits with the rest, and is sent a burst at a time.
TEST_F(HostMergeTest, WhatFindsNoRoomBehindAFullBurstIsCounted) {
  ports_.links.at("b")->set_room(kBurst + 3);
  for (uint32_t i = 0; i < 20; ++i) {
    ports_.links.at("a")->feed(test::bytes_of(kToB + "udp/payload(len=100)"));
    ports_.links.at("c")->feed(
        test::bytes_of("eth(src=52:54:00:00:00:03, dst=52:54:00:00:00:02)/"
                       "ipv4(src=10.0.0.3, dst=10.0.0.2)/udp/payload(len=100)"));
  }
  host_->run_round(++now_);
  EXPECT_THAT(ports_.links.at("b")->take(), SizeIs(kBurst + 3));
  EXPECT_EQ(nic("b").tx_refused, 40 - (kBurst + 3));
}

// A flood of short packets from the wire has no more turns than a guest.
TEST_F(HostMergeTest, OnlyLongPacketsFromTheWireComeSeveralBurstsARound) {
  const auto left_of = [this](uint32_t count, const std::string& length) {
    for (uint32_t i = 0; i < count; ++i) {
      uplink_->feed(
          test::bytes_of("eth(src=02:00:00:00:00:02, dst=02:00:00:00:00:01)/"
                         "ipv4(src=192.0.2.2, dst=192.0.2.1)/udp/payload(len=" +
                         length + ")"));
    }
    host_->run_round(++now_);
    const size_t left = uplink_->waiting();
    while (uplink_->waiting() != 0) host_->run_round(++now_);
    return left;
  };
  EXPECT_EQ(left_of(2 * kBurst, "100"), kBurst);
  EXPECT_EQ(left_of(2 * kBurst, "1100"), 0u);
  EXPECT_EQ(left_of(kMergeMost + 5, "1100"), 5u);
}

}  // namespace
}  // namespace butterfly
