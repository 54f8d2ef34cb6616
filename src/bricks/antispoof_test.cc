// SPDX-License-Identifier: Apache-2.0
#include "bricks/antispoof.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "bricks/packet_for_test.h"
#include "support/eal.h"
#include "support/packet_text.h"

namespace butterfly {
namespace {

// The nic: MAC 52:54:00:00:00:01 (the default source of packet text), 10.0.0.1, fd00::1 and a
// second address of each family. Its EUI-64 link-local address is fe80::5054:ff:fe00:1.
class AntispoofTest : public ::testing::Test {
 protected:
  static constexpr PortId kPort{7};

  AntispoofTest() { set({"10.0.0.1", "10.0.0.77", "fd00::1", "fd00::77"}, true); }
  void set(std::vector<std::string_view> addresses, bool antispoof) {
    Nic nic;
    nic.port = kPort;
    nic.mac = Mac::from_u64(0x525400000001);
    nic.antispoof = antispoof;
    for (const auto text : addresses) nic.addresses.push_back(IpAddress::parse(text).value());
    std::sort(nic.addresses.begin(), nic.addresses.end());
    nics_.set(std::make_shared<const Nic>(std::move(nic)));
  }
  // The name of the out that the packet takes when the guest sends it.
  std::string out_of(std::string_view text, PortId port = kPort) {
    test::OwnedPacket packet(text);
    return out_of(packet, port);
  }
  std::string out_of(test::OwnedPacket& packet, PortId port = kPort) {
    packet->in_port = port;
    EXPECT_EQ(packet.parse(), wire::ParseError::none);
    return Antispoof::kOuts[static_cast<size_t>(antispoof_(*packet, nullptr))].name;
  }

