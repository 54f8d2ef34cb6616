// SPDX-License-Identifier: Apache-2.0
#include "support/packet_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/parse.h"

namespace butterfly::test {
namespace {

using ::testing::HasSubstr;

// Texts in the form that describe_packet gives them.
const char* const kTexts[] = {
    "eth(src=52:54:00:00:00:01, dst=ff:ff:ff:ff:ff:ff)/arp(sender_ip=10.0.0.1, target_ip=10.0.0.9)",
    "eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/arp(op=reply, sender_ip=10.0.0.1, "
    "target_ip=10.0.0.9, hlen=7)/trailer(len=18)",
    "eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/ipv4(src=10.0.0.1, dst=10.0.0.2)/"
    "tcp(sport=40000, dport=80, flags=S, seq=1000)/payload(len=10)",
    "eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/ipv4(src=10.0.0.1, dst=10.0.0.2, df=1)/"
    "tcp(sport=1, dport=2, flags=SA, mss=1460, wscale=7)/trailer(len=4)",
    "eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/ipv4(src=10.0.0.1, dst=10.0.0.2, "
    "len=4000)/tcp(sport=1, dport=2, flags=0, dataofs=15, checksum=0x1234)",
    "eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/ipv4(src=10.0.0.1, dst=10.0.0.2, version=7, "
    "options=01010101)/udp(sport=4000, dport=53, len=500)/payload(text=\"a (b), c/d\")",
    "eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/ipv4(src=192.0.2.1, dst=10.0.0.2)/"
    "icmp(type=3, code=4, mtu=1400)/ipv4(src=10.0.0.2, dst=10.0.0.1, len=1500)/"
    "udp(sport=4000, dport=53, len=1480)",
    "eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/ipv4(src=10.0.0.1, dst=10.0.0.2)/"
    "icmp(type=8, id=7, seq=1)/payload(len=56)",
    "eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/ipv4(src=10.0.0.1, dst=10.0.0.2)/"
    "icmp(type=5, code=1, gw=10.0.0.77)/ipv4(src=10.0.0.2, dst=10.0.0.1)/"
    "udp(sport=4000, dport=53)",
    "eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/ipv4(src=10.0.0.1, dst=10.0.0.2, id=9, "
    "frag=100, proto=17)/raw(hex=00ff)",
    "eth(src=52:54:00:00:00:01, dst=33:33:ff:00:00:02)/ipv6(src=fd00::1, dst=ff02::1:ff00:2)/"
    "nd_ns(target=fd00::2, lladdr=52:54:00:00:00:01)",
    "eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/ipv6(src=fd00::1, dst=fd00::2)/"
    "nd_na(target=fd00::1, solicited=1, override=1, lladdr=52:54:00:00:00:01)",
    "eth(src=52:54:00:00:00:01, dst=33:33:00:00:00:01)/ipv6(src=fe80::1, dst=ff02::1)/"
    "nd_ra(lifetime=0, opts=0501000000000578)",
    "eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/ipv6(src=fd00::1, dst=fd00::2)/"
    "icmp6(type=2, mtu=1280)/ipv6(src=fd00::2, dst=fd00::1)/udp(sport=4000, dport=53)/"
    "payload(len=4)",
    "eth(src=52:54:00:00:00:01, dst=33:33:00:00:00:16)/ipv6(src=fe80::1, dst=ff02::16)/"
    "hopbyhop(data=050200000100)/mld(group=ff02::9)",
    "eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/ipv6(src=fd00::1, dst=fd00::2)/"
    "routing(type=0, left=1)/frag(id=5)/destopt/tcp(sport=1, dport=2, flags=S)",
    "eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/ipv6(src=fd00::1, dst=fd00::2)/"
    "frag(offset=60, mf=1, id=5, proto=17)/payload(len=16)",
    "eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02, type=0x88a8)/vlan(id=5)/vlan/"
    "ipv4(src=10.0.0.1, dst=10.0.0.2)/sctp(sport=1, dport=2)/payload(len=8)",
    "eth(src=02:00:00:00:00:01, dst=02:00:00:00:00:02)/ipv4(src=192.0.2.1, dst=192.0.2.2)/"
    "udp(sport=50000, dport=4789)/vxlan(vni=42)/"
    "eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/arp(sender_ip=10.0.0.1, "
    "target_ip=10.0.0.2)/trailer(len=18)",
    "eth(src=02:00:00:00:00:01, dst=02:00:00:00:00:02)/ipv4(src=192.0.2.1, dst=192.0.2.2)/"
    "udp(sport=50000, dport=4789)/vxlan(vni=42, flags=0x00)/payload(len=3)",
    "eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/ipv4(src=10.0.0.1, dst=10.0.0.2)/gre",
    "eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/payload(len=46)",
    "raw(hex=000102)",
};

TEST(PacketText, DescribingAPacketGivesBackItsText) {
  for (const char* text : kTexts) EXPECT_EQ(describe_packet(bytes_of(text)), text);
}

TEST(PacketText, AnyBytesSurviveBeingDescribedAndBuilt) {
  for (const char* text : kTexts) {
    const std::vector<uint8_t> whole = bytes_of(text);
    for (size_t length = 0; length < whole.size(); ++length) {
      const std::vector<uint8_t> cut(whole.begin(), whole.begin() + static_cast<long>(length));
      EXPECT_EQ(bytes_of(length == 0 ? "raw" : describe_packet(cut)), cut) << text;
    }
    for (size_t i = 0; i < whole.size(); ++i) {
      std::vector<uint8_t> bent = whole;
      bent[i] ^= 0x5a;
      const std::string described = describe_packet(bent);
      EXPECT_EQ(bytes_of(described), bent) << described;
    }
  }
}

TEST(PacketText, ComputedFieldsAreThoseOfTheStandards) {
  const std::vector<uint8_t> echo = bytes_of(
      "eth/ipv4(src=192.0.2.1, dst=192.0.2.2, id=1)/icmp(type=8, id=1, seq=1)/raw(hex=0001)");
  EXPECT_EQ(echo[12], 0x08);
  // RFC 1071 by hand: 4500+001e+0001+4001+c000+0201+c000+0202 = 20923 → 0925 → ~ = f6da;
  // 0800+0001+0001+0001 = 0803 → ~ = f7fc.
  EXPECT_EQ(echo[24] << 8 | echo[25], 0xf6da);
  EXPECT_EQ(echo[36] << 8 | echo[37], 0xf7fc);
}

TEST(PacketText, DefaultsMakeAPacketThatTheParserAccepts) {
  for (const char* text :
       {"eth/arp", "eth/ipv4/tcp", "eth/ipv4/udp", "eth/ipv4/icmp", "eth/ipv6/tcp",
        "eth/ipv6/nd_ns", "eth/ipv6/hopbyhop/udp", "eth/ipv4/sctp/payload(len=4)"}) {
    const std::vector<uint8_t> bytes = bytes_of(text);
    wire::Parsed parsed;
    EXPECT_EQ(wire::parse_frame(bytes, static_cast<uint32_t>(bytes.size()), Vni{1}, parsed),
              wire::ParseError::none)
        << text;
  }
}

TEST(PacketText, AFaultNamesLayerFieldValueAndWhatWasWanted) {
  EXPECT_EQ(build_packet("eth/ipv4(ttl=300)").status().message(),
            "ipv4: ttl=300 (wanted a number up to 255)");
  EXPECT_EQ(build_packet("eth(src=1)").status().message(), "eth: src=1 (wanted a MAC address)");
  EXPECT_THAT(build_packet("eth/tcp(port=80)").status().message(),
              HasSubstr("tcp: no field port (wanted one of ack, checksum"));
  EXPECT_THAT(build_packet("eth/tpc").status().message(), HasSubstr("no layer is called 'tpc'"));
  EXPECT_THAT(build_packet("eth(").status().message(), HasSubstr("')' is missing"));
  EXPECT_THAT(build_packet("eth(src)").status().message(), HasSubstr("'src' is no field"));
  EXPECT_THAT(build_packet("eth//ipv4").status().message(), HasSubstr("is no layer"));
}

TEST(PacketText, AMadePacketHoldsTheBytesAndNoFacts) {
  Packet* packet = make_packet("eth/ipv4/udp/payload(len=100)");
  EXPECT_EQ(contents(*packet), bytes_of("eth/ipv4/udp/payload(len=100)"));
  EXPECT_EQ(packet->in_port, kNoPort);
  free_packets(std::span(&packet, 1));
}

}  // namespace
}  // namespace butterfly::test
