// SPDX-License-Identifier: Apache-2.0
#include "bricks/record.h"

#include <gtest/gtest.h>

#include "bricks/firewall_test_support.h"

namespace butterfly::test {
namespace {

const std::string kToVm = "eth(src=52:54:00:00:00:09, dst=52:54:00:00:00:05)/";
const std::string kToPeer = "eth(src=52:54:00:00:00:05, dst=52:54:00:00:00:09)/";
const std::string kIn = kToVm + "ipv4(src=10.0.0.9, dst=10.0.0.5)/";
const std::string kOut = kToPeer + "ipv4(src=10.0.0.5, dst=10.0.0.9)/";

std::string in(const std::string& tcp) { return kIn + "tcp(sport=40000, dport=22, " + tcp + ")"; }
std::string out(const std::string& tcp) { return kOut + "tcp(sport=22, dport=40000, " + tcp + ")"; }

class RecordTest : public ::testing::Test {
 protected:
  RecordTest() { open(world_); }
  static void open(FirewallWorld& world) { world.set_vm({allow()}, {allow()}); }
  const Flow& ssh() { return *world_.flow_of(in("flags=S")); }

  FirewallWorld world_;
};

TEST_F(RecordTest, PacketsAndBytesAreCountedByDirection) {
  world_.in(kIn + "udp(sport=4000, dport=53)/payload(len=100)");
  world_.in(kIn + "udp(sport=4000, dport=53)/payload(len=100)");
  world_.out(kOut + "udp(sport=53, dport=4000)");
  const Flow& flow = *world_.flow_of(kIn + "udp(sport=4000, dport=53)");
  EXPECT_EQ(world_.flows.tally(flow, Role::initiator).packets, 2u);
  EXPECT_EQ(world_.flows.tally(flow, Role::initiator).bytes, 2u * (14 + 20 + 8 + 100));
  EXPECT_EQ(world_.flows.tally(flow, Role::responder).packets, 1u);
  EXPECT_EQ(world_.flows.tally(flow, Role::responder).bytes, 14u + 20 + 8);
}

TEST_F(RecordTest, AWholeHandshakeInOneBurstIsOneConnection) {
  const auto fates = world_.send({{kUplinkPort, in("flags=S, seq=1000")},
                                  {kUplinkPort, in("flags=S, seq=1000")},
                                  {kVmPort, out("flags=SA, seq=5000, ack=1001")},
                                  {kUplinkPort, in("flags=A, seq=1001, ack=5001")}});
  EXPECT_EQ(fates, std::vector<std::string>(4, "pass"));
  EXPECT_EQ(world_.flows.size(), 1u);
  EXPECT_EQ(ssh().tcp.state, tcp::State::established);
}

TEST_F(RecordTest, TwoGuestsThatStartAtOnceShareAFlowAndNobodyIsTakenAtAWordHeDidNotGive) {
  world_.set_vm({}, {allow()});
  const std::string there = kOut + "udp(sport=123, dport=123)";
  const std::string back = kIn + "udp(sport=123, dport=123)";
  FirewallWorld world(FirewallWorld::Peer::local);
  world.set_vm({allow_port(17, 123)}, {allow()});
  world.set_nic("p", kPeerPort, kPeerMac, {group_of({allow_port(17, 123)}, {allow()})});
  EXPECT_EQ(world.send({{kVmPort, there}, {kPeerPort, back}}),
            (std::vector<std::string>{"pass", "pass"}));
  EXPECT_EQ(world.flows.size(), 1u);
  const Flow& flow = *world.flow_of(there);
  EXPECT_TRUE(
      world.flows.history(flow).verdict(Role::initiator).is_of(world.nics.find(kVmPort)->serial));
  EXPECT_TRUE(
      world.flows.history(flow).verdict(Role::responder).is_of(world.nics.find(kPeerPort)->serial));
  EXPECT_EQ(world.in(back), "pass");
}

TEST_F(RecordTest, WhoCrossesAFloodedStartWithOneOfItsOwnHasNotAgreedToTheOther) {
  FirewallWorld world(FirewallWorld::Peer::local);
  world.set_vm({allow()}, {allow()});
  world.set_nic("p", kPeerPort, kPeerMac, {group_of({}, {allow()})});  // lets nothing in
  const std::string ports = "udp(sport=51820, dport=51820)";
  const std::string flooded =
      "eth(src=52:54:00:00:00:05, dst=52:54:00:00:00:aa)/ipv4(src=10.0.0.5, dst=10.0.0.9)/";
  EXPECT_EQ(world.send({{kVmPort, flooded + ports}, {kPeerPort, kIn + ports}}),
            (std::vector<std::string>{"pass", "pass"}));
  EXPECT_EQ(world.copies().at(kPeerPort.value), "denied");
  EXPECT_EQ(world.out(kOut + ports), "denied");
  // Its own start makes the flow its own, and then the answers pass.
  EXPECT_EQ(world.in(kIn + ports), "pass");
  EXPECT_EQ(world.out(kOut + ports), "pass");
}

TEST_F(RecordTest, TheCopiesOfAFloodedPacketMakeOneFlow) {
  world_.set_nic("third", kThirdPort, kThirdMac, {group_of({allow()}, {allow()})});
  world_.in(
      "eth(dst=52:54:00:00:00:aa)/ipv4(src=10.0.0.9, dst=10.0.0.5)/"
      "tcp(sport=40000, dport=22, flags=S, seq=1000)");
  EXPECT_EQ(world_.copies().at(kVmPort.value), "pass");
  EXPECT_EQ(world_.copies().at(kThirdPort.value), "pass");
  EXPECT_EQ(world_.flows.size(), 1u);
  EXPECT_EQ(world_.out(out("flags=SA, seq=5000, ack=1001")), "pass");
  EXPECT_EQ(world_.in(in("flags=A, seq=1001, ack=5001")), "pass");
}

TEST_F(RecordTest, ASynThatMeetsTheResetInOneBurstIsRefusedAndItsRepetitionIsANewConnection) {
  world_.in(in("flags=S, seq=1000"));
  world_.out(out("flags=SA, seq=5000, ack=1001"));
  world_.in(in("flags=A, seq=1001, ack=5001"));
  EXPECT_EQ(
      world_.send({{kUplinkPort, in("flags=R, seq=1001")}, {kUplinkPort, in("flags=S, seq=9000")}}),
      (std::vector<std::string>{"pass", "tcp-over"}));
  EXPECT_EQ(world_.in(in("flags=S, seq=9000")), "pass");
  EXPECT_EQ(ssh().tcp.state, tcp::State::syn_sent);
  EXPECT_EQ(world_.flows.tally(ssh(), Role::initiator).packets, 1u);
}

TEST_F(RecordTest, AConnectionThatEndsBetweenTheTwoFirewallsIsNotReopenedByWhoWasNotAsked) {
  FirewallWorld world(FirewallWorld::Peer::local);
  world.set_vm({allow()}, {});  // the guest may answer, not start
  world.in(in("flags=S, seq=1000"));
  world.out(out("flags=SA, seq=5000, ack=1001"));
  world.in(in("flags=A, seq=1001, ack=5001"));
  // The reset is flooded, so it has passed all bricks when the SYN reaches the peer's nic.
  const std::string flooded_reset =
      "eth(dst=52:54:00:00:00:aa)/ipv4(src=10.0.0.9, dst=10.0.0.5)/"
      "tcp(sport=40000, dport=22, flags=R, seq=1001)";
  EXPECT_EQ(world.send({{kVmPort, out("flags=S, seq=9000")}, {kPeerPort, flooded_reset}}),
            (std::vector<std::string>{"tcp-over", "pass"}));
  EXPECT_EQ(world.out(out("flags=S, seq=9000")), "denied");
}

TEST_F(RecordTest, AReopeningSynThatComesTwiceInABurstBeginsOnce) {
  world_.in(in("flags=S, seq=1000"));
  world_.out(out("flags=RA, seq=0, ack=1001"));
  EXPECT_EQ(
      world_.send({{kUplinkPort, in("flags=S, seq=9000")}, {kUplinkPort, in("flags=S, seq=9000")}}),
      (std::vector<std::string>{"pass", "pass"}));
  EXPECT_EQ(world_.flows.tally(ssh(), Role::initiator).packets, 2u);
  EXPECT_EQ(world_.out(out("flags=SA, seq=5000, ack=9001")), "pass");
}

TEST_F(RecordTest, AFullTableRefusesNewFlowsAndKeepsTheOld) {
  FirewallWorld world(FirewallWorld::Peer::remote, FirewallWorld::Burst::alone, 2);
  open(world);
  EXPECT_EQ(world.in(kIn + "udp(sport=1, dport=9)"), "pass");
  EXPECT_EQ(world.in(kIn + "udp(sport=2, dport=9)"), "pass");
  EXPECT_EQ(world.in(kIn + "udp(sport=3, dport=9)"), "table-full");
  EXPECT_EQ(world.in(kIn + "udp(sport=1, dport=9)"), "pass");
  EXPECT_EQ(world.out(kOut + "udp(sport=9, dport=2)"), "pass");
  world.wait(30'032);
  EXPECT_EQ(world.in(kIn + "udp(sport=3, dport=9)"), "table-full");  // the others expire unseen
  EXPECT_EQ(world.flows.sweep(world.lcore.now(), 1000), 1u);
  EXPECT_EQ(world.in(kIn + "udp(sport=3, dport=9)"), "pass");
}

TEST_F(RecordTest, ARefusedSegmentChangesNothing) {
  world_.in(in("flags=S, seq=1000"));
  const Flow before = ssh();
  world_.wait(10);
  EXPECT_EQ(world_.in(in("flags=A, seq=1001, ack=77")), "tcp-bad-ack");
  EXPECT_EQ(world_.out(out("flags=SA, seq=5000, ack=7")), "tcp-bad-ack");
  EXPECT_EQ(world_.in(in("flags=SF, seq=1000")), "tcp-illegal-flags");
  EXPECT_EQ(memcmp(&before, &ssh(), sizeof before), 0);
}

TEST_F(RecordTest, ClosingConnectionsAreForgottenSoon) {
  const auto open_one = [this] {
    world_.in(in("flags=S, seq=1000"));
    world_.out(out("flags=SA, seq=5000, ack=1001"));
    world_.in(in("flags=A, seq=1001, ack=5001"));
  };
  open_one();
  EXPECT_EQ(ssh().timeout, TimeoutClass::tcp_established);
  world_.in(in("flags=FA, seq=1001, ack=5001"));
  EXPECT_EQ(ssh().timeout, TimeoutClass::tcp_half_closed);
  world_.out(out("flags=FA, seq=5001, ack=1002"));
  EXPECT_EQ(ssh().timeout, TimeoutClass::tcp_closing);
  world_.in(in("flags=A, seq=1002, ack=5002"));
  EXPECT_EQ(ssh().timeout, TimeoutClass::tcp_time_wait);
  world_.wait(45'032);
  EXPECT_EQ(world_.flow_of(in("flags=S")), nullptr);
  open_one();
  world_.in(in("flags=R, seq=1001"));
  world_.wait(10'032);
  EXPECT_EQ(world_.flow_of(in("flags=S")), nullptr);
}

TEST_F(RecordTest, ATraceSaysWhereTheConnectionStands) {
  EXPECT_EQ(Record::format({true, tcp::State::syn_sent}), "new flow, SYN sent");
  EXPECT_EQ(Record::format({false, tcp::State::established}), "established");
  EXPECT_EQ(Record::format({true, tcp::State::none}), "new flow");
}

}  // namespace
}  // namespace butterfly::test
