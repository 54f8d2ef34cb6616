// SPDX-License-Identifier: Apache-2.0
#include "wire/start_packet.h"

#include <gtest/gtest.h>

#include "wire/parse.h"

namespace butterfly::wire {
namespace {

FiveTuple tuple_of(uint8_t protocol, const char* from, const char* to) {
  return {{*IpAddress::parse(from), 40000}, {*IpAddress::parse(to), 80}, protocol};
}

// Behind an Ethernet header the parser must find the flow in it.
Parsed parsed(std::span<const uint8_t> packet, Family family) {
  std::vector<uint8_t> frame(14);
  frame[0] = frame[6] = 0x52;
  frame[12] = family == Family::v4 ? 0x08 : 0x86;
  frame[13] = family == Family::v4 ? 0x00 : 0xdd;
  frame.insert(frame.end(), packet.begin(), packet.end());
  Parsed result{};
  EXPECT_EQ(parse_frame(frame, static_cast<uint32_t>(frame.size()), Vni{7}, result),
            ParseError::none);
  return result;
}

TEST(StartPacket, TheParserFindsTheFlowInIt) {
  for (const uint8_t protocol : {kProtoTcp, kProtoUdp, kProtoSctp, uint8_t{47}, kProtoIcmp}) {
    std::array<uint8_t, kMaxStartPacket> room;
    FiveTuple tuple = tuple_of(protocol, "10.0.0.1", "10.0.0.2");
    if (protocol == 47) tuple.source.port = tuple.destination.port = 0;
    if (protocol == kProtoIcmp) tuple.destination.port = kIcmpEcho;
    const auto packet = write_start_packet(tuple, Family::v4, kIcmpEcho, 0, room);
    const Parsed found = parsed(packet, Family::v4);
    EXPECT_EQ(found.kind, FrameKind::flow) << int{protocol};
    const FiveTuple read = five_tuple_of(found.key, found.family, found.source_is_high);
    EXPECT_EQ(to_string(read), to_string(tuple));
    EXPECT_EQ(packet.size(), 14u + found.l4 - 14u + found.l4_length - 14u) << int{protocol};
  }
}

TEST(StartPacket, AlsoOfIpv6) {
  for (const uint8_t protocol : {kProtoTcp, kProtoUdp, kProtoSctp, kProtoIcmpv6}) {
    std::array<uint8_t, kMaxStartPacket> room;
    FiveTuple tuple = tuple_of(protocol, "fd00::1", "fd00::2");
    if (protocol == kProtoIcmpv6) tuple.destination.port = 128;
    const auto packet = write_start_packet(tuple, Family::v6, 128, 0, room);
    const Parsed found = parsed(packet, Family::v6);
    const FiveTuple read = five_tuple_of(found.key, found.family, found.source_is_high);
    EXPECT_EQ(to_string(read), to_string(tuple));
  }
}

TEST(StartPacket, OfTcpItIsASyn) {
  std::array<uint8_t, kMaxStartPacket> room;
  const auto packet =
      write_start_packet(tuple_of(kProtoTcp, "10.0.0.1", "10.0.0.2"), Family::v4, 0, 0, room);
  ASSERT_EQ(packet.size(), 40u);
  EXPECT_EQ(packet[8], 64);
  EXPECT_EQ(packet[33], kTcpSyn);
  EXPECT_EQ(packet[23], 80);
}

}  // namespace
}  // namespace butterfly::wire
