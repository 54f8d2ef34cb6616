// SPDX-License-Identifier: Apache-2.0
#include "base/ip.h"

#include <gtest/gtest.h>

namespace butterfly {
namespace {

IpAddress address(std::string_view text) { return IpAddress::parse(text).value(); }

TEST(IpAddressTest, TextComesOutAsRfc5952Says) {
  const std::pair<const char*, const char*> cases[] = {
      {"10.0.0.1", "10.0.0.1"},
      {"255.255.255.255", "255.255.255.255"},
      {"FD00:0:0:0::1", "fd00::1"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},  // one zero group stays
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},           // the longest run is the one cut
      {"::", "::"},
      {"0:0:0:0:0:0:0:1", "::1"},
  };
  for (const auto& [in, out] : cases) EXPECT_EQ(address(in).to_string(), out);
}

TEST(IpAddressTest, WhatIsNotAnAddressIsRefused) {
  for (std::string_view text :
       {"", "10.0.0", "10.0.0.256", "10.0.0.1.2", "010.0.0.1", "10.0.0.1/24", " 10.0.0.1",
        "10.0.0.1 ", "0x0a.0.0.1", "167772161", "fd00:::1", "fd00::1::2", "fe80::1%eth0",
        "fd00::12345", "localhost"}) {
    EXPECT_FALSE(IpAddress::parse(text)) << "'" << text << "'";
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("10.0.0.1\0x", 10))) << "a NUL ends no address";
}

TEST(IpAddressTest, AMappedAddressCannotPassForAnIpv4One) {
  EXPECT_FALSE(IpAddress::parse("::ffff:10.0.0.1"));
  EXPECT_FALSE(IpAddress::parse("::ffff:a00:1"));
  EXPECT_TRUE(IpAddress::parse("::10.0.0.1")) << "compatible, not mapped: an IPv6 address";
  EXPECT_NE(address("::10.0.0.1"), address("10.0.0.1"));
}

TEST(IpAddressTest, FamiliesAreTold) {
  EXPECT_TRUE(address("10.0.0.1").is_v4());
  EXPECT_TRUE(address("0.0.0.0").is_v4());
  EXPECT_TRUE(address("::").is_v6());
  EXPECT_TRUE(address("0.0.0.0").is_zero());
  EXPECT_TRUE(address("::").is_zero());
  EXPECT_NE(address("0.0.0.0"), address("::"));
  EXPECT_FALSE(address("0.0.0.1").is_zero());
  EXPECT_EQ(address("10.1.2.3").v4().to_u32(), 0x0a010203u);
  EXPECT_EQ(IpAddress(Ipv4::from_u32(0x0a010203)), address("10.1.2.3"));
}

TEST(IpAddressTest, GroupsAndLinkLocalAreTold) {
  EXPECT_TRUE(address("224.0.0.1").is_multicast());
  EXPECT_TRUE(address("239.255.255.255").is_multicast());
  EXPECT_FALSE(address("240.0.0.1").is_multicast());
  EXPECT_FALSE(address("223.255.255.255").is_multicast());
  EXPECT_TRUE(address("255.255.255.255").v4().is_limited_broadcast());
  EXPECT_TRUE(address("ff02::1").is_multicast());
  EXPECT_FALSE(address("fe80::1").is_multicast());
  EXPECT_TRUE(address("febf::1").v6().is_link_local());
  EXPECT_FALSE(address("fec0::1").v6().is_link_local());
}

TEST(IpAddressTest, TheSolicitedNodeGroupHasTheLastThreeBytes) {
  EXPECT_EQ(IpAddress(address("fd00::1:2:3456:789a").v6().solicited_node()),
            address("ff02::1:ff56:789a"));
}

TEST(IpAddressTest, OrderIsThatOfTheBytesOnTheWire) {
  EXPECT_LT(address("10.0.0.2"), address("10.0.0.10"));
  EXPECT_LT(address("9.255.255.255"), address("10.0.0.0"));
  EXPECT_LT(address("fd00::1"), address("fd00::1:0"));
}

TEST(CidrTest, TextGoesInAndComesOutTheSame) {
  for (const char* text : {"10.0.0.0/8", "0.0.0.0/0", "10.1.2.3/32", "10.0.0.128/25", "fd00::/8",
                           "::/0", "fd00::1/128", "2001:db8::/33"}) {
    const auto cidr = Cidr::parse(text);
    ASSERT_TRUE(cidr) << text;
    EXPECT_EQ(cidr->to_string(), text);
  }
  EXPECT_EQ(Cidr::parse("10.0.0.1"), Cidr(address("10.0.0.1"), 32));
  EXPECT_EQ(Cidr::parse("fd00::1"), Cidr(address("fd00::1"), 128));
}

TEST(CidrTest, WhatIsNotAPrefixIsRefused) {
  for (const char* text : {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8",
                           "10.0.0.0/8 ", "10.0.0.0/8/8", "10.0.0.0/x", "10.0.0.0/255.0.0.0",
                           "fd00::/129", "10.0.0.0/4294967304", "10.0/16", "::ffff:10.0.0.0/104"}) {
    EXPECT_FALSE(Cidr::parse(text)) << "'" << text << "'";
  }
}

TEST(CidrTest, HostBitsThatAreSetAreRefusedInTextAndClearedInCode) {
  EXPECT_FALSE(Cidr::parse("10.0.0.1/24"));
  EXPECT_FALSE(Cidr::parse("10.0.0.64/25"));
  EXPECT_FALSE(Cidr::parse("fd00::1/64"));
  EXPECT_EQ(Cidr(address("10.0.0.77"), 26).to_string(), "10.0.0.64/26");
  EXPECT_EQ(Cidr(address("fd00:ffff::1"), 17).to_string(), "fd00:8000::/17");
  EXPECT_EQ(Cidr(address("10.0.0.1"), 99).length(), 32u);
  EXPECT_EQ(Cidr(address("fd00::1"), 999).length(), 128u);
}

TEST(CidrTest, ContainsItsFirstAndLastAddressAndNotTheNeighbours) {
  const Cidr odd = Cidr::parse("10.1.2.64/26").value();
  EXPECT_TRUE(odd.contains(address("10.1.2.64")));
  EXPECT_TRUE(odd.contains(address("10.1.2.127")));
  EXPECT_FALSE(odd.contains(address("10.1.2.63")));
  EXPECT_FALSE(odd.contains(address("10.1.2.128")));
  const Cidr six = Cidr::parse("2001:db8:8000::/33").value();
  EXPECT_TRUE(six.contains(address("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff")));
  EXPECT_FALSE(six.contains(address("2001:db8:7fff:ffff::")));
}

TEST(CidrTest, TheWholeOfOneFamilyIsNotTheOther) {
  EXPECT_TRUE(Cidr::parse("0.0.0.0/0")->contains(address("203.0.113.9")));
  EXPECT_FALSE(Cidr::parse("0.0.0.0/0")->contains(address("::1")));
  EXPECT_TRUE(Cidr::parse("::/0")->contains(address("::1")));
  EXPECT_FALSE(Cidr::parse("::/0")->contains(address("203.0.113.9")));
}

}  // namespace
}  // namespace butterfly
