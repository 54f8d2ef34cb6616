// SPDX-License-Identifier: Apache-2.0
#include "bricks/apply_procedure.h"

#include <gtest/gtest.h>

#include <set>

#include "graph/packet_checksum.h"
#include "graph/packet_pool.h"
#include "support/underlay.h"

namespace butterfly {
namespace {

using Out = ApplyProcedure::Out;
using test::make_parsed;
using test::normal;
using test::OwnedPacket;
using test::text_of;

const std::string kEth = "eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/";

class ApplyProcedureTest : public ::testing::Test {
 protected:
  void set(ProcedureSlot slot, Procedure procedure) {
    table_.set(slot, std::make_shared<const Procedure>(std::move(procedure)));
  }
  static OwnedPacket make(const std::string& text, ProcedureSlot from, ProcedureSlot to = 0) {
    OwnedPacket packet = make_parsed(text, Vni{42});
    packet->in_port = PortId{1};
    packet->out_port = PortId{2};
    packet->procedure_from = from;
    packet->procedure_to = to;
    return packet;
  }
  std::string after(const std::string& text, ProcedureSlot from, ProcedureSlot to = 0) {
    const OwnedPacket packet = make(text, from, to);
    EXPECT_EQ(brick_(*packet, nullptr), Out::to_guest);
    return text_of(*packet);
  }

  Lcore lcore_{0, test::pool()};
  ProcedureTable table_;
  RateLimits limits_{kProcedureSlots};
  wire::FlowHasher hasher_{{{1, 2}}};
  ApplyProcedure brick_{table_, limits_, hasher_, lcore_};
};

// The text of a packet says when a checksum is wrong, so equal texts mean right checksums.
TEST_F(ApplyProcedureTest, BothEndsRulesAreAppliedToOnePacket) {
  set(1, {.name = "low", .min_ttl = 30});
  set(2, {.name = "small", .max_mss = 900, .no_df = true});
  EXPECT_EQ(after(kEth + "ipv4(ttl=5, df=1, id=77)/tcp(mss=1460)", 1, 2),
            normal(kEth + "ipv4(ttl=30, id=77)/tcp(mss=900)"));
}

TEST_F(ApplyProcedureTest, AChecksumThatIsLeftToTheDeviceStaysLeftToIt) {
  set(1, {.name = "small", .max_mss = 900});
  const OwnedPacket packet = make(kEth + "ipv4/tcp(mss=1460)", 1);
  auto* tcp = packet->at<wire::TcpHeader>(packet->parsed.l4);
  tcp->checksum = 0x1234;
  packet->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
  EXPECT_EQ(brick_(*packet, nullptr), Out::to_guest);
  EXPECT_EQ(tcp->checksum, 0x1234);
  EXPECT_TRUE(packet->requests_checksum());
}

TEST_F(ApplyProcedureTest, OptionsThatLieAreLeftAlone) {
  set(1, {.name = "small", .max_mss = 900});
  for (const char* options : {"02", "0204", "0200000000000000", "02ff05b4", "0305b402",
                              "0003020405b40000", "01010204", "020605b400000000"}) {
    const std::string text = kEth + "ipv4/tcp(opts=" + options + ")";
    EXPECT_EQ(after(text, 1), normal(text)) << options;
  }
  // Data that looks like an option.
  const std::string data = kEth + "ipv4/tcp(flags=S)/raw(hex=020405b4)";
  EXPECT_EQ(after(data, 1), normal(data));
}

TEST_F(ApplyProcedureTest, IdentificationsAreRandomButThoseOfFragments) {
  set(1, {.name = "random", .random_id = true});
  std::set<uint16_t> ids;
  for (int i = 0; i < 100; ++i) {
    const OwnedPacket packet = make(kEth + "ipv4(id=7)/udp", 1);
    brick_(*packet, nullptr);
    const auto& ip = *packet->at<wire::Ipv4Header>(14);
    ids.insert(ip.id);
    EXPECT_TRUE(wire::ipv4_checksum_holds(ip));
  }
  EXPECT_GT(ids.size(), 90u);
  const OwnedPacket fragment = make(kEth + "ipv4(id=7)/udp", 1);
  auto& ip = *fragment->at<wire::Ipv4Header>(14);
  ip.fragment = 0x2000;
  brick_(*fragment, nullptr);
  EXPECT_EQ(ip.id, 7);
}

TEST_F(ApplyProcedureTest, SharedBytesAreNotWritten) {
  set(1, {.name = "low", .min_ttl = 30});
  const OwnedPacket packet = make(kEth + "ipv4(ttl=5)/udp", 1);
  const OwnedPacket copy(clone_packet(*packet, test::pool()));
  EXPECT_EQ(brick_(*copy, nullptr), Out::to_guest);
  EXPECT_EQ(text_of(*packet), normal(kEth + "ipv4(ttl=5)/udp"));
}

TEST_F(ApplyProcedureTest, WhatAFlowRemembersMayHaveGone) {
  EXPECT_EQ(after(kEth + "ipv4(ttl=5)/udp", 9, 255), normal(kEth + "ipv4(ttl=5)/udp"));
  set(1, {.name = "low", .min_ttl = 30, .rate = RateLimit::of(1, 0, 1)});
  const OwnedPacket packet = make(kEth + "ipv4(ttl=5)/udp", 1);
  packet->in_port = kUplinkPort;  // the guest has moved to another host, whose business it is now
  EXPECT_EQ(brick_(*packet, nullptr), Out::to_guest);
  EXPECT_EQ(text_of(*packet), normal(kEth + "ipv4(ttl=5)/udp"));
}

TEST_F(ApplyProcedureTest, WhatIsOverTheRateIsDroppedUnchanged) {
  set(1, {.name = "slow", .min_ttl = 30, .rate = RateLimit::of(1, 0, 1)});
  const OwnedPacket first = make(kEth + "ipv4(ttl=5)/udp", 1);
  first->out_port = kUplinkPort;
  EXPECT_EQ(brick_(*first, nullptr), Out::to_wire);
  const OwnedPacket second = make(kEth + "ipv4(ttl=5)/udp", 1);
  ApplyProcedure::Trace trace;
  EXPECT_EQ(brick_(*second, &trace), Out::over_rate);
  EXPECT_EQ(ApplyProcedure::format(trace), "procedure slow of the sender");
}

}  // namespace
}  // namespace butterfly
