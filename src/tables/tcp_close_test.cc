// SPDX-License-Identifier: Apache-2.0
// How TCP connections end, are reset, and what comes after.
#include "tables/tcp_state_for_test.h"

namespace butterfly::tcp {
namespace {

using test::I;
using test::R;
using test::segment_of;
using test::Step;

using TcpClose = test::Connection;

TEST_F(TcpClose, ABlindResetDoesNotKill) {  // D08, D09
  handshake();
  run({{I, "R", 900000000, 0, 0, Verdict::bad_rst},
       {I, "R", 3001, 0, 0, Verdict::bad_rst},
       {I, "R", 1000, 0, 0, Verdict::bad_rst},
       {I, "PA", 1001, 5001, 10},
       {R, "A", 5001, 1011}});
  EXPECT_EQ(state(), State::established);
}

TEST_F(TcpClose, AResetMayFollowTheDataOrEchoTheLastAcknowledgement) {
  handshake();
  run({{R, "PA", 5001, 1001, 500}});  // in flight, perhaps lost; then the process dies
  const Progress progress = progress_;
  run({{R, "R", 5001}});
  EXPECT_EQ(state(), State::closed);
  progress_ = progress;
  run({{R, "R", 5501}});
  EXPECT_EQ(state(), State::closed);
}

TEST_F(TcpClose, ASynIntoALiveConnectionChangesNothing) {  // D11, D12
  handshake();
  run({{I, "S", 77000000, 0, 0, Verdict::ignored},
       {I, "S", 1001, 0, 0, Verdict::ignored},
       {R, "S", 5001, 0, 0, Verdict::ignored},
       {I, "PA", 1001, 5001, 10},
       {R, "PA", 5001, 1011, 10},
       {I, "A", 1011, 5011}});
  EXPECT_EQ(state(), State::established);
}

TEST_F(TcpClose, APeerThatLostItsMemoryComesBack) {  // RFC 5961 §4.2
  handshake();
  run({{I, "S", 77000000, 0, 0, Verdict::ignored},
       {R, "A", 5001, 1001},
       {I, "R", 1001},
       {I, "S", 77000000, 0, 0, Verdict::reopens},
       {R, "SA", 9, 77000001},
       {I, "A", 77000001, 10}});
  EXPECT_EQ(state(), State::established);
}

TEST_F(TcpClose, BothSidesClose) {  // D21
  handshake();
  run({{I, "FA", 1001, 5001}});
  EXPECT_EQ(state(), State::half_closed);
  run({{R, "A", 5001, 1002}, {R, "FA", 5001, 1002}});
  EXPECT_EQ(state(), State::closing);
  run({{I, "A", 1002, 5002}});
  EXPECT_EQ(state(), State::time_wait);
}

TEST_F(TcpClose, DataFlowsOnAfterOneSideClosed) {
  handshake();
  run({{I, "FA", 1001, 5001},
       {R, "A", 5001, 1002, 1000},
       {I, "A", 1002, 6001},
       {I, "PA", 1002, 6001, 5, Verdict::out_of_window}});  // nothing comes after a FIN
  EXPECT_EQ(state(), State::half_closed);
}

TEST_F(TcpClose, AFinMayBeRepeatedAfterTheClose) {  // D23
  handshake();
  run({{I, "FA", 1001, 5001},
       {R, "FA", 5001, 1002},
       {I, "A", 1002, 5002},
       {R, "FA", 5001, 1002},
       {I, "A", 1002, 5002}});
  EXPECT_EQ(state(), State::time_wait);
}

// RFC 5961 §3.2: the receiver expects what it has acknowledged at most.
TEST_F(TcpClose, AnAcknowledgementThatWasOvertakenMovesNoReset) {
  handshake();
  run({{I, "A", 1001, 5001, 1000},
       {I, "A", 2001, 5001, 1000},
       {R, "A", 5001, 3001},
       {R, "A", 5001, 2001},
       {I, "A", 3001, 5001, 1000},
       {I, "R", 3001}});
  EXPECT_EQ(state(), State::closed);
}

TEST_F(TcpClose, NothingBeyondAFinThatWasPickedUpIsAcknowledged) {
  Step fin{I, "FA", 1000, 5000};
  pick_up(progress_, track_, segment_of(fin));
  run({{R, "A", 5000, 1002, 0, Verdict::bad_ack}, {R, "A", 5000, 1001}});
}

TEST_F(TcpClose, AFinBehindWhatWasSentAfterItEndsNothing) {
  handshake();
  run({{I, "A", 1001, 5001, 1000},
       {R, "A", 5001, 2001},
       {I, "FA", 1500, 5001},
       {I, "A", 2001, 5001, 1000}});
  EXPECT_EQ(state(), State::established);
  run({{I, "FA", 3001, 5001}, {I, "FA", 3001, 5001}});
  EXPECT_EQ(state(), State::half_closed);
}

TEST_F(TcpClose, APortIsReusedAfterTheClose) {  // D24
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

TEST_F(TcpClose, APortIsReusedStraightAfterAReset) {  // D26
  handshake();
  run({{I, "R", 1001}, {R, "PA", 5001, 1001, 10}});
  EXPECT_EQ(state(), State::closed);
  run({{I, "S", 9000000, 0, 0, Verdict::reopens},
       {R, "SA", 8000000, 9000001},
       {I, "A", 9000001, 8000001},
       {I, "PA", 9000001, 8000001, 10}});
  EXPECT_EQ(state(), State::established);
}

}  // namespace
}  // namespace butterfly::tcp
