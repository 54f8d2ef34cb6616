// SPDX-License-Identifier: Apache-2.0
#include "bricks/flow.h"

#include <gtest/gtest.h>

#include "bricks/firewall_test_support.h"

namespace butterfly::test {
namespace {

class FlowLookupTest : public ::testing::Test {
 protected:
  Packet* parsed(const std::string& text, PortId port = kVmPort) {
    Packet* packet = make_packet(text);
    packet->reset_facts(port);
    packet->vni = Vni{7};
    packet->verdicts = 0xff;
    EXPECT_EQ(wire::parse_frame(packet->bytes(), packet->length(), packet->vni, packet->parsed),
              wire::ParseError::none);
    packets_.push_back(packet);
    return packet;
  }
  void look_up(FlowLookup& flow) {
    flow.prepare(packets_);
    for (Packet* packet : packets_) flow(*packet, nullptr);
  }
  ~FlowLookupTest() override { free_packets(packets_); }

  Lcore lcore_{1, pool()};
  wire::HashSeed seed_{{3, 4}};
  FlowTable flows_{100, seed_};
  RouteTable routes_{seed_};
  Fdb fdb_{8, {}, seed_};
  NicTable nics_;
  SegmentTable segments_;
  Vtep vtep_;
  Shortcut shortcut_{{flows_, routes_, fdb_, nics_, segments_, vtep_}, 1, lcore_, true};
  std::vector<Packet*> packets_;
};

TEST_F(FlowLookupTest, AFlowAndTheErrorsAboutItAreFoundAndTheRestHasNoHash) {
  FlowLookup flow(flows_, shortcut_, lcore_, 1);
  Packet* first = parsed("eth/ipv4/udp(sport=1, dport=2)");
  look_up(flow);
  EXPECT_EQ(first->flow, nullptr);
  EXPECT_NE(first->flow_hash, 0u);
  EXPECT_EQ(first->verdicts, 0);
  Flow* entry = flows_.insert(first->parsed.key, first->parsed.family,
                              flows_.hasher().id_of(first->parsed.key, first->parsed.family),
                              first->flow_hash, lcore_.now());

  Packet* reply = parsed("eth/ipv4(src=10.0.0.2, dst=10.0.0.1)/udp(sport=2, dport=1)");
  Packet* error =
      parsed("eth/ipv4(src=10.0.0.2, dst=10.0.0.1)/icmp(type=3)/ipv4/udp(sport=1, dport=2)");
  Packet* stranger = parsed("eth/ipv4/udp(sport=1, dport=3)");
  Packet* arp = parsed("eth/arp");
  look_up(flow);
  EXPECT_EQ(first->flow, entry);
  EXPECT_EQ(reply->flow, entry);
  EXPECT_EQ(error->flow, entry);
  EXPECT_EQ(stranger->flow, nullptr);
  EXPECT_EQ(arp->flow, nullptr);
  EXPECT_EQ(arp->flow_hash, 0u);
}

TEST_F(FlowLookupTest, ThePlaceItCameFromDecidesWhatIsNext) {
  FlowLookup flow(flows_, shortcut_, lcore_, 1);
  const auto out_of = [&](Packet* packet) {
    flow.prepare(std::span(&packet, 1));
    return flow(*packet, nullptr);
  };
  EXPECT_EQ(out_of(parsed("eth/ipv4/udp")), FlowLookup::Out::from_guest);
  EXPECT_EQ(out_of(parsed("eth/ipv4/udp", kUplinkPort)), FlowLookup::Out::from_wire);
  EXPECT_EQ(out_of(parsed("eth/arp", kUplinkPort)), FlowLookup::Out::from_wire);
}

TEST_F(FlowLookupTest, ExactlyOneLcoreOwnsAFlowInBothDirectionsAndEachMayOwnArp) {
  Lcore other{0, pool()};
  FlowTable others{100, seed_};
  FlowLookup here(flows_, shortcut_, lcore_, 2);
  FlowLookup there(others, shortcut_, other, 2);
  int ours = 0;
  for (int port = 1; port <= 100; ++port) {
    const std::string there_and_back[] = {
        "eth/ipv4/udp(sport=1, dport=" + std::to_string(port) + ")",
        "eth/ipv4(src=10.0.0.2, dst=10.0.0.1)/udp(dport=1, sport=" + std::to_string(port) + ")"};
    std::vector<bool> owned;
    for (const std::string& text : there_and_back) {
      Packet* packet = parsed(text);
      here.prepare(std::span(&packet, 1));
      owned.push_back(here(*packet, nullptr) == FlowLookup::Out::from_guest);
      there.prepare(std::span(&packet, 1));
      EXPECT_EQ(there(*packet, nullptr) == FlowLookup::Out::from_guest, !owned.back());
    }
    EXPECT_EQ(owned[0], owned[1]);
    ours += owned[0] ? 1 : 0;
  }
  EXPECT_GT(ours, 25);
  EXPECT_LT(ours, 75);
  Packet* arp = parsed("eth/arp");
  here.prepare(std::span(&arp, 1));
  EXPECT_EQ(here(*arp, nullptr), FlowLookup::Out::from_guest);
}

TEST_F(FlowLookupTest, ATraceNamesTheHashAndWhetherTheFlowIsKnown) {
  FlowLookup flow(flows_, shortcut_, lcore_, 1);
  Packet* packet = parsed("eth/ipv4/udp");
  look_up(flow);
  FlowLookup::Trace trace{};
  flow(*packet, &trace);
  EXPECT_TRUE(FlowLookup::format(trace).ends_with(", new"));
  EXPECT_EQ(FlowLookup::format({}), "no flow key");
}

}  // namespace
}  // namespace butterfly::test
