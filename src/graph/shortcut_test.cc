// SPDX-License-Identifier: Apache-2.0
// Each thing that a packet's fate rests on, changed alone, ends the shortcut (decision record
// 0007).
#include "graph/shortcut.h"

#include <gtest/gtest.h>

#include "support/underlay.h"

namespace butterfly {
namespace {

using test::OwnedPacket;

constexpr Vni kTenant{7};
constexpr uint16_t kSlot = 3;  // of the tenant's segment
constexpr PortId kNic{1};
constexpr PortId kOtherNic{2};
constexpr PeerId kPeer{5};
constexpr PeerId kOtherPeer{6};
const Mac kMac = Mac::from_u64(0x525400000001);
const Mac kOtherMac = Mac::from_u64(0x525400000002);
const Mac kRoamer = Mac::from_u64(0x525400000009);  // that has to be learnt

// Whoever is at the port of the other nic, or not.
class Guest : public Port {
 public:
  uint16_t receive(uint16_t, std::span<Packet*>) noexcept override { return 0; }
  Sent transmit(uint16_t, std::span<Packet*>) noexcept override { return {}; }
  bool is_connected() const noexcept override { return is_there; }
  bool is_there = true;
};

// Where a packet came from, and where the bricks have sent it.
struct Way {
  PortId in = kNic;
  PeerId source_peer = kNoPeer;
  PortId out = kUplinkPort;
  PeerId peer = kPeer;
};
constexpr Way kToWire{};
constexpr Way kToGuest{.out = kOtherNic, .peer = kNoPeer};
constexpr Way kFromWire{.in = kUplinkPort, .source_peer = kPeer, .out = kNic, .peer = kNoPeer};

// Two nics and a station that roams, with a flow between the first nic and whoever it talks to.
class ShortcutTest : public ::testing::Test {
 protected:
  ShortcutTest()
      : lcore_(0, test::pool()),
        fdb_(64, {.ageing_ms = 20'000}, kSeed),
        flows_(16, kSeed),
        routes_(kSeed) {
    lcore_.set_now(1'000'000);
    set_nic(kNic, kMac);
    set_nic(kOtherNic, kOtherMac);
    set_segment(kSlot, kTenant);
    fdb_.learn(kTenant, kSlot, kRoamer, {kUplinkPort, kPeer}, lcore_.now());
    publish();
  }

  // Beyond this line: what the control side does.

  void set_nic(PortId port, const Mac& mac) {
    auto nic = std::make_shared<Nic>();
    const Nic* const before = nics_.find(port);
    nic->port = port;
    nic->serial = before ? before->serial : NicSerial{++last_serial_};
    nic->vni = kTenant;
    nic->segment = kSlot;
    nic->mac = mac;
    nic->generation = nic->policy.generation = ++generation_;
    nics_.set(std::move(nic));
  }
  void set_segment(uint16_t slot, Vni vni) {
    auto segment = std::make_shared<Segment>();
    segment->vni = vni;
    segment->index = slot;
    segment->known.set(kMac, {kNic, kNoPeer});
    segment->known.set(kOtherMac, {kOtherNic, kNoPeer});
    if (static_place_) segment->known.set(kRoamer, *static_place_);
    segments_.set(std::move(segment));
  }
  // A new snapshot of what is above.
  void publish() {
    shortcut_ = std::make_unique<Shortcut>(
        Shortcut::Tables{flows_, routes_, fdb_, nics_, segments_, vtep_, ports_}, ++generation_,
        lcore_, is_enabled_);
    shortcut_->begin_burst();
  }

  // Beyond this line: what packets do.

  static std::string datagram(const Mac& from, const Mac& to, size_t length = 10) {
    return "eth(src=" + from.to_string() + ", dst=" + to.to_string() +
           ")/ipv4(src=10.0.0.1, dst=10.0.0.2)/udp(sport=4000, dport=53)/payload(len=" +
           std::to_string(length) + ")";
  }
  static std::string answer(const Mac& from, const Mac& to) {
    return "eth(src=" + from.to_string() + ", dst=" + to.to_string() +
           ")/ipv4(src=10.0.0.2, dst=10.0.0.1)/udp(sport=53, dport=4000)/payload(len=10)";
  }
  static std::string segment(const std::string& fields, size_t length = 10) {
    return "eth(src=" + kMac.to_string() + ", dst=" + kRoamer.to_string() +
           ")/ipv4(src=10.0.0.1, dst=10.0.0.2)/tcp(sport=4000, dport=80, win=8000, " + fields +
           ")/payload(len=" + std::to_string(length) + ")";
  }

  OwnedPacket arrive(const std::string& text, const Way& way) {
    OwnedPacket packet = test::make_parsed(text, kTenant);
    packet->in_port = way.in;
    packet->source_peer = way.source_peer;
    packet->segment = kSlot;
    packet->origin = way.in == kUplinkPort ? origin_of(kSlot, way.source_peer) : origin_of(way.in);
    packet->trace_slot = 0;
    packet->verdicts = 0;
    packet->out_port = way.out;
    packet->peer = way.peer;
    return packet;
  }
  Flow& flow_of(const Packet& packet) {
    const wire::Parsed& parsed = packet.parsed;
    const wire::FlowId id = flows_.hasher().id_of(parsed.key, parsed.family);
    const uint32_t hash = flows_.hasher().hash_of(id);
    if (Flow* const known = flows_.find(id, hash, lcore_.now())) return *known;
    Flow& flow = *flows_.insert(parsed.key, parsed.family, id, hash, lcore_.now());
    // The first nic has asked.
    flow.initiator_is_high = parsed.source_is_high == (packet.in_port == kNic);
    flow.timeout = TimeoutClass::udp_new;
    if (parsed.protocol == wire::kProtoTcp) {
      flow.timeout = TimeoutClass::tcp_established;
      flow.tcp.state = tcp::State::established;
      flow.tcp.seen = 0x03;
      flow.tcp.windows[0].log = flow.tcp.windows[1].log = 12;
      flow.tcp_track = {{1'000, 5'000}, {9'000, 13'000}, {5'000, 1'000}};
    }
    flows_.history(flow).verdict(Role::initiator) = current_verdict(kNic);
    flows_.history(flow).verdict(Role::responder) = current_verdict(kOtherNic);
    return flow;
  }
  NicVerdict current_verdict(PortId port) const {
    const Nic& nic = *nics_.find(port);
    return NicVerdict::of(nic.serial, nic.policy.generation);
  }
  // A packet that walked every brick, up to the end of its round.
  void walk(const std::string& text, const Way& way, uint8_t verdicts = 0) {
    const OwnedPacket packet = arrive(text, way);
    packet->verdicts = verdicts;
    Flow& flow = flow_of(*packet);
    shortcut_->note(*packet, flow, flow.role_of(packet->parsed.source_is_high));
    shortcut_->settle();
  }
  // Whether a packet takes the shortcut, in a burst of its own.
  bool takes(const std::string& text, const Way& way) {
    const OwnedPacket packet = arrive(text, way);
    packet->out_port = kNoPort;
    packet->peer = kNoPeer;
    shortcut_->begin_burst();
    const bool taken = shortcut_->take(*packet, flow_of(*packet));
    if (taken) taken_to_ = {way.in, way.source_peer, packet->out_port, packet->peer};
    return taken;
  }
  bool takes_to_wire() { return takes(datagram(kMac, kRoamer), kToWire); }
  void walk_first_answer() {
    walk(answer(kRoamer, kMac), kFromWire);
    flow_of(*arrive(answer(kRoamer, kMac), kFromWire)).timeout = TimeoutClass::udp_replied;
  }
  void walk_to_wire() { walk(datagram(kMac, kRoamer), kToWire); }

  static constexpr wire::HashSeed kSeed{{1, 2}};
  Lcore lcore_;
  Fdb fdb_;
  FlowTable flows_;
  RouteTable routes_;
  NicTable nics_;
  SegmentTable segments_;
  Vtep vtep_;
  Guest guest_;
  std::array<Port*, 3> ports_{&guest_, &guest_, &guest_};
  std::optional<Segment::Place> static_place_;  // of the roamer
  bool is_enabled_ = true;
  Generation generation_ = 10;
  uint64_t last_serial_ = 0;
  std::unique_ptr<Shortcut> shortcut_;
  Way taken_to_;
};

TEST_F(ShortcutTest, APacketGoesWhereTheOneBeforeItWent) {
  EXPECT_FALSE(takes_to_wire());
  walk_to_wire();
  ASSERT_TRUE(takes_to_wire());
  EXPECT_EQ(taken_to_.out, kUplinkPort);
  EXPECT_EQ(taken_to_.peer, kPeer);
  walk(datagram(kMac, kOtherMac), kToGuest);
  ASSERT_TRUE(takes(datagram(kMac, kOtherMac), kToGuest));
  EXPECT_EQ(taken_to_.out, kOtherNic);
  EXPECT_EQ(taken_to_.peer, kNoPeer);
}

TEST_F(ShortcutTest, APacketThatIsTakenIsCountedAndSeen) {
  walk_to_wire();
  lcore_.set_now(lcore_.now() + 500);
  ASSERT_TRUE(takes_to_wire());
  const Flow& flow = flow_of(*arrive(datagram(kMac, kRoamer), kToWire));
  EXPECT_EQ(flows_.tally(flow, Role::initiator).packets, 1u);
  EXPECT_EQ(flows_.tally(flow, Role::initiator).bytes, 14u + 20 + 8 + 10);
  EXPECT_EQ(flow.last_seen, lcore_.now() >> kSeenShift & kSeenMask);
}

TEST_F(ShortcutTest, SwitchedOffItTakesNothing) {
  is_enabled_ = false;
  publish();
  walk_to_wire();
  EXPECT_FALSE(takes_to_wire());
}

TEST_F(ShortcutTest, TheDirectionsOfAFlowAreNotedApart) {
  walk_to_wire();
  flow_of(*arrive(answer(kRoamer, kMac), kFromWire)).timeout = TimeoutClass::udp_replied;
  EXPECT_FALSE(takes(answer(kRoamer, kMac), kFromWire));
  walk(answer(kRoamer, kMac), kFromWire);
  EXPECT_TRUE(takes(answer(kRoamer, kMac), kFromWire));
  EXPECT_TRUE(takes_to_wire());
}

TEST_F(ShortcutTest, ANoteCountsFromTheNextRoundOn) {
  const OwnedPacket first = arrive(datagram(kMac, kRoamer), kToWire);
  shortcut_->note(*first, flow_of(*first), Role::initiator);
  EXPECT_FALSE(takes_to_wire());
  shortcut_->settle();
  EXPECT_TRUE(takes_to_wire());
}

TEST_F(ShortcutTest, NoPacketOvertakesOneThatWalks) {
  walk_to_wire();
  const OwnedPacket odd = arrive(datagram(kMac, kRoamer, 1'500), kToWire);
  EXPECT_FALSE(shortcut_->take(*odd, flow_of(*odd)));
  EXPECT_FALSE(takes_to_wire()) << "it would be in front of the one before it";
  walk_to_wire();
  EXPECT_TRUE(takes_to_wire());
}

TEST_F(ShortcutTest, AVerdictThatChangesTakesTheFlowsRoutesAway) {
  walk_to_wire();
  Flow& flow = flow_of(*arrive(datagram(kMac, kRoamer), kToWire));
  shortcut_->forget(flow);
  EXPECT_FALSE(takes_to_wire());
  const OwnedPacket packet = arrive(datagram(kMac, kRoamer), kToWire);
  shortcut_->note(*packet, flow, Role::initiator);
  shortcut_->forget(flow);
  shortcut_->settle();
  EXPECT_FALSE(takes_to_wire()) << "noted before, in the same round";
}

// Beyond this line: what a packet must be.

TEST_F(ShortcutTest, AnotherNicsPacketWalks) {
  walk_to_wire();
  ASSERT_TRUE(takes_to_wire());
  EXPECT_FALSE(takes(datagram(kMac, kRoamer), {.in = kOtherNic}));
}

TEST_F(ShortcutTest, AnotherPeersPacketWalks) {
  walk_first_answer();
  ASSERT_TRUE(takes(answer(kRoamer, kMac), kFromWire));
  Way from_elsewhere = kFromWire;
  from_elsewhere.source_peer = kOtherPeer;
  EXPECT_FALSE(takes(answer(kRoamer, kMac), from_elsewhere));
}

TEST_F(ShortcutTest, OtherMacsWalk) {
  walk_to_wire();
  EXPECT_FALSE(takes(datagram(kMac, kOtherMac), kToWire));
  walk_to_wire();
  EXPECT_FALSE(takes(datagram(kOtherMac, kRoamer), kToWire));
}

TEST_F(ShortcutTest, WhatDoesNotFitTheTunnelWalks) {
  const size_t fits = vtep_.inner_mtu() - 20u - 8u;
  walk_to_wire();
  EXPECT_TRUE(takes(datagram(kMac, kRoamer, fits), kToWire));
  EXPECT_FALSE(takes(datagram(kMac, kRoamer, fits + 1), kToWire));
  walk(datagram(kMac, kOtherMac), kToGuest);
  EXPECT_TRUE(takes(datagram(kMac, kOtherMac, fits + 1), kToGuest));
}

TEST_F(ShortcutTest, TheFirstAnswerWalks) {
  walk(answer(kRoamer, kMac), kFromWire);
  EXPECT_FALSE(takes(answer(kRoamer, kMac), kFromWire));
  walk_first_answer();
  EXPECT_TRUE(takes(answer(kRoamer, kMac), kFromWire));
}

TEST_F(ShortcutTest, TcpThatIsMoreThanDataWalks) {
  const std::string usual = "flags=A, seq=1000, ack=5000";
  for (const char* odd :
       {"flags=FA, seq=1000, ack=5000", "flags=S, seq=1000", "flags=SA, seq=1000, ack=5000",
        "flags=R, seq=1000", "flags=RA, seq=1000, ack=5000", "flags=, seq=1000",
        "flags=A, seq=900, ack=5000", "flags=A, seq=9000, ack=5000", "flags=A, seq=1000, ack=5001",
        "flags=A, seq=900000, ack=5000", "flags=A, seq=1000, ack=900000"}) {
    walk(segment(usual), kToWire);
    ASSERT_TRUE(takes(segment("flags=A, seq=1000, ack=5000", 0), kToWire));
    EXPECT_FALSE(takes(segment(odd), kToWire)) << odd;
  }
  walk(segment(usual), kToWire);
  ASSERT_TRUE(takes(segment("flags=PA, seq=1000, ack=5000", 100), kToWire));
  EXPECT_EQ(flow_of(*arrive(segment(usual), kToWire)).tcp_track.end[0], 1'100u);
}

TEST_F(ShortcutTest, OnlyEstablishedTcpIsNotedAndTaken) {
  const std::string usual = segment("flags=A, seq=1000, ack=5000", 0);
  Flow& flow = flow_of(*arrive(usual, kToWire));
  for (const tcp::State state :
       {tcp::State::syn_sent, tcp::State::simultaneous, tcp::State::syn_received,
        tcp::State::half_closed, tcp::State::closing, tcp::State::time_wait, tcp::State::closed}) {
    flow.tcp.state = state;
    walk(usual, kToWire);
    flow.tcp.state = tcp::State::established;
    EXPECT_FALSE(takes(usual, kToWire)) << static_cast<int>(state);
    walk(usual, kToWire);
    flow.tcp.state = state;
    EXPECT_FALSE(takes(usual, kToWire)) << static_cast<int>(state);
  }
}

// Beyond this line: what else must be as it was.

TEST_F(ShortcutTest, ANicThatChangesEndsItsRoutes) {
  walk(datagram(kMac, kOtherMac), kToGuest);
  set_nic(kNic, kMac);
  publish();
  EXPECT_FALSE(takes(datagram(kMac, kOtherMac), kToGuest));
  flows_.history(flow_of(*arrive(datagram(kMac, kOtherMac), kToGuest))).verdict(Role::initiator) =
      current_verdict(kNic);
  walk(datagram(kMac, kOtherMac), kToGuest);
  EXPECT_TRUE(takes(datagram(kMac, kOtherMac), kToGuest));
  set_nic(kOtherNic, kOtherMac);
  publish();
  EXPECT_FALSE(takes(datagram(kMac, kOtherMac), kToGuest));
}

TEST_F(ShortcutTest, ANicThatIsGoneEndsItsRoutes) {
  walk(datagram(kMac, kOtherMac), kToGuest);
  nics_.clear(kOtherNic);
  publish();
  EXPECT_FALSE(takes(datagram(kMac, kOtherMac), kToGuest));
}

TEST_F(ShortcutTest, ASnapshotThatChangesNothingOfItEndsNothing) {
  walk_to_wire();
  publish();
  EXPECT_TRUE(takes_to_wire());
}

TEST_F(ShortcutTest, ASegmentSlotOfAnotherTenantEndsIts) {
  walk_to_wire();
  set_segment(kSlot, Vni{8});
  fdb_.learn(Vni{8}, kSlot, kRoamer, {kUplinkPort, kPeer}, lcore_.now());
  publish();
  EXPECT_FALSE(takes_to_wire());
}

TEST_F(ShortcutTest, ADestinationThatMovesEndsItsRoutes) {
  walk_to_wire();
  ASSERT_TRUE(takes_to_wire());
  fdb_.learn(kTenant, kSlot, kRoamer, {kUplinkPort, kOtherPeer}, lcore_.now());
  EXPECT_FALSE(takes_to_wire());
}

TEST_F(ShortcutTest, ADestinationThatIsForgottenEndsItsRoutes) {
  walk_to_wire();
  ASSERT_TRUE(takes_to_wire());
  fdb_.forget_peer(kPeer);
  EXPECT_FALSE(takes_to_wire());
}

TEST_F(ShortcutTest, ADestinationThatAgesEndsItsRoutesWithinASecond) {
  lcore_.set_now(lcore_.now() + 19'000);
  walk_to_wire();
  lcore_.set_now(lcore_.now() + 900);
  EXPECT_TRUE(takes_to_wire());
  lcore_.set_now(lcore_.now() + 101 + 1'024);
  EXPECT_FALSE(takes_to_wire());
}

TEST_F(ShortcutTest, ADestinationThatIntentPutsElsewhereEndsItsRoutes) {
  walk_to_wire();
  static_place_ = {kUplinkPort, kOtherPeer};
  set_segment(kSlot, kTenant);
  publish();
  EXPECT_FALSE(takes_to_wire());
}

TEST_F(ShortcutTest, ASourceThatMovesEndsItsRoutes) {
  walk_first_answer();
  ASSERT_TRUE(takes(answer(kRoamer, kMac), kFromWire));
  fdb_.learn(kTenant, kSlot, kRoamer, {kUplinkPort, kOtherPeer}, lcore_.now());
  EXPECT_FALSE(takes(answer(kRoamer, kMac), kFromWire)) << "the switch must learn it again";
}

TEST_F(ShortcutTest, ARouteIsWalkedAgainAfterSomeSeconds) {
  walk_to_wire();
  lcore_.set_now(lcore_.now() + Shortcut::kRouteMs - 1);
  EXPECT_TRUE(takes_to_wire());
  lcore_.set_now(lcore_.now() + 1 + 1'024);
  EXPECT_FALSE(takes_to_wire());
}

// Beyond this line: what is noted.

TEST_F(ShortcutTest, AFloodedPacketIsNotNoted) {
  walk(datagram(kMac, kRoamer), kToWire, kFlooded);
  EXPECT_FALSE(takes_to_wire());
}

TEST_F(ShortcutTest, OnlyWhatBothNicsLetPassUnderTheRulesOfNowIsNoted) {
  const std::string text = datagram(kMac, kOtherMac);
  FlowHistory& history = flows_.history(flow_of(*arrive(text, kToGuest)));
  for (const Role role : {Role::initiator, Role::responder}) {
    const NicVerdict good = history.verdict(role);
    NicVerdict old = good;
    --old.generation;
    for (const NicVerdict& bad : {NicVerdict{}, old, NicVerdict{77, 1'000, 0}}) {
      history.verdict(role) = bad;
      walk(text, kToGuest);
      EXPECT_FALSE(takes(text, kToGuest)) << bad.serial;
    }
    history.verdict(role) = good;
  }
  walk(text, kToGuest);
  EXPECT_TRUE(takes(text, kToGuest));
}

TEST_F(ShortcutTest, AFlowThatWasJudgedUnderOldRulesDoesNotShareTheRouteOfOneThatWasNot) {
  walk_to_wire();
  set_nic(kNic, kMac);
  publish();
  // Another flow of the same stations, judged by the new rules.
  const std::string other =
      "eth(src=" + kMac.to_string() + ", dst=" + kRoamer.to_string() +
      ")/ipv4(src=10.0.0.1, dst=10.0.0.2)/udp(sport=4001, dport=53)/payload(len=10)";
  walk(other, kToWire);
  EXPECT_TRUE(takes(other, kToWire));
  EXPECT_FALSE(takes_to_wire());
}

// A packet that passed the switch before a station moved, while a burst that was looked up after
// the move is on its way too.
TEST_F(ShortcutTest, APlaceFoundBeforeAMoveIsNotBelievedAfterIt) {
  const OwnedPacket packet = arrive(datagram(kMac, kRoamer), kToWire);
  shortcut_->begin_burst();
  fdb_.learn(kTenant, kSlot, kRoamer, {kUplinkPort, kOtherPeer}, lcore_.now());
  shortcut_->begin_burst();
  shortcut_->note(*packet, flow_of(*packet), Role::initiator);
  shortcut_->settle();
  EXPECT_FALSE(takes_to_wire());
}

// As in a live migration, when the guest has left and is heard behind a peer.
TEST_F(ShortcutTest, AGuestThatLeftEndsItsRoutesOnceItIsHeardElsewhere) {
  walk(datagram(kMac, kOtherMac), kToGuest);
  ASSERT_TRUE(takes(datagram(kMac, kOtherMac), kToGuest));
  guest_.is_there = false;
  EXPECT_TRUE(takes(datagram(kMac, kOtherMac), kToGuest)) << "it is nowhere else";
  fdb_.learn(kTenant, kSlot, kOtherMac, {kUplinkPort, kPeer}, lcore_.now());
  fdb_.note_move();
  EXPECT_FALSE(takes(datagram(kMac, kOtherMac), kToGuest));
  walk(datagram(kMac, kOtherMac), kToGuest);
  EXPECT_FALSE(takes(datagram(kMac, kOtherMac), kToGuest));
  guest_.is_there = true;
  walk(datagram(kMac, kOtherMac), kToGuest);
  EXPECT_TRUE(takes(datagram(kMac, kOtherMac), kToGuest));
}

}  // namespace
}  // namespace butterfly
