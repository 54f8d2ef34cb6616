// SPDX-License-Identifier: Apache-2.0
#include "wire/parse.h"

#include <gtest/gtest.h>

#include "wire/frames_for_test.h"

namespace butterfly::wire {
namespace {

using namespace test;  // NOLINT: frames are spelled out on every line below

constexpr Vni kVni{0x123456};

struct Result {
  ParseError error;
  Parsed parsed;
  FiveTuple tuple() const {
    return five_tuple_of(parsed.key, parsed.family, parsed.source_is_high);
  }
};

Result parse(const Bytes& frame) {
  Result result{};
  result.error = parse_frame(frame, static_cast<uint32_t>(frame.size()), kVni, result.parsed);
  return result;
}
ParseError error_of(const Bytes& frame) { return parse(frame).error; }

Bytes padded(Bytes frame, size_t count) {
  frame.resize(frame.size() + count, 0);
  return frame;
}
Bytes cut(Bytes frame, size_t count) {
  frame.resize(frame.size() - count);
  return frame;
}

void expect_flow(const Bytes& frame, uint8_t protocol, const Endpoint& source,
                 const Endpoint& destination) {
  const Result r = parse(frame);
  ASSERT_EQ(r.error, ParseError::none);
  EXPECT_EQ(r.parsed.kind, FrameKind::flow);
  EXPECT_EQ(r.parsed.protocol, protocol);
  EXPECT_EQ(r.tuple().source, source);
  EXPECT_EQ(r.tuple().destination, destination);
  EXPECT_EQ(r.tuple().protocol, protocol);
  EXPECT_EQ(vni_of(r.parsed.key, r.parsed.family), kVni);
}

TEST(ParseTest, TcpAndUdpYieldTheirEndpoints) {
  expect_flow(ipv4(kProtoTcp, tcp(40000, 80)), kProtoTcp, {address("10.0.0.1"), 40000},
              {address("10.0.0.2"), 80});
  expect_flow(ipv4(kProtoUdp, udp(1, 65535), {.source = "10.0.0.9"}), kProtoUdp,
              {address("10.0.0.9"), 1}, {address("10.0.0.2"), 65535});
  expect_flow(ipv6(kProtoTcp, tcp(40000, 80)), kProtoTcp, {address("fd00::1"), 40000},
              {address("fd00::2"), 80});
  expect_flow(ipv6(kProtoUdp, udp(53, 5353)), kProtoUdp, {address("fd00::1"), 53},
              {address("fd00::2"), 5353});
  expect_flow(ipv4(kProtoSctp, tcp(7, 9)), kProtoSctp, {address("10.0.0.1"), 7},
              {address("10.0.0.2"), 9});
}

TEST(ParseTest, OffsetsAndLengthsAreThoseOfThePacketWithoutPadding) {
  const Result r = parse(padded(ipv4(kProtoUdp, udp(1, 2, {1, 2, 3})), 15));
  ASSERT_EQ(r.error, ParseError::none);
  EXPECT_EQ(r.parsed.ethertype, kTypeIpv4);
  EXPECT_EQ(r.parsed.l3, 14);
  EXPECT_EQ(r.parsed.l4, 34);
  EXPECT_EQ(r.parsed.l4_length, 11);
  const Result six = parse(padded(ipv6(kProtoUdp, udp(1, 2, {1, 2, 3})), 15));
  ASSERT_EQ(six.error, ParseError::none);
  EXPECT_EQ(six.parsed.l4, 54);
  EXPECT_EQ(six.parsed.l4_length, 11);
}

TEST(ParseTest, OtherProtocolsAreFlowsWithoutPorts) {
  expect_flow(ipv4(47, {1, 2, 3, 4}), 47, {address("10.0.0.1"), 0}, {address("10.0.0.2"), 0});
  expect_flow(ipv4(kProtoIcmpv6, icmp(128, 9)), kProtoIcmpv6, {address("10.0.0.1"), 0},
              {address("10.0.0.2"), 0});
  expect_flow(ipv6(kProtoNone, {}), kProtoNone, {address("fd00::1"), 0}, {address("fd00::2"), 0});
}

TEST(ParseTest, AnEchoAndItsReplyAreOneFlowThatOnlyTheRequestStarts) {
  const Result request = parse(ipv4(kProtoIcmp, icmp(kIcmpEcho, 77)));
  const Result reply = parse(ipv4(kProtoIcmp, icmp(kIcmpEchoReply, 77),
                                  {.source = "10.0.0.2", .destination = "10.0.0.1"}));
  ASSERT_EQ(request.error, ParseError::none);
  ASSERT_EQ(reply.error, ParseError::none);
  EXPECT_TRUE(request.parsed.key.equals(reply.parsed.key, Family::v4));
  EXPECT_TRUE(request.parsed.starts_flow);
  EXPECT_FALSE(reply.parsed.starts_flow);
  EXPECT_EQ(reply.parsed.icmp_type, kIcmpEchoReply);
  const Result six = parse(ipv6(kProtoIcmpv6, icmp(kIcmpv6Echo, 77)));
  ASSERT_EQ(six.error, ParseError::none);
  EXPECT_TRUE(six.parsed.starts_flow);
  EXPECT_EQ(six.tuple().source.port, 77);
}

TEST(ParseTest, PingsInBothDirectionsWithOneIdAndOtherQueriesAreFlowsOfTheirOwn) {
  const Result there = parse(ipv4(kProtoIcmp, icmp(kIcmpEcho, 1)));
  const Result back = parse(
      ipv4(kProtoIcmp, icmp(kIcmpEcho, 1), {.source = "10.0.0.2", .destination = "10.0.0.1"}));
  const Result timestamp = parse(ipv4(kProtoIcmp, icmp(13, 1)));
  const Result answer =
      parse(ipv4(kProtoIcmp, icmp(14, 1), {.source = "10.0.0.2", .destination = "10.0.0.1"}));
  EXPECT_FALSE(there.parsed.key.equals(back.parsed.key, Family::v4));
  EXPECT_FALSE(there.parsed.key.equals(timestamp.parsed.key, Family::v4));
  EXPECT_TRUE(timestamp.parsed.key.equals(answer.parsed.key, Family::v4));
  EXPECT_EQ(timestamp.tuple().destination.port, 13);
}

TEST(ParseTest, IcmpThatNoFlowTracksIsSignalling) {
  for (const uint8_t type : {uint8_t{9}, uint8_t{10}, uint8_t{250}}) {
    EXPECT_EQ(parse(ipv4(kProtoIcmp, icmp(type))).parsed.kind, FrameKind::signalling) << +type;
  }
  for (const uint8_t type : {kIcmpv6MldQuery, kIcmpv6RouterAdvertisement,
                             kIcmpv6NeighbourSolicitation, kIcmpv6Mldv2Report, uint8_t{250}}) {
    const Result r = parse(ipv6(kProtoIcmpv6, icmp(type)));
    EXPECT_EQ(r.error, ParseError::none);
    EXPECT_EQ(r.parsed.kind, FrameKind::signalling) << +type;
    EXPECT_EQ(r.parsed.icmp_type, type);
    EXPECT_FALSE(r.parsed.starts_flow);
  }
}

TEST(ParseTest, AnErrorHasTheKeyOfThePacketItQuotes) {
  const Result sent = parse(ipv4(kProtoUdp, udp(5000, 53)));
  // A router on the way answers, quoting the IP header and 8 bytes.
  const Bytes quote = ipv4_alone(kProtoUdp, udp(5000, 53));
  const Result error = parse(ipv4(kProtoIcmp, icmp(kIcmpTimeExceeded, 0, quote),
                                  {.source = "192.0.2.1", .destination = "10.0.0.1"}));
  ASSERT_EQ(error.error, ParseError::none);
  EXPECT_EQ(error.parsed.kind, FrameKind::icmp_error);
  EXPECT_FALSE(error.parsed.starts_flow);
  EXPECT_TRUE(error.parsed.key.equals(sent.parsed.key, Family::v4));
  EXPECT_EQ(error.tuple().source, (Endpoint{address("10.0.0.1"), 5000}));

  const Result six =
      parse(ipv6(kProtoIcmpv6, icmp(kIcmpv6PacketTooBig, 0, ipv6_alone(kProtoTcp, tcp(9, 80)))));
  ASSERT_EQ(six.error, ParseError::none);
  EXPECT_TRUE(six.parsed.key.equals(parse(ipv6(kProtoTcp, tcp(9, 80))).parsed.key, Family::v6));
}

TEST(ParseTest, ARedirectHasTheKeyOfThePacketItQuotes) {
  const Result sent = parse(ipv4(kProtoUdp, udp(5000, 53)));
  const Bytes quote = ipv4_alone(kProtoUdp, udp(5000, 53));
  const Result redirect = parse(ipv4(kProtoIcmp, icmp(kIcmpRedirect, 0, quote)));
  ASSERT_EQ(redirect.error, ParseError::none);
  EXPECT_EQ(redirect.parsed.kind, FrameKind::icmp_error);
  EXPECT_TRUE(redirect.parsed.key.equals(sent.parsed.key, Family::v4));
}

TEST(ParseTest, AQuoteMayBeLongerThanWhatIsQuotedOfIt) {
  // 1,500 bytes were sent, 28 of them come back.
  const Bytes quote = ipv4_alone(kProtoTcp, cut(tcp(5000, 80), 12), {.total_length = 1500});
  EXPECT_EQ(error_of(ipv4(kProtoIcmp, icmp(kIcmpUnreachable, 0, quote))), ParseError::none);
  EXPECT_EQ(error_of(ipv4(kProtoIcmp, icmp(kIcmpUnreachable, 0, cut(quote, 1)))),
            ParseError::bad_quote);
}

TEST(ParseTest, AQuoteThatNamesNoFlowIsRefused) {
  const auto error4 = [](const Bytes& quote) {
    return error_of(ipv4(kProtoIcmp, icmp(kIcmpUnreachable, 0, quote)));
  };
  const auto error6 = [](const Bytes& quote) {
    return error_of(ipv6(kProtoIcmpv6, icmp(kIcmpv6Unreachable, 0, quote)));
  };
  EXPECT_EQ(error4({}), ParseError::bad_quote);
  EXPECT_EQ(error4(ipv6_alone(kProtoUdp, udp(1, 2))), ParseError::bad_quote) << "other family";
  EXPECT_EQ(error4(ipv4_alone(kProtoUdp, udp(1, 2), {.fragment = 100})), ParseError::bad_quote);
  EXPECT_EQ(error4(ipv4_alone(kProtoIcmp, icmp(uint8_t{9}))), ParseError::bad_quote);
  EXPECT_EQ(error4(ipv4_alone(kProtoIcmp, icmp(kIcmpRedirect))), ParseError::error_about_error);
  EXPECT_EQ(error4(ipv4_alone(kProtoIcmp, icmp(kIcmpUnreachable))), ParseError::error_about_error);
  EXPECT_EQ(error4(ipv4_alone(kProtoIcmp, icmp(kIcmpEcho, 3))), ParseError::none);
  EXPECT_EQ(error6(ipv6_alone(kProtoIcmpv6, icmp(kIcmpv6PacketTooBig))),
            ParseError::error_about_error);
  EXPECT_EQ(error6(ipv6_alone(kProtoIcmpv6, icmp(kIcmpv6NeighbourSolicitation))),
            ParseError::bad_quote);
  EXPECT_EQ(error6(ipv6_alone(kProtoFragment, fragment(kProtoUdp, 8, udp(1, 2)))),
            ParseError::bad_quote);
  EXPECT_EQ(error6(ipv6_alone(kProtoUdp, udp(1, 2),
                              {.source = {IpAddress(address("10.0.0.1")).bytes()}})),
            ParseError::bad_quote)
      << "an IPv4-mapped address would make an IPv4 key";
}

TEST(ParseTest, PaddingBehindAnErrorIsNoQuotation) {
  Bytes frame = ipv4(kProtoIcmp, icmp(kIcmpUnreachable));
  const Bytes forged = ipv4_alone(kProtoUdp, udp(5000, 53));
  frame.insert(frame.end(), forged.begin(), forged.end());
  EXPECT_EQ(error_of(frame), ParseError::bad_quote);
}

TEST(ParseTest, ArpIsKnownOnlyForIpv4OverEthernet) {
  const Result r = parse(arp());
  EXPECT_EQ(r.error, ParseError::none);
  EXPECT_EQ(r.parsed.kind, FrameKind::arp);
  EXPECT_EQ(error_of(cut(arp(), 1)), ParseError::bad_arp);
  EXPECT_EQ(error_of(arp(kArpReply, kTypeIpv6)), ParseError::bad_arp);
}

TEST(ParseTest, TagsAreRefusedAndUnknownTypesOnlyNamed) {
  for (const uint16_t type : {kTypeVlan, kTypeQinq, kTypeQinqOld}) {
    EXPECT_EQ(error_of(ethernet(type, Bytes(46))), ParseError::vlan_tag);
  }
  for (const uint16_t type : {uint16_t{0x88cc}, uint16_t{0x8035}, uint16_t{38}}) {
    const Result r = parse(ethernet(type, Bytes(46)));
    EXPECT_EQ(r.error, ParseError::none);
    EXPECT_EQ(r.parsed.kind, FrameKind::non_ip);
    EXPECT_EQ(r.parsed.ethertype, type);
  }
}

TEST(ParseTest, HeadersThatEndOutsideTheFrameAreRefused) {
  EXPECT_EQ(error_of({}), ParseError::truncated_ethernet);
  EXPECT_EQ(error_of(Bytes(13)), ParseError::truncated_ethernet);
  EXPECT_EQ(error_of(ethernet(kTypeIpv4, Bytes(19, 0x45))), ParseError::truncated_ip);
  EXPECT_EQ(error_of(ethernet(kTypeIpv6, Bytes(39, 0x60))), ParseError::truncated_ip);
  EXPECT_EQ(error_of(ipv4(kProtoTcp, {}, {.version_ihl = 0x46})), ParseError::truncated_ip);
  EXPECT_EQ(error_of(ipv4(kProtoTcp, cut(tcp(1, 2), 1))), ParseError::truncated_transport);
  EXPECT_EQ(error_of(ipv4(kProtoUdp, cut(udp(1, 2), 1))), ParseError::truncated_transport);
  EXPECT_EQ(error_of(ipv6(kProtoSctp, Bytes(11))), ParseError::truncated_transport);
  EXPECT_EQ(error_of(ipv4(kProtoIcmp, Bytes(7))), ParseError::truncated_transport);
  EXPECT_EQ(error_of(padded(ipv4(kProtoTcp, {}), 46)), ParseError::truncated_transport)
      << "padding is not TCP";
}

TEST(ParseTest, SourceRoutesAndMalformedOptionsAreRefusedOthersPassIfWanted) {
  const auto with = [](Bytes options, bool drop_options = false) {
    const auto words = static_cast<uint8_t>(0x45 + options.size() / 4);
    const Bytes datagram = udp(1, 2);
    options.insert(options.end(), datagram.begin(), datagram.end());
    const Bytes frame = ipv4(kProtoUdp, options, {.version_ihl = words});
    Parsed parsed;
    return parse_frame(frame, static_cast<uint32_t>(frame.size()), kVni, parsed, drop_options);
  };
  EXPECT_EQ(with({131, 3, 4, 0}), ParseError::source_route);
  EXPECT_EQ(with({137, 3, 4, 0}), ParseError::source_route);
  EXPECT_EQ(with({1, 1, 1, 131}), ParseError::source_route) << "cut off";
  EXPECT_EQ(with({7, 7, 4, 0, 0, 0, 0, 131}), ParseError::source_route) << "behind another";
  EXPECT_EQ(with({0, 131, 3, 4}), ParseError::none) << "behind the end";
  EXPECT_EQ(with({7, 0, 4, 0}), ParseError::bad_ip_options);
  EXPECT_EQ(with({7, 1, 4, 0}), ParseError::bad_ip_options);
  EXPECT_EQ(with({7, 5, 4, 0}), ParseError::bad_ip_options);
  EXPECT_EQ(with({1, 1, 1, 7}), ParseError::bad_ip_options);
  EXPECT_EQ(with({7, 3, 4, 0}), ParseError::none);
  EXPECT_EQ(with({7, 3, 4, 0}, /*drop_options=*/true), ParseError::ip_options);
  EXPECT_EQ(with({}, /*drop_options=*/true), ParseError::none);
}

TEST(ParseTest, LengthsThatLieAreRefused) {
  EXPECT_EQ(error_of(ipv4(kProtoTcp, tcp(1, 2), {.version_ihl = 0x44})), ParseError::bad_ip_length);
  EXPECT_EQ(error_of(ipv4(kProtoTcp, tcp(1, 2), {.total_length = 41})), ParseError::bad_ip_length);
  EXPECT_EQ(error_of(ipv4(kProtoTcp, tcp(1, 2), {.total_length = 19})), ParseError::bad_ip_length);
  EXPECT_EQ(error_of(ipv6(kProtoTcp, tcp(1, 2), {.payload_length = 21})),
            ParseError::bad_ip_length);
  EXPECT_EQ(error_of(ipv4(kProtoTcp, tcp(1, 2, 4))), ParseError::bad_transport_length);
  EXPECT_EQ(error_of(ipv4(kProtoTcp, tcp(1, 2, 6))), ParseError::bad_transport_length);
  EXPECT_EQ(error_of(padded(ipv4(kProtoTcp, tcp(1, 2, 6)), 4)), ParseError::bad_transport_length)
      << "options in the padding";
  EXPECT_EQ(error_of(ipv4(kProtoUdp, udp(1, 2, {}, 7))), ParseError::bad_transport_length);
  EXPECT_EQ(error_of(ipv4(kProtoUdp, udp(1, 2, {}, 9))), ParseError::bad_transport_length);
  EXPECT_EQ(error_of(ipv4(kProtoUdp, udp(1, 2, {1}, 8))), ParseError::none)
      << "UDP may be shorter than IP says";
}

TEST(ParseTest, VersionsAndAddressesThatCannotBeAreRefused) {
  EXPECT_EQ(error_of(ipv4(kProtoTcp, tcp(1, 2), {.version_ihl = 0x65})),
            ParseError::bad_ip_version);
  EXPECT_EQ(error_of(ipv6(kProtoTcp, tcp(1, 2), {.version = 4})), ParseError::bad_ip_version);
  EXPECT_EQ(error_of(ipv4(kProtoTcp, tcp(1, 2), {.source = "224.0.0.1"})),
            ParseError::bad_ip_address);
  EXPECT_EQ(error_of(ipv4(kProtoUdp, udp(1, 2), {.source = "255.255.255.255"})),
            ParseError::bad_ip_address);
  EXPECT_EQ(error_of(ipv4(kProtoUdp, udp(1, 2), {.source = "240.0.0.1"})), ParseError::none);
  EXPECT_EQ(error_of(ipv6(kProtoUdp, udp(1, 2), {.source = address("ff02::1").v6()})),
            ParseError::bad_ip_address);
  const Ipv6 mapped{IpAddress(address("10.0.0.1")).bytes()};
  EXPECT_EQ(error_of(ipv6(kProtoUdp, udp(1, 2), {.source = mapped})), ParseError::bad_ip_address);
  EXPECT_EQ(error_of(ipv6(kProtoUdp, udp(1, 2), {.destination = mapped})),
            ParseError::bad_ip_address);
}

TEST(ParseTest, FragmentsAreNamedAndAtomicOnesAreWhole) {
  EXPECT_EQ(error_of(ipv4(kProtoUdp, udp(1, 2), {.fragment = 0x2000})), ParseError::fragment);
  EXPECT_EQ(error_of(ipv4(kProtoUdp, udp(1, 2), {.fragment = 1})), ParseError::fragment);
  EXPECT_EQ(error_of(ipv6(kProtoFragment, fragment(kProtoUdp, 1, udp(1, 2)))),
            ParseError::fragment);
  EXPECT_EQ(error_of(ipv6(kProtoFragment, fragment(kProtoUdp, 8, udp(1, 2)))),
            ParseError::fragment);
  expect_flow(ipv6(kProtoFragment, fragment(kProtoUdp, 0, udp(1, 2))), kProtoUdp,
              {address("fd00::1"), 1}, {address("fd00::2"), 2});
}

TEST(ParseTest, Ipv4OptionsAreSteppedOver) {
  Bytes payload(8, 1);
  const Bytes segment = tcp(40000, 80);
  payload.insert(payload.end(), segment.begin(), segment.end());
  const Bytes frame = ipv4(kProtoTcp, payload, {.version_ihl = 0x47});
  expect_flow(frame, kProtoTcp, {address("10.0.0.1"), 40000}, {address("10.0.0.2"), 80});
  EXPECT_EQ(parse(frame).parsed.l4, 42);
  EXPECT_EQ(parse(frame).parsed.l4_length, 20);
}

TEST(ParseTest, Ipv6ExtensionsAreSteppedOverInOrder) {
  const Bytes chain =
      extension(kProtoRouting, extension(kProtoDestOptions, extension(kProtoUdp, udp(1, 2), 2), 0,
                                         /*type=*/4));
  const Bytes frame = ipv6(kProtoHopByHop, chain);
  expect_flow(frame, kProtoUdp, {address("fd00::1"), 1}, {address("fd00::2"), 2});
  EXPECT_EQ(parse(frame).parsed.l4, 54 + 8 + 8 + 24);
  EXPECT_EQ(parse(frame).parsed.l4_length, 8);
}

TEST(ParseTest, Ipv6ExtensionsThatAbuseTheChainAreRefused) {
  const Bytes datagram = udp(1, 2);
  EXPECT_EQ(error_of(ipv6(kProtoRouting, extension(kProtoUdp, datagram))),
            ParseError::routing_header);
  EXPECT_EQ(
      error_of(ipv6(kProtoDestOptions, extension(kProtoHopByHop, extension(kProtoUdp, datagram)))),
      ParseError::bad_extension)
      << "hop-by-hop anywhere but first";
  EXPECT_EQ(error_of(ipv6(kProtoDestOptions, Bytes{kProtoUdp, 0, 0, 0})),
            ParseError::bad_extension);
  EXPECT_EQ(error_of(ipv6(kProtoDestOptions, Bytes{kProtoUdp, 1, 0, 0, 0, 0, 0, 0})),
            ParseError::bad_extension);
  EXPECT_EQ(error_of(padded(ipv6(kProtoDestOptions, Bytes{kProtoUdp, 1, 0, 0, 0, 0, 0, 0}), 40)),
            ParseError::bad_extension)
      << "goes on in the padding";
  Bytes chain = datagram;
  uint8_t next = kProtoUdp;
  for (int i = 0; i < 8; ++i, next = kProtoDestOptions) chain = extension(next, chain);
  EXPECT_EQ(error_of(ipv6(kProtoDestOptions, chain)), ParseError::none);
  EXPECT_EQ(error_of(ipv6(kProtoDestOptions, extension(kProtoDestOptions, chain))),
            ParseError::bad_extension)
      << "nine of them";
}

TEST(ParseTest, HeadersMustLieInTheFirstSegment) {
  const Bytes frame = ipv4(kProtoTcp, tcp(1, 2, 5, Bytes(1000)));
  Parsed parsed{};
  const std::span all(frame);
  EXPECT_EQ(parse_frame(all.first(54), 1054, kVni, parsed), ParseError::none);
  EXPECT_EQ(parsed.l4_length, 1020);
  EXPECT_EQ(parse_frame(all.first(53), 1054, kVni, parsed), ParseError::truncated_transport);
  EXPECT_EQ(parse_frame(all.first(54), 1053, kVni, parsed), ParseError::bad_ip_length);
}

}  // namespace
}  // namespace butterfly::wire
