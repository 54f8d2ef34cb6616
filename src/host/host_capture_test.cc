// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/capture_log.h"
#include "host/expression/compiler.h"
#include "host/host_test_support.h"

namespace butterfly {
namespace {

using test::nic_intent;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kAToB = "eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/ipv4/";
const std::string kUdp = kAToB + "udp/payload(len=10)";

class HostCaptureTest : public ::testing::Test {
 protected:
  HostCaptureTest() {
    HostOptions options;
    options.mode = IdleMode::manual;
    options.flow_capacity = 4096;
    options.expressions = std::make_shared<ChildCompiler>(BUTTERFLY_EXPRESSION_COMPILER);
    host_ = std::move(*Host::create(std::move(options), test::pool(), ports_));
    intent_.groups.set("open", test::open_group());
    intent_.nics["a"] = nic_intent("a", "52:54:00:00:00:01", "10.0.0.1", {"open"});
    intent_.nics["b"] = nic_intent("b", "52:54:00:00:00:02", "10.0.0.2", {"open"});
    EXPECT_TRUE(host_->apply(intent_).ok());
  }
  ~HostCaptureTest() override { EXPECT_TRUE(test::ledger_closes(host_->counters().ledger)); }
  void send(const std::string& nic, const std::string& packet) {
    ports_.links.at(nic)->feed(test::bytes_of(packet));
    host_->run_round(++now_);
  }
  // What is captured while `traffic` happens; a moment afterwards it ends.
  Status capture(const CaptureQuery& query, const std::function<void()>& traffic) {
    int looks = 0;
    return host_->capture(
        query,
        [this](std::span<const CaptureReport> batch, uint64_t lost) {
          captured_.insert(captured_.end(), batch.begin(), batch.end());
          lost_ = lost;
          return true;
        },
        [&] {
          if (looks == 0) traffic();
          return ++looks < 3;
        });
  }
  std::vector<std::string> outs() const {
    std::vector<std::string> outs;
    for (const CaptureReport& one : captured_) {
      const char* const point = one.point == CapturePoint::from_nic ? "from"
                                : one.point == CapturePoint::to_nic ? "to"
                                                                    : "dropped";
      outs.push_back(point + (one.brick.empty() ? "" : " " + one.brick + "/" + one.out));
    }
    return outs;
  }