  NicTable nics_;
  ClaimTable claims_;
  Lcore lcore_{0, test::pool()};
  Antispoof antispoof_{nics_, claims_, 0, lcore_};
};

TEST_F(AntispoofTest, AGuestMaySpeakFromItsOwnAddresses) {
  for (const char* text :
       {"eth/ipv4(src=10.0.0.1)/tcp", "eth/ipv4(src=10.0.0.77)/udp", "eth/ipv4/icmp",
        "eth/ipv4/gre", "eth/ipv6(src=fd00::1)/tcp", "eth/ipv6(src=fd00::77)/hopbyhop/udp",
        "eth/ipv6(src=fe80::5054:ff:fe00:1)/udp", "eth/arp(op=reply, sender_ip=10.0.0.77)",
        "eth(type=0x88b5)/payload(len=46)"}) {
    EXPECT_EQ(out_of(text), "genuine") << text;
  }
}

// VRRP with a MAC of its own, and a prefix, as pods have.
class AllowedTest : public AntispoofTest {
 protected:
  AllowedTest() {
    Nic nic;
    nic.port = kPort;
    nic.mac = Mac::from_u64(0x525400000001);
    nic.addresses = {*IpAddress::parse("10.0.0.1")};
    nic.macs = {Mac::from_u64(0x00005e000133)};
    nic.allowed = {*Cidr::parse("10.0.0.100"), *Cidr::parse("fd00::100"),
                   *Cidr::parse("10.1.0.0/16")};
    nics_.set(std::make_shared<const Nic>(std::move(nic)));
  }
  static std::string shared(const std::string& layers) {
    return "eth(src=00:00:5e:00:01:33)/" + layers;
  }
};

TEST_F(AllowedTest, EachAddressGoesWithEachMac) {
  for (const char* source : {"10.0.0.1", "10.0.0.100", "10.1.0.0", "10.1.255.255"}) {
    EXPECT_EQ(out_of("eth/ipv4(src=" + std::string(source) + ")/udp"), "genuine") << source;
    EXPECT_EQ(out_of(shared("ipv4(src=" + std::string(source) + ")/udp")), "genuine") << source;
  }
  EXPECT_EQ(out_of("eth/ipv6(src=fd00::100)/udp"), "genuine");
  EXPECT_EQ(out_of(shared("ipv6(src=fd00::100)/udp")), "genuine");
  EXPECT_EQ(out_of(shared("ipv6(src=fe80::200:5eff:fe00:133)/udp")), "genuine");
  EXPECT_EQ(out_of(shared("ipv6(src=fe80::5054:ff:fe00:1)/udp")), "genuine");
}

TEST_F(AllowedTest, AndNoOtherDoes) {
  EXPECT_EQ(out_of("eth(src=00:00:5e:00:01:34)/ipv4(src=10.0.0.100)/udp"), "wrong-source-mac");
  EXPECT_EQ(out_of("eth/ipv4(src=10.2.0.0)/udp"), "wrong-source-ip");
  EXPECT_EQ(out_of(shared("ipv4(src=10.0.0.2)/udp")), "wrong-source-ip");
  EXPECT_EQ(out_of(shared("ipv6(src=fd00::101)/udp")), "wrong-source-ip");
  EXPECT_EQ(out_of(shared("ipv6(src=fe80::200:5eff:fe00:134)/udp")), "wrong-source-ip");
}

TEST_F(AllowedTest, ArpAndNeighbourDiscoverySpeakForThem) {
  const auto arp = [](const char* mac, const char* ip) {
    return "arp(op=reply, sender_mac=" + std::string(mac) + ", sender_ip=" + ip + ")";
  };
  EXPECT_EQ(out_of(shared(arp("00:00:5e:00:01:33", "10.0.0.100"))), "genuine");
  EXPECT_EQ(out_of("eth/" + arp("00:00:5e:00:01:33", "10.0.0.100")), "genuine");
  EXPECT_EQ(out_of("eth/" + arp("52:54:00:00:00:01", "10.1.2.3")), "genuine");
  EXPECT_EQ(out_of("eth/" + arp("52:54:00:00:00:01", "10.2.2.3")), "arp-sender-ip");
  EXPECT_EQ(out_of("eth/" + arp("52:54:00:00:00:09", "10.0.0.100")), "arp-sender-mac");
  EXPECT_EQ(out_of(shared("ipv6(src=fd00::100)/nd_na(target=fd00::100, "
                          "lladdr=00:00:5e:00:01:33)")),
            "genuine");
  EXPECT_EQ(out_of(shared("ipv6(src=fd00::100)/nd_na(target=fd00::100, "
                          "lladdr=52:54:00:00:00:09)")),
            "nd-link-layer");
  EXPECT_EQ(out_of(shared("ipv6(src=fd00::100)/nd_na(target=fd00::101)")), "nd-target");
}

TEST_F(AntispoofTest, AForeignSourceMacIsRefusedWhateverTheFrameCarries) {
  for (const char* text :
       {"eth(src=52:54:00:00:00:09)/ipv4/tcp", "eth(src=52:54:00:00:00:09)/ipv6/tcp",
        "eth(src=52:54:00:00:00:09)/arp", "eth(src=52:54:00:00:00:09, type=0x8035)",
        "eth(src=00:00:00:00:00:00)/ipv4/udp"}) {
    EXPECT_EQ(out_of(text), "wrong-source-mac") << text;
  }
}

TEST_F(AntispoofTest, AForeignSourceAddressIsRefused) {
  for (const char* text :
       {"eth/ipv4(src=10.0.0.2)/tcp", "eth/ipv4(src=0.0.0.0)/udp(sport=68, dport=53)",
        "eth/ipv4(src=0.0.0.0)/udp(sport=53, dport=67)",
        "eth/ipv4(src=0.0.0.0)/tcp(sport=68, dport=67)",
        "eth/ipv4(src=10.0.0.2)/udp(sport=68, dport=67)", "eth/ipv4(src=0.0.0.0)/icmp",
        "eth/ipv6(src=fd00::2)/tcp", "eth/ipv6(src=::)/udp(sport=68, dport=67)",
        "eth/ipv6(src=fe80::1)/udp", "eth/ipv6(src=fd00::2)/icmp6", "eth/ipv6(src=::)/icmp6"}) {
    EXPECT_EQ(out_of(text), "wrong-source-ip") << text;
  }
  // The sender of an ICMP error answers for the error, not for what it quotes.
  EXPECT_EQ(out_of("eth/ipv4(src=10.0.0.2)/icmp(type=3)/ipv4(src=10.0.0.1, dst=10.0.0.1)/udp"),
            "wrong-source-ip");
  EXPECT_EQ(out_of("eth/ipv4(src=10.0.0.1)/icmp(type=3)/ipv4(src=10.0.0.2, dst=10.0.0.1)/udp"),
            "genuine");
}

TEST_F(AntispoofTest, ADhcpClientMaySpeakBeforeItHasAnAddress) {
  const char* discover = "eth/ipv4(src=0.0.0.0, dst=255.255.255.255)/udp(sport=68, dport=67)";
  EXPECT_EQ(out_of(discover), "genuine");
  set({}, true);
  EXPECT_EQ(out_of(discover), "genuine");
  EXPECT_EQ(out_of("eth/ipv4(src=0.0.0.0, dst=255.255.255.255)/udp(sport=67, dport=68)"),
            "wrong-source-ip");
  EXPECT_EQ(out_of("eth/ipv4(src=0.0.0.0, dst=255.255.255.255)/tcp(sport=68, dport=67)"),
            "wrong-source-ip");
}

TEST_F(AntispoofTest, ArpMayClaimOnlyTheNicsOwn) {
  EXPECT_EQ(out_of("eth/arp(sender_mac=52:54:00:00:00:09)"), "arp-sender-mac");
  EXPECT_EQ(out_of("eth/arp(sender_ip=10.0.0.2)"), "arp-sender-ip");
  EXPECT_EQ(out_of("eth/arp(op=reply, sender_ip=10.0.0.2)"), "arp-sender-ip");
  EXPECT_EQ(out_of("eth/arp(sender_ip=0.0.0.0, target_ip=10.0.0.1)"), "genuine") << "a probe";
  EXPECT_EQ(out_of("eth/arp(op=reply, sender_ip=0.0.0.0)"), "arp-sender-ip");
  EXPECT_EQ(out_of("eth(type=0x8035)/raw(hex=0001080006040003)"), "rarp");
}

// Reverse ARP as a backend sends it for a guest that has moved here: where the MAC is, no more.
TEST_F(AntispoofTest, ReverseArpMayTellOnlyWhereTheNicIs) {
  const auto rarp = [](const char* operation, const char* sender, const char* sender_ip,
                       const char* target, const char* target_ip) {
    return std::string("eth(dst=ff:ff:ff:ff:ff:ff, type=0x8035)/raw(hex=000108000604") + operation +
           sender + sender_ip + target + target_ip + ")";
  };
  const char* own = "525400000001";
  const char* other = "525400000009";
  const char* none = "00000000";
  EXPECT_EQ(out_of(rarp("0003", own, none, own, none)), "genuine");
  EXPECT_EQ(out_of(rarp("0004", own, none, own, none)), "rarp") << "an answer";
  EXPECT_EQ(out_of(rarp("0003", other, none, own, none)), "rarp");
  EXPECT_EQ(out_of(rarp("0003", own, none, other, none)), "rarp") << "a question about another";
  EXPECT_EQ(out_of(rarp("0003", own, "0a000001", own, none)), "rarp");
  EXPECT_EQ(out_of(rarp("0003", own, none, own, "0a000001")), "rarp");
  EXPECT_EQ(out_of(rarp("0003", own, none, own, "0000")), "rarp") << "cut";
}

TEST_F(AntispoofTest, NeighbourDiscoveryMaySpeakOnlyForTheNicsOwn) {
  EXPECT_EQ(out_of("eth/ipv6(src=fd00::1)/nd_ns(target=fd00::2)"), "genuine");
  EXPECT_EQ(out_of("eth/ipv6(src=fd00::2)/nd_ns(target=fd00::1)"), "nd-target");
  EXPECT_EQ(out_of("eth/ipv6(src=::, dst=ff02::1:ff00:1)/nd_ns(target=fd00::1)"), "genuine");
  EXPECT_EQ(out_of("eth/ipv6(src=fd00::1)/nd_na(target=fd00::77)"), "genuine");
  EXPECT_EQ(out_of("eth/ipv6(src=fd00::1)/nd_na(target=fe80::5054:ff:fe00:1)"), "genuine");
  EXPECT_EQ(out_of("eth/ipv6(src=fd00::1)/nd_na(target=fd00::2)"), "nd-target");
  EXPECT_EQ(out_of("eth/ipv6(src=fe80::1)/nd_na(target=fd00::1)"), "wrong-source-ip");
  EXPECT_EQ(out_of("eth/ipv6(src=fe80::5054:ff:fe00:1)/nd_rs"), "genuine");
  EXPECT_EQ(out_of("eth/ipv6(src=fe80::1)/nd_ra"), "wrong-source-ip");
}

TEST_F(AntispoofTest, NeighbourDiscoveryMayNameOnlyTheNicsMac) {
  const char* own = "lladdr=52:54:00:00:00:01";
  const char* foreign = "lladdr=52:54:00:00:00:09";
  for (const std::string message :
       {"nd_ns(target=fd00::2, ", "nd_na(target=fd00::1, ", "nd_rs(", "nd_ra("}) {
    EXPECT_EQ(out_of("eth/ipv6/" + message + own + ")"), "genuine") << message;
    EXPECT_EQ(out_of("eth/ipv6/" + message + foreign + ")"), "nd-link-layer") << message;
  }
  // The foreign MAC comes second, behind an option that is nobody's business.
  EXPECT_EQ(out_of("eth/ipv6/nd_ra(opts=05010000000005780101525400000009)"), "nd-link-layer");
  EXPECT_EQ(out_of("eth/ipv6/nd_ra(opts=05010000000005780101525400000001)"), "genuine");
}

TEST_F(AntispoofTest, MalformedNeighbourDiscoveryIsRefused) {
  for (const char* text : {"eth/ipv6/nd_ns(opts=0100525400000001)",                  // length 0
                           "eth/ipv6/nd_ns(opts=0102525400000001)",                  // past the end
                           "eth/ipv6/nd_na(target=fd00::1, opts=01015254)",          // cut short
                           "eth/ipv6/nd_ns(opts=01025254000000010000000000000000)",  // two units
                           "eth/ipv6(proto=58)/raw(hex=8800000000000000fd00)"}) {    // no target
    EXPECT_EQ(out_of(text), "nd-link-layer") << text;
  }
}

TEST_F(AntispoofTest, OptionsInASecondSegmentAreNotTakenOnTrust) {
  test::OwnedPacket packet("eth/ipv6/nd_na(target=fd00::1, lladdr=52:54:00:00:00:09)");
  // As if the guest had laid the option into another buffer.
  packet->data_len = static_cast<uint16_t>(packet->data_len - 8);
  EXPECT_EQ(out_of(packet), "nd-link-layer");
}

TEST_F(AntispoofTest, MembershipReportsComeFromAnyLinkLocalAddress) {
  EXPECT_EQ(out_of("eth/ipv6(src=fe80::1)/hopbyhop(data=050200000100)/mld(type=143)"), "genuine");
  EXPECT_EQ(out_of("eth/ipv6(src=::)/hopbyhop(data=050200000100)/mld(type=131)"), "genuine");
  EXPECT_EQ(out_of("eth/ipv6(src=fe80::1)/mld(type=130)"), "wrong-source-ip") << "a query";
  EXPECT_EQ(out_of("eth/ipv6(src=fd00::2)/mld(type=131)"), "wrong-source-ip");
}

TEST_F(AntispoofTest, ANicWithoutAddressesMayOnlyFindItsFeet) {
  set({}, true);
  EXPECT_EQ(out_of("eth/ipv4(src=10.0.0.1)/tcp"), "wrong-source-ip");
  EXPECT_EQ(out_of("eth/arp(sender_ip=10.0.0.1)"), "arp-sender-ip");
  EXPECT_EQ(out_of("eth/arp(sender_ip=0.0.0.0)"), "genuine");
  EXPECT_EQ(out_of("eth/ipv6(src=fd00::1)/udp"), "wrong-source-ip");
  EXPECT_EQ(out_of("eth/ipv6(src=fe80::5054:ff:fe00:1)/udp"), "genuine");
  EXPECT_EQ(out_of("eth/ipv6(src=::)/nd_ns(target=fe80::1)"), "genuine");
}

TEST_F(AntispoofTest, WithAntispoofOffEverythingPassesThatComesFromANic) {
  set({}, false);
  for (const char* text : {"eth(src=52:54:00:00:00:09)/ipv4(src=10.9.9.9)/tcp",
                           "eth/arp(sender_mac=52:54:00:00:00:09, sender_ip=10.9.9.9)",
                           "eth/ipv6/nd_na(target=fd00::9)", "eth(type=0x8035)/payload(len=46)"}) {
    EXPECT_EQ(out_of(text), "genuine") << text;
  }
  EXPECT_EQ(out_of("eth/ipv4/tcp", PortId{8}), "no-nic");
  nics_.clear(kPort);
  EXPECT_EQ(out_of("eth/ipv4/tcp"), "no-nic");
}

// Others may claim link-local addresses: those of RFC 7217, or random ones.
class ClaimingTest : public AntispoofTest {
 protected:
  static constexpr uint32_t kLimit = 2;

