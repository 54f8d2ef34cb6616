// SPDX-License-Identifier: Apache-2.0
#include "wire/membership.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/checksum.h"
#include "wire/parse.h"

namespace butterfly::wire {
namespace {

using Bytes = std::vector<uint8_t>;

const Mac kMac{{2, 0, 0, 0, 0, 1}};
IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }

std::vector<Bytes> reports(const Reporter& reporter, Membership what,
                           const std::vector<IpAddress>& groups) {
  std::vector<Bytes> frames;
  MembershipReports all(reporter, what, groups);
  while (!all.is_done()) {
    Bytes frame(MembershipReports::kMaxReport);
    frame.resize(all.write_next(frame));
    frames.push_back(std::move(frame));
  }
  return frames;
}

std::string hex(const Bytes& bytes) {
  std::string text;
  for (const uint8_t byte : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

// As the kernel of Linux 6.1 sends them, but for MACs, addresses and what depends on these.
TEST(Membership, AnIgmpV3ReportIsByteForByteWhatTheRfcSays) {
  const auto frames = reports({kMac, ip("192.0.2.1"), 3}, Membership::joins, {ip("239.1.2.3")});
  ASSERT_EQ(frames.size(), 1u);
  const Bytes& frame = frames[0];
  EXPECT_EQ(hex(frame).substr(0, 28), "01005e0000160200000000010800");
  EXPECT_EQ(hex(frame).substr(28, 20), "46c00028000000000102");
  EXPECT_EQ(checksum_finish(checksum_add(std::span(frame).subspan(14, 24))), 0);
  EXPECT_EQ(hex(frame).substr(52, 24), "c0000201e000001694040000");
  EXPECT_EQ(checksum_finish(checksum_add(std::span(frame).subspan(38))), 0);
  EXPECT_EQ(hex(frame).substr(76, 4), "2200");
  EXPECT_EQ(hex(frame).substr(84), "0000000104000000ef010203");
}

TEST(Membership, OlderRoutersAreToldInTheirWords) {
  const std::vector<IpAddress> groups{ip("239.1.2.3"), ip("239.1.2.4")};
  auto frames = reports({kMac, ip("192.0.2.1"), 2}, Membership::member, groups);
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(hex(frames[0]).substr(0, 12), "01005e010203");
  EXPECT_EQ(hex(frames[0]).substr(60, 8), "ef010203") << "to the group";
  EXPECT_EQ(hex(frames[0]).substr(76, 4), "1600");
  EXPECT_EQ(hex(frames[1]).substr(84), "ef010204");
  frames = reports({kMac, ip("192.0.2.1"), 2}, Membership::leaves, groups);
  EXPECT_EQ(hex(frames[0]).substr(60, 8), "e0000002") << "to all routers";
  EXPECT_EQ(hex(frames[0]).substr(76, 4), "1700");
  frames = reports({kMac, ip("192.0.2.1"), 1}, Membership::member, groups);
  EXPECT_EQ(hex(frames[0]).substr(76, 4), "1200");
}

TEST(Membership, MldIsSpokenBehindARouterAlert) {
  const Reporter newest{kMac, ip("fe80::ff:fe00:1"), 2};
  for (const auto& [reporter, what, type, to] :
       {std::tuple(newest, Membership::joins, 143, "ff02::16"),
        std::tuple(Reporter{kMac, newest.address, 1}, Membership::member, 131, "ff0e::7"),
        std::tuple(Reporter{kMac, newest.address, 1}, Membership::leaves, 132, "ff02::2")}) {
    const auto frames = reports(reporter, what, {ip("ff0e::7")});
    ASSERT_EQ(frames.size(), 1u);
    Parsed parsed;
    ASSERT_EQ(parse_frame(frames[0], static_cast<uint32_t>(frames[0].size()), Vni{0}, parsed),
              ParseError::none);
    EXPECT_EQ(parsed.icmp_type, type);
    const auto* header = view_at<Ipv6Header>(std::span<const uint8_t>(frames[0]), parsed.l3);
    EXPECT_EQ(header->destination, ip(to).v6());
    EXPECT_EQ(header->hop_limit, 1);
    EXPECT_EQ(hex(frames[0]).substr(108, 16), "3a00050200000100");
    const auto message = std::span<const uint8_t>(frames[0]).subspan(parsed.l4);
    EXPECT_EQ(checksum_finish(checksum_add(
                  message, pseudo_header_sum(header->source, header->destination, kProtoIcmpv6,
                                             static_cast<uint32_t>(message.size())))),
              0);
  }
}

TEST(Membership, ManyGroupsTakeSeveralFrames) {
  std::vector<IpAddress> groups;
  for (uint8_t i = 0; i < 120; ++i) groups.push_back(Ipv4{{239, 0, 0, i}});
  const auto frames = reports({kMac, ip("192.0.2.1"), 3}, Membership::member, groups);
  ASSERT_EQ(frames.size(), 3u);
  EXPECT_EQ(hex(frames[2]).substr(88, 4), "0014") << "the last 20";
}

TEST(Membership, QueriesOfEveryVersionAreRead) {
  const auto igmp = [](Bytes bytes) {
    const auto query = read_igmp_query(bytes);
    return query ? std::pair(int{query->version}, query->max_response_ms) : std::pair(0, 0U);
  };
  EXPECT_EQ(igmp({0x11, 100, 0, 0, 0, 0, 0, 0}), std::pair(2, 10'000U));
  EXPECT_EQ(igmp({0x11, 0, 0, 0, 0, 0, 0, 0}), std::pair(1, 10'000U));
  EXPECT_EQ(igmp({0x11, 100, 0, 0, 0, 0, 0, 0, 2, 125, 0, 0}), std::pair(3, 10'000U));
  EXPECT_EQ(igmp({0x11, 0x80, 0, 0, 0, 0, 0, 0, 2, 125, 0, 0}), std::pair(3, 12'800U));
  EXPECT_EQ(igmp({0x11, 100, 0, 0, 0, 0, 0, 0, 2}), std::pair(0, 0U)) << "neither length";
  EXPECT_EQ(igmp({0x11, 100, 0, 0, 0, 0, 0}), std::pair(0, 0U));
  EXPECT_EQ(igmp({0x16, 0, 0, 0, 0, 0, 0, 0}), std::pair(0, 0U)) << "a report";

  Bytes mld(24);
  mld[0] = 130;
  mld[4] = 0x27;
  mld[5] = 0x10;
  EXPECT_EQ(read_mld_query(mld)->version, 1);
  EXPECT_EQ(read_mld_query(mld)->max_response_ms, 10'000u);
  mld.resize(28);
  EXPECT_EQ(read_mld_query(mld)->version, 2);
  mld[4] = 0x80;
  mld[5] = 0;
  EXPECT_EQ(read_mld_query(mld)->max_response_ms, 32'768u);
  mld.resize(25);
  EXPECT_FALSE(read_mld_query(mld));
  mld.resize(23);
  EXPECT_FALSE(read_mld_query(mld));
}

TEST(Membership, GroupsHaveEthernetGroups) {
  EXPECT_EQ(mac_of_any_group(ip("239.129.2.3")).to_string(), "01:00:5e:01:02:03");
  EXPECT_EQ(mac_of_any_group(ip("ff0e::1:2:3")).to_string(), "33:33:00:02:00:03");
}

}  // namespace
}  // namespace butterfly::wire
