// SPDX-License-Identifier: Apache-2.0
// How TCP connections begin, or do not.
#include "tables/tcp_state_for_test.h"

namespace butterfly::tcp {
namespace {

using test::I;
using test::ok;
using test::R;

using TcpOpen = test::Connection;

TEST_F(TcpOpen, AHandshakeAndDataEstablishAConnection) {  // D02
  handshake();
  EXPECT_EQ(state(), State::established);
  run({{R, "PA", 5001, 1001, 1000}, {I, "A", 1001, 6001}});
  EXPECT_EQ(state(), State::established);
}

TEST_F(TcpOpen, OnlyAPlainSynBegins) {  // D03, D27, D29
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

TEST_F(TcpOpen, SynAndSynAckMayBeRepeated) {  // D05
  run({{I, "S", 1000},
       {I, "S", 1000},
       {R, "SA", 5000, 1001},
       {R, "SA", 5000, 1001},
       {I, "A", 1001, 5001},
       {R, "SA", 5000, 1001, 0, Verdict::ignored},
       {I, "A", 1001, 5001}});
  EXPECT_EQ(state(), State::established);
}

TEST_F(TcpOpen, ANewFirstNumberBeforeTheAnswerReplacesTheOld) {
  run({{I, "S", 1000},
       {I, "S", 77},
       {R, "SA", 5000, 1001, 0, Verdict::bad_ack},
       {R, "SA", 5000, 78},
       {I, "A", 78, 5001}});
  EXPECT_EQ(state(), State::established);
}

TEST_F(TcpOpen, BothMayOpenAtOnce) {  // D06
  run({{I, "S", 5000}, {R, "S", 1000}});
  EXPECT_EQ(state(), State::simultaneous);
  run({{I, "SA", 5000, 1001}, {R, "SA", 1000, 5001}, {R, "PA", 1001, 5001, 10}});
  EXPECT_EQ(state(), State::established);
}

TEST_F(TcpOpen, AHandshakeMustAcknowledgeWhatWasSent) {
  run({{I, "S", 1000},
       {R, "SA", 5000, 1000, 0, Verdict::bad_ack},
       {R, "SA", 5000, 1002, 0, Verdict::bad_ack},
       {R, "PA", 5000, 1001, 4, Verdict::bad_ack},
       {I, "A", 1001, 5001, 0, Verdict::bad_ack},
       {R, "SA", 5000, 1001},
       {I, "A", 1001, 5002, 0, Verdict::bad_ack},
       {I, "A", 1001, 5001}});
}

TEST_F(TcpOpen, AResponderThatRemembersAnOlderConnectionCanBeReset) {  // RFC 9293 §3.5.1
  run({{I, "S", 1000},
       {R, "A", 700, 300, 0, Verdict::ignored},
       {I, "R", 300, 0, 0, Verdict::ignored},
       {I, "S", 1000},
       {R, "SA", 5000, 1001},
       {I, "A", 1001, 5001}});
  EXPECT_EQ(state(), State::established);
}

TEST_F(TcpOpen, ARefusedConnectionEndsWithTheAnswer) {
  run({{I, "S", 1000},
       {R, "RA", 0, 999, 0, Verdict::bad_rst},
       {R, "R", 0, 0, 0, Verdict::bad_rst},
       {R, "RA", 0, 1001}});
  EXPECT_EQ(state(), State::closed);
}

// RFC 9293 §3.10.7.4: before the SYN is acknowledged only what acknowledges it is acceptable.
TEST_F(TcpOpen, OnlyAnAcknowledgementOfTheSynCompletesAHandshake) {
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

TEST_F(TcpOpen, BothSynsOfASimultaneousOpenMustBeAcknowledged) {
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
TEST_F(TcpOpen, AResponderMayFillItsWindowBeforeItsSynIsAcknowledged) {
  run({{I, "S", 1000, 0, 0, ok, 65535},
       {R, "SA", 5000, 1001},
       {R, "A", 5001, 1001, 65535},
       {I, "A", 1001, 5000, 0, Verdict::bad_ack},
       {I, "A", 1001, 70'536}});
  EXPECT_EQ(state(), State::established);
}

TEST_F(TcpOpen, NothingBelongsToAConnectionThatWasResetBeforeItsAnswer) {
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

TEST_F(TcpOpen, MuchThatIsAcknowledgedAlongWithTheSynIsAcknowledged) {
  run({{I, "S", 1000, 0, 0, ok, 65535},
       {R, "SA", 5000, 1001},
       {R, "A", 5001, 1001, 45'000},
       {I, "A", 1001, 50'001}});
  EXPECT_EQ(state(), State::established);
}

TEST_F(TcpOpen, ASynAckWithAnotherNumberCompletesNothing) {
  run({{I, "S", 1000},
       {R, "SA", 5000, 1001},
       {I, "SA", 1001, 5001, 0, Verdict::ignored},
       {R, "SA", 5001, 1001, 0, Verdict::ignored}});
  EXPECT_EQ(state(), State::syn_received);
}

TEST_F(TcpOpen, ASynMayCarryData) {  // D32
  run({{I, "S", 1000, 0, 100}, {R, "SA", 5000, 1101}, {I, "A", 1101, 5001}});
  EXPECT_EQ(state(), State::established);
}

TEST_F(TcpOpen, ASynWhoseDataWasNotTakenSendsItAgain) {
  run({{I, "S", 1000, 0, 100},
       {R, "SA", 5000, 1001},
       {I, "A", 1001, 5001, 100},
       {R, "A", 5001, 1101}});
  EXPECT_EQ(state(), State::established);
}

}  // namespace
}  // namespace butterfly::tcp