  ClaimingTest() {
    Segment segment;
    segment.vni = Vni{42};
    segment.ports = {kPort, PortId{8}};
    segments_.set(std::make_shared<const Segment>(std::move(segment)));
    set({"10.0.0.1", "fd00::1"}, true);
    lcore_.set_now(1'000);
  }
  std::string out(std::string_view text) {
    test::OwnedPacket packet(text);
    return out(packet);
  }
  std::string out(test::OwnedPacket& packet) {
    packet->in_port = kPort;
    EXPECT_EQ(packet.parse(), wire::ParseError::none);
    return Antispoof::kOuts[static_cast<size_t>(claiming_(*packet, nullptr))].name;
  }
  void claim(std::string_view address) {
    const Ipv6 wanted = IpAddress::parse(address)->v6();
    EXPECT_EQ(
        claims_.claim(*nics_.find(kPort), *segments_.at(0), nics_, wanted, kLimit, lcore_.now()),
        ClaimTable::Claim::made);
  }
  void wait(uint32_t ms) { lcore_.set_now(lcore_.now() + ms); }

  SegmentTable segments_;
  Antispoof claiming_{nics_, claims_, kLimit, lcore_};
};

constexpr const char* kQuestion =
    "eth(src=52:54:00:00:00:01, dst=33:33:ff:aa:77:01)/ipv6(src=::, dst=ff02::1:ffaa:7701, "
    "hlim=255)/nd_ns(target=fe80::aa:7701)";

TEST_F(ClaimingTest, ALinkLocalAddressThatIsNotTheNicsIsAskedForInItsPlace) {
  for (const char* text :
       {"eth/ipv6(src=fe80::aa:7701)/udp/payload(len=400)", "eth/ipv6(src=fe80::aa:7701)/udp",
        "eth/ipv6(src=fe80::aa:7701)/nd_rs(lladdr=52:54:00:00:00:01)",
        "eth/ipv6(src=fe80::aa:7701)/nd_na(target=fd00::1)",
        "eth/ipv6(src=fe80::aa:7701)/nd_ns(target=fd00::2)",
        "eth/ipv6(src=fe80::aa:7701, dst=ff02::1)/icmp6"}) {
    test::OwnedPacket packet(text);
    EXPECT_EQ(out(packet), "asked") << text;
    EXPECT_EQ(test::describe_packet(test::contents(*packet)),
              test::describe_packet(test::bytes_of(kQuestion)))
        << text;
    EXPECT_EQ(packet->parsed.icmp_type, wire::kIcmpv6NeighbourSolicitation);
    EXPECT_EQ(packet->parsed.kind, wire::FrameKind::signalling);
  }
}

// Others must hear and understand what they may object to, so it is never the guest's own frame.
TEST_F(ClaimingTest, WhatAGuestAsksIsAskedInOurWords) {
  for (const char* text :
       {kQuestion,
        "eth(dst=52:54:00:00:00:99)/ipv6(src=::, dst=fe80::99)/nd_ns(target=fe80::aa:7701)",
        "eth(dst=33:33:ff:aa:77:01)/ipv6(src=::, dst=ff02::1:ffaa:7701)/"
        "nd_ns(target=fe80::aa:7701, lladdr=52:54:00:00:00:09)",
        "eth(dst=33:33:ff:aa:77:01)/ipv6(src=::, dst=ff02::1:ffaa:7701)/"
        "nd_ns(target=fe80::aa:7701, checksum=1)"}) {
    test::OwnedPacket packet(text);
    packet->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
    EXPECT_EQ(out(packet), "asked") << text;
    EXPECT_EQ(test::contents(*packet), test::bytes_of(kQuestion)) << text;
    EXPECT_FALSE(packet->requests_offload());
  }
}

TEST_F(ClaimingTest, WhatWasClaimedIsTheNicsWhenNobodyHasObjectedForASecond) {
  claim("fe80::aa:7701");
  EXPECT_EQ(out("eth/ipv6(src=fe80::aa:7701)/udp"), "link-local-claimed");
  EXPECT_EQ(out("eth/ipv6(src=fd00::1)/nd_na(target=fe80::aa:7701)"), "nd-target");
  wait(ClaimTable::kObjectionsMs);
  for (const char* text : {"eth/ipv6(src=fe80::aa:7701)/udp", "eth/ipv6(src=fe80::aa:7701)/nd_rs",
                           "eth/ipv6(src=fe80::aa:7701)/nd_ns(target=fd00::2)",
                           "eth/ipv6(src=fe80::aa:7701)/nd_na(target=fe80::aa:7701)"}) {
    EXPECT_EQ(out(text), "genuine") << text;
  }
  EXPECT_EQ(out("eth/ipv6(src=fe80::aa:7701)/nd_na(target=fe80::aa:7701, "
                "lladdr=52:54:00:00:00:09)"),
            "nd-link-layer");
}

TEST_F(ClaimingTest, ForAddressesThatItDoesNotHoldItStillCannotSpeak) {
  claim("fe80::aa:7701");
  wait(ClaimTable::kObjectionsMs);
  EXPECT_EQ(out("eth/ipv6(src=fe80::aa:7701)/nd_na(target=fe80::aa:7702)"), "nd-target");
  EXPECT_EQ(out("eth/ipv6(src=fe80::aa:7701)/nd_na(target=fd00::2)"), "nd-target");
  EXPECT_EQ(out("eth/ipv6(src=::)/nd_na(target=fe80::aa:7701)"), "wrong-source-ip");
  EXPECT_EQ(out("eth/ipv6(src=::)/nd_ns(target=fd00::2)"), "nd-target");
  // Made of a MAC, it belongs to who has that.
  EXPECT_EQ(out("eth/ipv6(src=fe80::5054:ff:fe00:9)/udp"), "wrong-source-ip");
  EXPECT_EQ(out("eth/ipv6(src=::)/nd_ns(target=fe80::5054:ff:fe00:9)"), "nd-target");
  EXPECT_EQ(out("eth/ipv6(src=fe80:0:0:1::7701)/udp"), "wrong-source-ip") << "not in fe80::/64";
  EXPECT_EQ(out("eth/ipv6(src=fe80::)/udp"), "wrong-source-ip") << "the routers' anycast address";
  EXPECT_EQ(out("eth(src=52:54:00:00:00:09)/ipv6(src=fe80::aa:7701)/udp"), "wrong-source-mac");
}

TEST_F(ClaimingTest, ALifeOfTheNicInheritsNoClaim) {
  claim("fe80::aa:7701");
  wait(ClaimTable::kObjectionsMs);
  EXPECT_EQ(out("eth/ipv6(src=fe80::aa:7701)/udp"), "genuine");
  Nic again = *nics_.find(kPort);
  again.serial = NicSerial{9};
  nics_.set(std::make_shared<const Nic>(again));
  EXPECT_EQ(out("eth/ipv6(src=fe80::aa:7701)/udp"), "asked");
}

TEST_F(AntispoofTest, ATraceSaysWhomTheFrameClaimsToBeFrom) {
  const auto note = [this](std::string_view text) {
    test::OwnedPacket packet(text);
    packet->in_port = kPort;
    packet.parse();
    Antispoof::Trace trace{};
    antispoof_(*packet, &trace);
    return Antispoof::format(trace);
  };
  EXPECT_EQ(note("eth/ipv4(src=10.0.0.9)/tcp"), "from 52:54:00:00:00:01, 10.0.0.9");
  EXPECT_EQ(note("eth/ipv6(src=fd00::9)/tcp"), "from 52:54:00:00:00:01, fd00::9");
  EXPECT_EQ(note("eth/arp(sender_ip=10.0.0.8)"), "from 52:54:00:00:00:01, 10.0.0.8");
  EXPECT_EQ(note("eth(type=0x88b5)/payload(len=46)"), "from 52:54:00:00:00:01");
}

}  // namespace
}  // namespace butterfly
