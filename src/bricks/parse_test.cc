// SPDX-License-Identifier: Apache-2.0
#include "bricks/parse.h"

#include <gtest/gtest.h>

#include "bricks/packet_for_test.h"

namespace butterfly {
namespace {

using Out = Parse::Out;

// The name of the out that the packet takes: what the operator sees.
std::string out_of(std::string_view text) {
  test::OwnedPacket packet(text);
  Parse parse;
  return Parse::kOuts[static_cast<size_t>(parse(*packet, nullptr))].name;
}

std::string note_of(std::string_view text) {
  test::OwnedPacket packet(text);
  Parse parse;
  Parse::Trace trace{};
  parse(*packet, &trace);
  return Parse::format(trace);
}

TEST(ParseBrickTest, TheFactsOfASoundPacketAreKept) {
  test::OwnedPacket packet("eth/ipv4(src=10.0.0.1, dst=10.0.0.2)/tcp(sport=40000, dport=80)");
  packet->vni = Vni{42};
  Parse parse;
  ASSERT_EQ(parse(*packet, nullptr), Out::parsed);
  EXPECT_EQ(packet->parsed.kind, wire::FrameKind::flow);
  EXPECT_EQ(packet->parsed.l4, 34);
  EXPECT_EQ(wire::vni_of(packet->parsed.key, wire::Family::v4), Vni{42});
}

TEST(ParseBrickTest, EveryFaultHasADropOfItsOwnName) {
  const std::pair<const char*, const char*> cases[] = {
      {"raw(hex=0102030405)", "truncated-ethernet"},
      {"eth/vlan(id=5)/ipv4/udp", "vlan-tag"},
      {"eth(type=0x88a8)/vlan(id=5)/vlan/ipv4/udp", "vlan-tag"},
      {"eth/arp(hlen=7)", "bad-arp"},
      {"eth(type=0x0800)/raw(hex=4500)", "truncated-ip"},
      {"eth/ipv4(version=7)/udp", "bad-ip-version"},
      {"eth/ipv4(len=4000)/tcp", "bad-ip-length"},
      {"eth/ipv4(src=224.0.0.1)/udp", "bad-ip-address"},
      {"eth/ipv6(src=ff02::1)/udp", "bad-ip-address"},
      {"eth/ipv4(mf=1)/udp/payload(len=8)", "fragment"},
      {"eth/ipv6/frag(offset=60, mf=1, proto=17)/payload(len=16)", "fragment"},
      {"eth/ipv6/destopt/hopbyhop/udp", "bad-extension"},
      {"eth/ipv6/routing(type=0, left=1)/udp", "routing-header"},
      {"eth/ipv4(proto=6)/raw(hex=0102)", "truncated-transport"},
      {"eth/ipv4/udp(len=500)", "bad-transport-length"},
      {"eth/ipv4/icmp(type=3)/payload(len=4)", "bad-quote"},
      {"eth/ipv4/icmp(type=3)/ipv4/icmp(type=11)", "error-about-error"},
  };
  for (const auto& [text, name] : cases) EXPECT_EQ(out_of(text), name) << text;
}

// A nic that carries VLANs, one that does not, and a segment of each kind.
TEST(ParseBrickTest, ATagIsCarriedWhereItIsWantedAndNowhereElse) {
  NicTable nics;
  SegmentTable segments;
  for (const uint16_t number : {uint16_t{1}, uint16_t{2}}) {
    Nic nic;
    nic.port = PortId{number};
    nic.carries_vlans = number == 1;
    nics.set(std::make_shared<const Nic>(nic));
    Segment segment;
    segment.vni = Vni{number};
    segment.index = number;
    segment.carries_vlans = number == 1;
    segments.set(std::make_shared<const Segment>(segment));
  }
  const Parse::Carriers carriers{nics, segments};
  Parse parse(false, &carriers);
  const auto out = [&](const char* text, PortId port, uint16_t segment, uint32_t vni) {
    test::OwnedPacket packet(text);
    packet->in_port = port;
    packet->segment = segment;
    packet->vni = Vni{vni};
    return parse(*packet, nullptr);
  };
  const char* tagged = "eth/vlan(id=5)/ipv4/udp";
  EXPECT_EQ(out(tagged, PortId{1}, 1, 1), Out::parsed);
  EXPECT_EQ(out(tagged, PortId{2}, 1, 1), Out::vlan_tag);
  EXPECT_EQ(out(tagged, PortId{3}, 1, 1), Out::vlan_tag) << "no nic";
  EXPECT_EQ(out(tagged, kUplinkPort, 1, 1), Out::parsed);
  EXPECT_EQ(out(tagged, kUplinkPort, 2, 2), Out::vlan_tag);
  EXPECT_EQ(out(tagged, kUplinkPort, 1, 2), Out::vlan_tag) << "the slot is another's by now";
  EXPECT_EQ(out("eth/vlan(id=0)/ipv4/udp", PortId{1}, 1, 1), Out::vlan_tag);
  EXPECT_EQ(out("eth/vlan(id=4095)/ipv4/udp", PortId{1}, 1, 1), Out::vlan_tag);
  EXPECT_EQ(out("eth(type=0x8100)/raw(hex=00)", PortId{1}, 1, 1), Out::vlan_tag) << "cut short";
}

TEST(ParseBrickTest, ATraceSaysWhatThePacketIs) {
  const std::pair<const char*, const char*> cases[] = {
      {"eth/ipv4(src=10.0.0.1, dst=10.0.0.2)/tcp(sport=40000, dport=80)",
       "tcp 10.0.0.1:40000 > 10.0.0.2:80"},
      {"eth/ipv4(src=10.0.0.2, dst=10.0.0.1)/tcp(sport=80, dport=40000)",
       "tcp 10.0.0.2:80 > 10.0.0.1:40000"},
      {"eth/ipv6(src=fd00::1, dst=fd00::2)/udp(sport=53, dport=4000)",
       "udp [fd00::1]:53 > [fd00::2]:4000"},
      {"eth/ipv4(src=10.0.0.1, dst=10.0.0.2)/icmp(type=8, id=7)", "icmp 10.0.0.1 > 10.0.0.2 id 7"},
      {"eth/ipv4(src=192.0.2.1, dst=10.0.0.2)/icmp(type=3, code=4, mtu=1400)/"
       "ipv4(src=10.0.0.2, dst=10.0.0.1)/udp(sport=4000, dport=53)",
       "icmp type 3 about udp 10.0.0.2:4000 > 10.0.0.1:53"},
      {"eth/ipv6(src=fd00::1, dst=ff02::1:ff00:2)/nd_ns(target=fd00::2)", "icmpv6 type 135"},
      {"eth/ipv4/gre", "protocol 47 10.0.0.1 > 10.0.0.2"},
      {"eth/arp", "arp"},
      {"eth(type=0x88cc)/payload(len=46)", "ethertype 0x88cc"},
      {"eth/ipv4(version=7)/udp", ""},
  };
  for (const auto& [text, note] : cases) EXPECT_EQ(note_of(text), note) << text;
}

}  // namespace
}  // namespace butterfly