  test::ScriptedPorts ports_;
  Intent intent_;
  std::unique_ptr<Host> host_;
  TimeMs now_ = 1000;
  std::vector<CaptureReport> captured_;
  uint64_t lost_ = 0;
};

TEST_F(HostCaptureTest, BothDirectionsAreSeenWithTheirBytes) {
  const std::string answer =
      "eth(src=52:54:00:00:00:02, dst=52:54:00:00:00:01)/ipv4(src=10.0.0.2, dst=10.0.0.1)/"
      "udp(sport=53, dport=40000)/payload(len=20)";
  EXPECT_EQ(capture({.nic = "a"},
                    [&] {
                      send("a", kUdp);
                      send("b", answer);
                    }),
            ok_status());
  EXPECT_THAT(outs(), ElementsAre("from", "to"));
  EXPECT_EQ(captured_[0].bytes, test::bytes_of(kUdp));
  EXPECT_EQ(captured_[0].length, captured_[0].bytes.size());
  EXPECT_EQ(captured_[1].bytes, test::bytes_of(answer));
  EXPECT_LE(captured_[0].time_ns, captured_[1].time_ns);
  EXPECT_GT(captured_[0].time_ns, 1'500'000'000ULL * 1'000'000'000);
  EXPECT_EQ(ports_.links.at("b")->take().size(), 1u) << "and goes its way";
  EXPECT_EQ(ports_.links.at("a")->take().size(), 1u);
}

TEST_F(HostCaptureTest, WhatIsDroppedIsSeenWithItsNameAndSentence) {
  EXPECT_EQ(capture({.nic = "a"},
                    [&] {
                      send("a", "eth(src=52:54:00:00:00:09, dst=52:54:00:00:00:02)/ipv4/udp");
                      ports_.links.at("b")->set_room(0);
                      send("a", kUdp);
                    }),
            ok_status());
  EXPECT_THAT(outs(), ElementsAre("from", "dropped antispoof/wrong-source-mac", "from",
                                  "dropped port-out/ring-full"));
  EXPECT_THAT(captured_[1].sentence, HasSubstr("MAC"));
}

TEST_F(HostCaptureTest, WhatIsRefusedByTheNicItselfIsNoPacketThatWentToIt) {
  ports_.links.at("b")->set_connected(false);
  EXPECT_EQ(capture({.nic = "b"}, [&] { send("a", kUdp); }), ok_status());
  EXPECT_THAT(outs(), ElementsAre("dropped port-out/not-connected"));
}

TEST_F(HostCaptureTest, OtherNicsArePassedOver) {
  intent_.nics["c"] = nic_intent("c", "52:54:00:00:00:03", "10.0.0.3", {"open"});
  ASSERT_TRUE(host_->apply(intent_).ok());
  EXPECT_EQ(capture({.nic = "c"}, [&] { send("a", kUdp); }), ok_status());
  EXPECT_TRUE(captured_.empty());
}

TEST_F(HostCaptureTest, AnExpressionChooses) {
  EXPECT_EQ(capture({.nic = "a", .expression = "tcp dst port 80"},
                    [&] {
                      send("a", kUdp);
                      send("a", kAToB + "tcp(dport=80)");
                      send("a", kAToB + "tcp(dport=81)");
                      send("a", "eth(src=52:54:00:00:00:01, dst=ff:ff:ff:ff:ff:ff)/arp");
                    }),
            ok_status());
  EXPECT_THAT(outs(), ElementsAre("from"));
  EXPECT_EQ(captured_[0].bytes, test::bytes_of(kAToB + "tcp(dport=80)"));
  const Status fault = capture({.nic = "a", .expression = "tcp prot 80"}, [] {});
  EXPECT_THAT(fault.message(), HasSubstr("capture: expression 'tcp prot 80': "));
  EXPECT_EQ(fault.code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(HostCaptureTest, OnlySoManyPacketsAndSoManyBytesOfEach) {
  EXPECT_EQ(capture({.nic = "a", .most_bytes = 20, .count = 2},
                    [&] {
                      for (int i = 0; i < 5; ++i) send("a", kUdp);
                    }),
            ok_status());
  ASSERT_EQ(captured_.size(), 2u);
  EXPECT_EQ(captured_[0].bytes.size(), 20u);
  EXPECT_EQ(captured_[0].length, test::bytes_of(kUdp).size());
  EXPECT_THAT(capture({.nic = "a", .most_bytes = 2049}, [] {}).message(),
              HasSubstr("most_bytes 2049 is too large (wanted 0..2048)"));
}

// A long frame lies in several segments here.
TEST_F(HostCaptureTest, ALongFrameIsCut) {
  const std::string packet = kAToB + "udp/payload(len=5000)";
  EXPECT_EQ(capture({.nic = "a"}, [&] { send("a", packet); }), ok_status());
  ASSERT_FALSE(captured_.empty());
  const auto bytes = test::bytes_of(packet);
  EXPECT_EQ(captured_[0].length, bytes.size());
  EXPECT_TRUE(std::ranges::equal(captured_[0].bytes, std::span(bytes).first(2048)));
}

TEST_F(HostCaptureTest, WhatFindsNoRoomIsCountedAndGoesItsWay) {
  constexpr uint32_t kPackets = CaptureLog::kFrames + 100;
  EXPECT_EQ(capture({.nic = "a"},
                    [&] {
                      for (uint32_t i = 0; i < kPackets; ++i) send("a", kUdp);
                    }),
            ok_status());
  EXPECT_EQ(captured_.size(), CaptureLog::kFrames);
  EXPECT_EQ(lost_, 100u);
  EXPECT_EQ(ports_.links.at("b")->take().size(), kPackets);
  lost_ = 0;
  EXPECT_EQ(capture({.nic = "a"}, [&] { send("a", kUdp); }), ok_status());
  EXPECT_EQ(lost_, 0u) << "the next one counts its own";
}

TEST_F(HostCaptureTest, ACaptureEndsWithItsNicAndSeesNoOtherInItsPlace) {
  const Status status = capture({.nic = "a"}, [&] {
    Intent next = intent_;
    next.nics.erase("a");
    ASSERT_TRUE(host_->apply(next).ok());
    next.nics["z"] = nic_intent("z", "52:54:00:00:00:01", "10.0.0.1", {"open"});
    ASSERT_TRUE(host_->apply(next).ok());
    send("z", kUdp);
  });
  EXPECT_EQ(status.message(), "capture: nic 'a': is gone (wanted one that stays)");
  EXPECT_TRUE(captured_.empty());
}

TEST_F(HostCaptureTest, OneAtATimeAndOnlyOfWhatIsThere) {
  Status second = ok_status();
  EXPECT_EQ(capture({.nic = "a"}, [&] { second = capture({.nic = "b"}, [] {}); }), ok_status());
  EXPECT_EQ(second.message(), "capture: another one is running (wanted: one at a time)");
  EXPECT_EQ(capture({.nic = "nobody"}, [] {}).message(),
            "capture: nic 'nobody': not found (wanted one of ours)");
}

TEST_F(HostCaptureTest, AfterItNothingIsNoted) {
  EXPECT_EQ(capture({.nic = "a"}, [&] { send("a", kUdp); }), ok_status());
  captured_.clear();
  send("a", kUdp);
  EXPECT_EQ(capture({.nic = "a"}, [] {}), ok_status());
  EXPECT_TRUE(captured_.empty());
}

}  // namespace
}  // namespace butterfly
