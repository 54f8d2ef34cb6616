// SPDX-License-Identifier: Apache-2.0
// What passes on a TCP connection that is open: windows, numbers, data.
#include "tables/tcp_state.h"

#include <random>

#include "tables/tcp_state_for_test.h"

namespace butterfly::tcp {
namespace {

using test::I;
using test::ok;
using test::R;

using TcpState = test::Connection;

TEST_F(TcpState, DataMayReachTheEdgeOfTheWindowButNotPassIt) {  // D14
  handshake();
  run({{I, "PA", 1001 + 8192 - 1000, 5001, 1001, Verdict::out_of_window},
       {I, "PA", 1001 + 8192 - 1000, 5001, 1000}});
}

TEST_F(TcpState, OldDataIsRefusedBeyondOneWindowBack) {
  handshake();
  for (uint32_t i = 0; i < 20; ++i) {
    run({{I, "A", 1001 + 1000 * i, 5001, 1000}, {R, "A", 5001, 2001 + 1000 * i}});
  }
  run({{I, "A", 21001 - 8192 - 1, 5001, 0, Verdict::out_of_window},
       {I, "A", 21001 - 8192, 5001, 0}});
}

TEST_F(TcpState, WindowScalingIsHonoured) {  // D15
  run({{I, "S", 1000, 0, 0, ok, 8192, 7},
       {R, "SA", 5000, 1001, 0, ok, 8192, 7},
       {I, "A", 1001, 5001},
       {R, "A", 5001, 1001},
       {I, "A", 1001 + 500000, 5001, 1000},
       {I, "A", 1001 + 8192 * 128, 5001, 1, Verdict::out_of_window}});
}

TEST_F(TcpState, TheWindowOfASynIsNotScaled) {
  run({{I, "S", 1000, 0, 0, ok, 8192, 7},
       {R, "SA", 5000, 1001, 0, ok, 8192, 7},
       {I, "A", 1001 + 8192, 5001, 1, Verdict::out_of_window},
       {I, "A", 1001, 5001, 8192}});
}

TEST_F(TcpState, AScaleThatOneSideDoesNotOfferDoesNotCount) {
  run({{I, "S", 1000, 0, 0, ok, 8192, 7},
       {R, "SA", 5000, 1001},
       {I, "A", 1001, 5001},
       {R, "A", 5001, 1001},
       {I, "A", 1001 + 8192, 5001, 1, Verdict::out_of_window}});
}

TEST_F(TcpState, AClosedWindowLetsAProbeThroughAndAKeepAliveLiesOneBelow) {  // D17, D18
  handshake();
  run({{R, "A", 5001, 1001, 0, ok, 0},
       {I, "A", 1001, 5001, 1},
       {I, "A", 1000, 5001},
       {R, "A", 5001, 1001, 0, ok, 0}});
}

TEST_F(TcpState, AWindowClosedFromTheStartAdmitsOneByte) {
  run({{I, "S", 1000, 0, 0, ok, 0},
       {R, "SA", 5000, 1001, 0, ok, 0},
       {I, "A", 1001, 5001, 0, ok, 0},
       {I, "A", 1001, 5001, 2, Verdict::out_of_window},
       {I, "A", 1001, 5001, 1},
       {I, "A", 1001, 5001, 0, ok, 0}});
}

TEST_F(TcpState, DataThatWasNeverSentCannotBeAcknowledged) {  // D20
  handshake();
  run({{I, "A", 1001, 5001 + 2000000, 0, Verdict::bad_ack},
       {I, "A", 1001, 5002, 0, Verdict::bad_ack},
       {I, "A", 1001, 5001U - 70000, 0, Verdict::bad_ack},
       {I, "A", 1001, 5001}});
}

TEST_F(TcpState, IllegalFlagsInsideAConnectionChangeNothing) {  // D30
  handshake();
  run({{I, "", 1001, 0, 0, Verdict::illegal_flags},
       {I, "FPU", 1001, 0, 0, Verdict::illegal_flags},
       {I, "SFA", 1001, 5001, 0, Verdict::illegal_flags},
       {I, "PA", 1001, 5001, 10}});
}

TEST_F(TcpState, SegmentsMayArriveOutOfOrder) {  // D33
  handshake();
  run({{I, "A", 2001, 5001, 1000}, {I, "A", 1001, 5001, 1000}, {R, "A", 5001, 3001}});
}

TEST_F(TcpState, SequenceNumbersWrap) {
  run({{I, "S", 0xffffffff},
       {R, "SA", 0xfffffffe, 0},
       {I, "A", 0, 0xffffffff},
       {R, "A", 0xffffffff, 0, 1000},
       {I, "A", 0, 999, 100},
       {R, "FA", 999, 100},
       {I, "FA", 100, 1000},
       {R, "A", 1000, 101}});
  EXPECT_EQ(state(), State::time_wait);
}

TEST_F(TcpState, AnErrorMayQuoteOnlyWhatWasSentLately) {
  handshake();
  EXPECT_TRUE(may_have_sent(progress_, track_, I, 1001));
  EXPECT_TRUE(may_have_sent(progress_, track_, I, 1000));
  EXPECT_FALSE(may_have_sent(progress_, track_, I, 1002));
  EXPECT_FALSE(may_have_sent(progress_, track_, I, 1001U - 9000));
  progress_ = {};
  run({{I, "S", 1000}});
  EXPECT_TRUE(may_have_sent(progress_, track_, I, 1000));
  EXPECT_FALSE(may_have_sent(progress_, track_, I, 999));
}

// take_usual() may only do what check() and advance() would.
TEST(TcpUsual, WhatIsTakenAsUsualIsWhatTheWholeCheckWouldDo) {
  std::mt19937 generator(7);
  const auto below = [&generator](uint32_t n) { return static_cast<uint32_t>(generator() % n); };
  uint32_t taken = 0;
  uint32_t left = 0;
  for (int connection = 0; connection < 2'000; ++connection) {
    Progress progress{};
    Track track{};
    uint32_t next[2] = {static_cast<uint32_t>(generator()), static_cast<uint32_t>(generator())};
    const auto scale = [&] { return static_cast<uint8_t>(below(2) != 0 ? below(15) : kNoScale); };
    Segment segment{.sequence = next[0],
                    .acknowledgement = 0,
                    .end = next[0] + 1,
                    .window = static_cast<uint16_t>(below(65536)),
                    .flags = wire::kTcpSyn,
                    .scale = scale()};
    start(progress, track, segment);
    ++next[0];
    segment = {.sequence = next[1],
               .acknowledgement = next[0],
               .end = next[1] + 1,
               .window = static_cast<uint16_t>(below(65536)),
               .flags = wire::kTcpSyn | wire::kTcpAck,
               .scale = scale()};
    advance(progress, track, R, segment);
    ++next[1];
    for (int step = 0; step < 200; ++step) {
      const auto from = static_cast<Role>(below(2));
      const auto self = static_cast<size_t>(from);
      const uint16_t payload = static_cast<uint16_t>(below(4) == 0 ? 0 : below(3000));
      const uint32_t jump = below(8) == 0 ? below(200'000) - 100'000 : 0;
      wire::TcpHeader header{};
      header.sequence = next[self] + jump;
      header.acknowledgement = next[self ^ 1] - (below(3) == 0 ? below(70'000) : 0);
      header.data_offset = 5 << 4;
      header.flags = static_cast<uint8_t>(wire::kTcpAck | (below(60) == 0 ? below(64) : 0));
      header.window = static_cast<uint16_t>(below(3) == 0 ? below(65536) : 0);
      const auto* bytes = reinterpret_cast<const uint8_t*>(&header);
      const auto length = static_cast<uint16_t>(sizeof header + payload);
      segment = read_segment({bytes, sizeof header}, length);

      Progress usual_progress = progress;
      Track usual_track = track;
      const bool usual = take_usual(usual_progress, usual_track, from, header, length);
      const Verdict verdict = check(progress, track, from, segment);
      if (!usual) {
        ++left;
        ASSERT_EQ(memcmp(&usual_progress, &progress, sizeof progress), 0);
        ASSERT_EQ(memcmp(&usual_track, &track, sizeof track), 0);
      } else {
        ++taken;
        ASSERT_EQ(verdict, Verdict::ok) << connection << " " << step;
      }
      if (verdict == Verdict::reopens) start(progress, track, segment);
      if (verdict == Verdict::ok) {
        advance(progress, track, from, segment);
        if (is_after(segment.end, next[self])) next[self] = segment.end;
      }
      if (!usual) continue;
      ASSERT_EQ(memcmp(&usual_progress, &progress, sizeof progress), 0);
      ASSERT_EQ(memcmp(&usual_track, &track, sizeof track), 0) << connection << " " << step;
    }
  }
  EXPECT_GT(taken, 30'000u);
  EXPECT_GT(left, 30'000u);
}

}  // namespace
}  // namespace butterfly::tcp
