// SPDX-License-Identifier: Apache-2.0
#include "wire/frame_summary.h"

#include <gtest/gtest.h>

#include "wire/frames_for_test.h"

namespace butterfly::wire::test {
namespace {

std::span<const uint8_t> cut(const Bytes& bytes, size_t length) {
  return std::span(bytes).first(std::min(length, bytes.size()));
}

TEST(FrameSummary, SaysWhoSpeaksToWhom) {
  const FrameSummary summary = summarize(ipv4(kProtoTcp, tcp(4000, 80)));
  EXPECT_EQ(summary.source_mac, kMacA);
  EXPECT_EQ(summary.destination_mac, kMacB);
  EXPECT_EQ(summary.ethertype, kTypeIpv4);
  EXPECT_EQ(summary.family, Family::v4);
  EXPECT_EQ(summary.source, address("10.0.0.1"));
  EXPECT_EQ(summary.destination, address("10.0.0.2"));
  EXPECT_EQ(summary.protocol, kProtoTcp);
  EXPECT_EQ(summary.source_port, 4000);
  EXPECT_EQ(summary.destination_port, 80);
  EXPECT_FALSE(summary.icmp_type);
}

TEST(FrameSummary, LooksBehindExtensionHeaders) {
  const Bytes udp_behind = extension(kProtoFragment, fragment(kProtoUdp, 1, udp(5000, 53)));
  const FrameSummary summary = summarize(ipv6(kProtoHopByHop, udp_behind));
  EXPECT_EQ(summary.family, Family::v6);
  EXPECT_EQ(summary.source, address("fd00::1"));
  EXPECT_EQ(summary.protocol, kProtoUdp);
  EXPECT_EQ(summary.source_port, 5000);
  EXPECT_EQ(summary.destination_port, 53);
}

TEST(FrameSummary, OfLaterFragmentsHasNoPorts) {
  const FrameSummary v4 = summarize(ipv4(kProtoUdp, udp(5000, 53), {.fragment = 8}));
  EXPECT_EQ(v4.protocol, kProtoUdp);
  EXPECT_FALSE(v4.source_port);
  const FrameSummary v6 = summarize(ipv6(kProtoFragment, fragment(kProtoUdp, 8, udp(5000, 53))));
  EXPECT_EQ(v6.protocol, kProtoUdp);
  EXPECT_FALSE(v6.source_port);
}

TEST(FrameSummary, HasTypeAndCodeOfIcmp) {
  const FrameSummary summary = summarize(ipv4(kProtoIcmp, icmp(kIcmpEcho)));
  EXPECT_EQ(summary.icmp_type, kIcmpEcho);
  EXPECT_EQ(summary.icmp_code, 0);
  EXPECT_FALSE(summarize(ipv4(kProtoIcmpv6, icmp(kIcmpv6Echo))).icmp_type);
}

TEST(FrameSummary, OfArpHasBothAddresses) {
  const FrameSummary summary = summarize(arp());
  EXPECT_EQ(summary.ethertype, kTypeArp);
  EXPECT_TRUE(summary.source && summary.destination);
  EXPECT_FALSE(summary.family || summary.protocol);
}

TEST(FrameSummary, BelievesNoLength) {
  const FrameSummary lying = summarize(ipv4(kProtoTcp, tcp(1, 2), {.total_length = 9000}));
  EXPECT_EQ(lying.source_port, 1);
  EXPECT_FALSE(summarize(ipv4(kProtoTcp, tcp(1, 2), {.version_ihl = 0x65})).family);
}

TEST(FrameSummary, OfACutFrameSaysWhatIsThere) {
  const Bytes whole = ipv6(kProtoHopByHop, extension(kProtoTcp, tcp(4000, 80)));
  for (size_t length = 0; length <= whole.size(); ++length) {
    const FrameSummary summary = summarize(cut(whole, length));
    EXPECT_EQ(summary.source_mac.has_value(), length >= 14) << length;
    EXPECT_EQ(summary.source.has_value(), length >= 54) << length;
    EXPECT_EQ(summary.destination_port.has_value(), length >= 54 + 8 + 4) << length;
  }
}

}  // namespace
}  // namespace butterfly::wire::test
