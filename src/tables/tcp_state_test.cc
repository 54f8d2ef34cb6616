// SPDX-License-Identifier: Apache-2.0
#include "tables/tcp_state.h"

#include <gtest/gtest.h>

#include <random>
#include <string_view>
#include <vector>

#include "wire/headers.h"

namespace butterfly::tcp {
namespace {

constexpr Role I = Role::initiator;
constexpr Role R = Role::responder;
constexpr Verdict ok = Verdict::ok;

struct Step {
  Role from;
  const char* flags;  // of "SAFRPU"
  uint32_t seq;
  uint32_t ack = 0;
  uint32_t length = 0;
  Verdict expected = Verdict::ok;
  uint16_t window = 8192;
  uint8_t scale = kNoScale;
};

Segment segment_of(const Step& step) {
  Segment segment;
  for (const char flag : std::string_view(step.flags)) {
    segment.flags = static_cast<uint8_t>(segment.flags | (flag == 'S'   ? wire::kTcpSyn
                                                          : flag == 'A' ? wire::kTcpAck
                                                          : flag == 'F' ? wire::kTcpFin
                                                          : flag == 'R' ? wire::kTcpRst
                                                          : flag == 'P' ? wire::kTcpPsh
                                                                        : wire::kTcpUrg));
  }
  segment.sequence = step.seq;
  segment.acknowledgement = step.ack;
  segment.end = step.seq + step.length + ((segment.flags & wire::kTcpSyn) ? 1 : 0) +
                ((segment.flags & wire::kTcpFin) ? 1 : 0);
  segment.window = step.window;
  segment.scale = step.scale;
  return segment;
}

// A connection with no time and no rules: a reopening SYN is let in.
class TcpState : public ::testing::Test {
 protected:
  void run(std::vector<Step> steps) {
    for (size_t i = 0; i < steps.size(); ++i) {
      const Progress before = progress_;
      const Track track_before = track_;
      const Verdict verdict = take(steps[i]);
      EXPECT_EQ(verdict, steps[i].expected)
          << "step " << i << ": " << steps[i].flags << " " << steps[i].seq << ":" << steps[i].ack;
      if (verdict == Verdict::ok || verdict == Verdict::reopens) continue;
      EXPECT_EQ(memcmp(&before, &progress_, sizeof before), 0) << "step " << i;
      EXPECT_EQ(memcmp(&track_before, &track_, sizeof track_before), 0) << "step " << i;
    }
  }
  void handshake() { run({{I, "S", 1000}, {R, "SA", 5000, 1001}, {I, "A", 1001, 5001}}); }
  State state() const { return progress_.state; }

  Progress progress_{};
  Track track_{};

 private:
  Verdict take(const Step& step) {
    const Segment segment = segment_of(step);
    if (progress_.state == State::none) {
      const Verdict verdict = check_first(segment);
      if (verdict == Verdict::ok) start(progress_, track_, segment);
      return verdict;
    }
    const Verdict verdict = check(progress_, track_, step.from, segment);
    EXPECT_EQ(verdict == Verdict::reopens, would_reopen(progress_, segment));
    if (verdict == Verdict::ok) advance(progress_, track_, step.from, segment);
    if (verdict == Verdict::reopens) start(progress_, track_, segment);
    return verdict;
  }
};

TEST_F(TcpState, AHandshakeAndDataEstablishAConnection) {  // D02
  handshake();
  EXPECT_EQ(state(), State::established);
  run({{R, "PA", 5001, 1001, 1000}, {I, "A", 1001, 6001}});
  EXPECT_EQ(state(), State::established);
}

TEST_F(TcpState, OnlyAPlainSynBegins) {  // D03, D27, D29
  const Verdict mid = Verdict::mid_stream;
  const Verdict illegal = Verdict::illegal_flags;
  run({{I, "A", 1001, 5001, 10, mid},
       {I, "SA", 1000, 5, 0, mid},
       {I, "FA", 1000, 5, 0, mid},
       {I, "R", 1000, 0, 0, mid},
       {I, "SF", 1000, 0, 0, illegal},
       {I, "SR", 1000, 0, 0, illegal},
       {I, "", 1000, 0, 0, illegal},
       {I, "FPU", 1000, 0, 0, illegal},
       {I, "F", 1000, 0, 0, illegal},
       {I, "PU", 1000, 0, 0, illegal}});
  EXPECT_EQ(state(), State::none);
}

TEST_F(TcpState, SynAndSynAckMayBeRepeated) {  // D05
  run({{I, "S", 1000},
       {I, "S", 1000},
       {R, "SA", 5000, 1001},
       {R, "SA", 5000, 1001},
       {I, "A", 1001, 5001},
       {R, "SA", 5000, 1001, 0, Verdict::ignored},
       {I, "A", 1001, 5001}});
  EXPECT_EQ(state(), State::established);
}

TEST_F(TcpState, ANewFirstNumberBeforeTheAnswerReplacesTheOld) {
  run({{I, "S", 1000},
       {I, "S", 77},
       {R, "SA", 5000, 1001, 0, Verdict::bad_ack},
       {R, "SA", 5000, 78},
       {I, "A", 78, 5001}});
  EXPECT_EQ(state(), State::established);
}

TEST_F(TcpState, BothMayOpenAtOnce) {  // D06
  run({{I, "S", 5000}, {R, "S", 1000}});
  EXPECT_EQ(state(), State::simultaneous);
  run({{I, "SA", 5000, 1001}, {R, "SA", 1000, 5001}, {R, "PA", 1001, 5001, 10}});
  EXPECT_EQ(state(), State::established);
}

TEST_F(TcpState, AHandshakeMustAcknowledgeWhatWasSent) {
  run({{I, "S", 1000},
       {R, "SA", 5000, 1000, 0, Verdict::bad_ack},
       {R, "SA", 5000, 1002, 0, Verdict::bad_ack},
       {R, "PA", 5000, 1001, 4, Verdict::bad_ack},
       {I, "A", 1001, 5001, 0, Verdict::bad_ack},
       {R, "SA", 5000, 1001},
       {I, "A", 1001, 5002, 0, Verdict::bad_ack},
       {I, "A", 1001, 5001}});
}

TEST_F(TcpState, AResponderThatRemembersAnOlderConnectionCanBeReset) {  // RFC 9293 §3.5.1
  run({{I, "S", 1000},
       {R, "A", 700, 300, 0, Verdict::ignored},
       {I, "R", 300, 0, 0, Verdict::ignored},
       {I, "S", 1000},
       {R, "SA", 5000, 1001},
       {I, "A", 1001, 5001}});
  EXPECT_EQ(state(), State::established);
}

TEST_F(TcpState, ARefusedConnectionEndsWithTheAnswer) {
  run({{I, "S", 1000},
       {R, "RA", 0, 999, 0, Verdict::bad_rst},
       {R, "R", 0, 0, 0, Verdict::bad_rst},
       {R, "RA", 0, 1001}});
  EXPECT_EQ(state(), State::closed);
}

TEST_F(TcpState, ABlindResetDoesNotKill) {  // D08, D09
  handshake();
  run({{I, "R", 900000000, 0, 0, Verdict::bad_rst},
       {I, "R", 3001, 0, 0, Verdict::bad_rst},
       {I, "R", 1000, 0, 0, Verdict::bad_rst},
       {I, "PA", 1001, 5001, 10},
       {R, "A", 5001, 1011}});
  EXPECT_EQ(state(), State::established);
}

TEST_F(TcpState, AResetMayFollowTheDataOrEchoTheLastAcknowledgement) {
  handshake();
  run({{R, "PA", 5001, 1001, 500}});  // in flight, perhaps lost; then the process dies
  const Progress progress = progress_;
  run({{R, "R", 5001}});
  EXPECT_EQ(state(), State::closed);
  progress_ = progress;
  run({{R, "R", 5501}});
  EXPECT_EQ(state(), State::closed);
}

// RFC 9293 §3.10.7.4: before the SYN is acknowledged only what acknowledges it is acceptable.
TEST_F(TcpState, OnlyAnAcknowledgementOfTheSynCompletesAHandshake) {
  run({{I, "S", 100'000},
       {R, "SA", 500'000, 100'001},
       {I, "A", 100'001, 440'000, 0, Verdict::bad_ack},
       {I, "A", 100'001, 499'999, 0, Verdict::bad_ack},
       {I, "A", 100'001, 500'000, 0, Verdict::bad_ack}});
  EXPECT_EQ(state(), State::syn_received);
  run({{I, "A", 100'001, 500'001}});
  EXPECT_EQ(state(), State::established);
  run({{I, "A", 100'001, 500'000}});  // what is old may still be on its way
}

TEST_F(TcpState, BothSynsOfASimultaneousOpenMustBeAcknowledged) {
  run({{I, "S", 1000},
       {R, "S", 5000},
       {R, "SA", 5000, 1000, 0, Verdict::bad_ack},
       {I, "SA", 1000, 4000, 0, Verdict::bad_ack},
       {R, "SA", 5000, 1001},
       {I, "SA", 1000, 5000, 0, Verdict::bad_ack}});
  EXPECT_EQ(state(), State::simultaneous);
  run({{I, "SA", 1000, 5001}});
  EXPECT_EQ(state(), State::established);
}

// A whole first window of data before the handshake is done (RFC 7413 §4.2).
TEST_F(TcpState, AResponderMayFillItsWindowBeforeItsSynIsAcknowledged) {
  run({{I, "S", 1000, 0, 0, ok, 65535},
       {R, "SA", 5000, 1001},
       {R, "A", 5001, 1001, 65535},
       {I, "A", 1001, 5000, 0, Verdict::bad_ack},
       {I, "A", 1001, 70'536}});
  EXPECT_EQ(state(), State::established);
}

TEST_F(TcpState, ASynIntoALiveConnectionChangesNothing) {  // D11, D12
  handshake();
  run({{I, "S", 77000000, 0, 0, Verdict::ignored},
       {I, "S", 1001, 0, 0, Verdict::ignored},
       {R, "S", 5001, 0, 0, Verdict::ignored},
       {I, "PA", 1001, 5001, 10},
       {R, "PA", 5001, 1011, 10},
       {I, "A", 1011, 5011}});
  EXPECT_EQ(state(), State::established);
}

TEST_F(TcpState, APeerThatLostItsMemoryComesBack) {  // RFC 5961 §4.2
  handshake();
  run({{I, "S", 77000000, 0, 0, Verdict::ignored},
       {R, "A", 5001, 1001},
       {I, "R", 1001},
       {I, "S", 77000000, 0, 0, Verdict::reopens},
       {R, "SA", 9, 77000001},
       {I, "A", 77000001, 10}});
  EXPECT_EQ(state(), State::established);
}

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

TEST_F(TcpState, BothSidesClose) {  // D21
  handshake();
  run({{I, "FA", 1001, 5001}});
  EXPECT_EQ(state(), State::half_closed);
  run({{R, "A", 5001, 1002}, {R, "FA", 5001, 1002}});
  EXPECT_EQ(state(), State::closing);
  run({{I, "A", 1002, 5002}});
  EXPECT_EQ(state(), State::time_wait);
}

TEST_F(TcpState, DataFlowsOnAfterOneSideClosed) {
  handshake();
  run({{I, "FA", 1001, 5001},
       {R, "A", 5001, 1002, 1000},
       {I, "A", 1002, 6001},
       {I, "PA", 1002, 6001, 5, Verdict::out_of_window}});  // nothing comes after a FIN
  EXPECT_EQ(state(), State::half_closed);
}

TEST_F(TcpState, AFinMayBeRepeatedAfterTheClose) {  // D23
  handshake();
  run({{I, "FA", 1001, 5001},
       {R, "FA", 5001, 1002},
       {I, "A", 1002, 5002},
       {R, "FA", 5001, 1002},
       {I, "A", 1002, 5002}});
  EXPECT_EQ(state(), State::time_wait);
}

TEST_F(TcpState, NothingBelongsToAConnectionThatWasResetBeforeItsAnswer) {
  run({{I, "S", 1000, 0, 0, ok, 8192}, {I, "R", 1001}});
  EXPECT_EQ(state(), State::closed);
  run({{R, "A", 1000, 1001, 704, Verdict::out_of_window},
       {R, "SA", 5000, 1001, 0, Verdict::out_of_window},
       {I, "A", 1001, 1001, 0, Verdict::out_of_window},
       {I, "R", 1001},
       {R, "R", 1000, 0, 0, Verdict::bad_rst},
       {I, "S", 9000, 0, 0, Verdict::reopens}});
  EXPECT_EQ(state(), State::syn_sent);
}

TEST_F(TcpState, MuchThatIsAcknowledgedAlongWithTheSynIsAcknowledged) {
  run({{I, "S", 1000, 0, 0, ok, 65535},
       {R, "SA", 5000, 1001},
       {R, "A", 5001, 1001, 45'000},
       {I, "A", 1001, 50'001}});
  EXPECT_EQ(state(), State::established);
}

TEST_F(TcpState, ASynAckWithAnotherNumberCompletesNothing) {
  run({{I, "S", 1000},
       {R, "SA", 5000, 1001},
       {I, "SA", 1001, 5001, 0, Verdict::ignored},
       {R, "SA", 5001, 1001, 0, Verdict::ignored}});
  EXPECT_EQ(state(), State::syn_received);
}

// RFC 5961 §3.2: the receiver expects what it has acknowledged at most.
TEST_F(TcpState, AnAcknowledgementThatWasOvertakenMovesNoReset) {
  handshake();
  run({{I, "A", 1001, 5001, 1000},
       {I, "A", 2001, 5001, 1000},
       {R, "A", 5001, 3001},
       {R, "A", 5001, 2001},
       {I, "A", 3001, 5001, 1000},
       {I, "R", 3001}});
  EXPECT_EQ(state(), State::closed);
}

TEST_F(TcpState, NothingBeyondAFinThatWasPickedUpIsAcknowledged) {
  Step fin{I, "FA", 1000, 5000};
  pick_up(progress_, track_, segment_of(fin));
  run({{R, "A", 5000, 1002, 0, Verdict::bad_ack}, {R, "A", 5000, 1001}});
}

TEST_F(TcpState, AFinBehindWhatWasSentAfterItEndsNothing) {
  handshake();
  run({{I, "A", 1001, 5001, 1000},
       {R, "A", 5001, 2001},
       {I, "FA", 1500, 5001},
       {I, "A", 2001, 5001, 1000}});
  EXPECT_EQ(state(), State::established);
  run({{I, "FA", 3001, 5001}, {I, "FA", 3001, 5001}});
  EXPECT_EQ(state(), State::half_closed);
}

TEST_F(TcpState, APortIsReusedAfterTheClose) {  // D24
  handshake();
  run({{I, "FA", 1001, 5001},
       {R, "FA", 5001, 1002},
       {I, "A", 1002, 5002},
       {I, "S", 9000000, 0, 0, Verdict::reopens},
       {R, "SA", 8000000, 9000001},
       {I, "A", 9000001, 8000001},
       {I, "PA", 9000001, 8000001, 10}});
  EXPECT_EQ(state(), State::established);
}

TEST_F(TcpState, APortIsReusedStraightAfterAReset) {  // D26
  handshake();
  run({{I, "R", 1001}, {R, "PA", 5001, 1001, 10}});
  EXPECT_EQ(state(), State::closed);
  run({{I, "S", 9000000, 0, 0, Verdict::reopens},
       {R, "SA", 8000000, 9000001},
       {I, "A", 9000001, 8000001},
       {I, "PA", 9000001, 8000001, 10}});
  EXPECT_EQ(state(), State::established);
}

TEST_F(TcpState, IllegalFlagsInsideAConnectionChangeNothing) {  // D30
  handshake();
  run({{I, "", 1001, 0, 0, Verdict::illegal_flags},
       {I, "FPU", 1001, 0, 0, Verdict::illegal_flags},
       {I, "SFA", 1001, 5001, 0, Verdict::illegal_flags},
       {I, "PA", 1001, 5001, 10}});
}

TEST_F(TcpState, ASynMayCarryData) {  // D32
  run({{I, "S", 1000, 0, 100}, {R, "SA", 5000, 1101}, {I, "A", 1101, 5001}});
  EXPECT_EQ(state(), State::established);
}

TEST_F(TcpState, ASynWhoseDataWasNotTakenSendsItAgain) {
  run({{I, "S", 1000, 0, 100},
       {R, "SA", 5000, 1001},
       {I, "A", 1001, 5001, 100},
       {R, "A", 5001, 1101}});
  EXPECT_EQ(state(), State::established);
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

std::vector<uint8_t> header_with(std::vector<uint8_t> options, uint8_t flags = wire::kTcpSyn) {
  std::vector<uint8_t> bytes{0x9c, 0x40, 0, 22,    0,    0, 3, 0xe8, 0, 0,
                             0,    9,    0, flags, 0x20, 0, 0, 0,    0, 0};
  while (options.size() % 4 != 0) options.push_back(0);
  bytes[12] = static_cast<uint8_t>((20 + options.size()) / 4 << 4);
  bytes.insert(bytes.end(), options.begin(), options.end());
  return bytes;
}
uint8_t scale_in(const std::vector<uint8_t>& options, uint8_t flags = wire::kTcpSyn) {
  const auto bytes = header_with(options, flags);
  return read_segment(bytes, static_cast<uint16_t>(bytes.size())).scale;
}

TEST(TcpSegment, HeaderFieldsAndPayloadAreRead) {
  auto bytes = header_with({}, wire::kTcpAck | wire::kTcpFin);
  const Segment segment = read_segment(bytes, static_cast<uint16_t>(bytes.size() + 100));
  EXPECT_EQ(segment.sequence, 1000u);
  EXPECT_EQ(segment.acknowledgement, 9u);
  EXPECT_EQ(segment.end, 1101u);
  EXPECT_EQ(segment.window, 0x2000);
}

TEST(TcpSegment, TheWindowScaleIsFoundAmongOptionsAndCutTo14) {
  EXPECT_EQ(scale_in({3, 3, 7}), 7);
  EXPECT_EQ(scale_in({2, 4, 5, 0xb4, 1, 3, 3, 9}), 9);
  EXPECT_EQ(scale_in({3, 3, 200}), 14);
  EXPECT_EQ(scale_in({3, 3, 7}, wire::kTcpAck), kNoScale);  // only a SYN offers
}

TEST(TcpSegment, OptionsThatLieAboutTheirLengthEndTheList) {
  EXPECT_EQ(scale_in({}), kNoScale);
  EXPECT_EQ(scale_in({3, 0, 7}), kNoScale);
  EXPECT_EQ(scale_in({3, 1, 7}), kNoScale);
  EXPECT_EQ(scale_in({3, 4, 7, 1}), kNoScale);
  EXPECT_EQ(scale_in({0, 3, 3, 7}), kNoScale);
  EXPECT_EQ(scale_in({1, 1, 1, 3}), kNoScale);
  EXPECT_EQ(scale_in({8, 200, 3, 3, 7}), kNoScale);
}

TEST(TcpSegment, AHeaderThatIsCutShortHasNoFlags) {
  auto bytes = header_with({3, 3, 7});
  EXPECT_EQ(read_segment({bytes.data(), 19}, 19).flags, 0);
  EXPECT_EQ(read_segment({bytes.data(), 20}, 24).flags, 0);
  EXPECT_EQ(read_segment(bytes, 20).flags, 0);
  bytes[12] = 0x40;
  EXPECT_EQ(read_segment(bytes, 24).flags, 0);
}

}  // namespace
}  // namespace butterfly::tcp
