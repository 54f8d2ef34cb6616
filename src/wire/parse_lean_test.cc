// SPDX-License-Identifier: Apache-2.0
#include "wire/parse_lean.h"

#include <gtest/gtest.h>

#include <random>

#include "wire/frames_for_test.h"
#include "wire/parse.h"

namespace butterfly::wire {
namespace {

using namespace test;  // NOLINT: frames are spelled out on every line below

constexpr Vni kVni{0x123456};
const Ipv6 kHigh = address("2aaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa").v6();

Ipv6 mapped(std::string_view v4) { return {address(v4).bytes()}; }

// A value that no field can have by luck, to see what a parser leaves alone.
Parsed scribbled() {
  Parsed parsed;
  std::memset(&parsed, 0xa5, sizeof parsed);
  return parsed;
}

// True when the lean parser took the frame; then both parsers must say the same.
bool agrees(const Bytes& frame, uint32_t frame_length) {
  Parsed lean = scribbled();
  if (!parse_lean(frame, frame_length, kVni, lean)) return false;
  Parsed general = scribbled();
  EXPECT_EQ(parse_general(frame, frame_length, kVni, general), ParseError::none);
  EXPECT_EQ(lean.kind, general.kind);
  EXPECT_EQ(lean.family, general.family);
  EXPECT_EQ(lean.protocol, general.protocol);
  EXPECT_EQ(lean.icmp_type, general.icmp_type);
  EXPECT_EQ(lean.source_is_high, general.source_is_high);
  EXPECT_EQ(lean.starts_flow, general.starts_flow);
  EXPECT_EQ(lean.ethertype, general.ethertype);
  EXPECT_EQ(lean.l3, general.l3);
  EXPECT_EQ(lean.l4, general.l4);
  EXPECT_EQ(lean.l4_length, general.l4_length);
  EXPECT_TRUE(lean.key.equals(general.key, general.family));
  return true;
}
bool agrees(const Bytes& frame) { return agrees(frame, static_cast<uint32_t>(frame.size())); }

TEST(ParseLeanTest, TheCommonShapesTakeTheShortWay) {
  EXPECT_TRUE(agrees(ipv4(kProtoTcp, tcp(40000, 80))));
  EXPECT_TRUE(agrees(ipv4(kProtoTcp, tcp(40000, 80, 8, Bytes(12)))));
  EXPECT_TRUE(agrees(ipv4(kProtoUdp, udp(40000, 80))));
  EXPECT_TRUE(agrees(ipv4(kProtoUdp, udp(1, 2, Bytes(100)), {.source = "10.0.0.3"})));
  EXPECT_TRUE(agrees(ipv6(kProtoTcp, tcp(40000, 80))));
  EXPECT_TRUE(agrees(ipv6(kProtoTcp, tcp(40000, 80, 8, Bytes(12)), {.source = kHigh})));
  EXPECT_TRUE(agrees(ipv6(kProtoUdp, udp(40000, 80))));
  EXPECT_TRUE(agrees(ipv6(kProtoUdp, udp(1, 2, Bytes(100)), {.source = kHigh})));
}

TEST(ParseLeanTest, EveryBitOfTheAddressesDecidesWhichEndIsHigh) {
  for (size_t bit = 0; bit < 32; ++bit) {
    Bytes frame =
        ipv4(kProtoUdp, udp(1, 2), {.source = "42.170.170.170", .destination = "42.170.170.170"});
    frame[26 + bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_TRUE(agrees(frame)) << bit;
  }
  for (size_t bit = 0; bit < 128; ++bit) {
    Bytes frame = ipv6(kProtoUdp, udp(1, 2), {.source = kHigh, .destination = kHigh});
    frame[22 + bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_TRUE(agrees(frame)) << bit;
  }
}

TEST(ParseLeanTest, EverythingElseIsLeftToTheGeneralParser) {
  EXPECT_FALSE(agrees(ipv4(kProtoIcmp, icmp(kIcmpEcho))));
  EXPECT_FALSE(agrees(ipv6(kProtoIcmpv6, icmp(kIcmpv6Echo))));
  EXPECT_FALSE(agrees(ipv6(kProtoDestOptions, extension(kProtoTcp, tcp(1, 2)))));
  EXPECT_FALSE(agrees(ipv6(kProtoTcp, tcp(1, 2), {.version = 5})));
  EXPECT_FALSE(agrees(ipv6(kProtoTcp, tcp(1, 2), {.source = address("ff02::1").v6()})));
  EXPECT_FALSE(agrees(ipv4(kProtoUdp, udp(1, 2), {.fragment = 0x2000})));
  EXPECT_FALSE(agrees(ipv4(kProtoUdp, udp(1, 2), {.fragment = 0x1fff})));
  EXPECT_FALSE(agrees(ipv4(kProtoUdp, udp(1, 2), {.source = "224.0.0.1"})));
  EXPECT_FALSE(agrees(arp()));
}

TEST(ParseLeanTest, SoundButSeldomAddressesAreLeftToTheGeneralParser) {
  EXPECT_FALSE(agrees(ipv4(kProtoTcp, tcp(1, 1), {.destination = "10.0.0.1"})));
  EXPECT_FALSE(agrees(ipv4(kProtoUdp, udp(1, 2), {.source = "240.0.0.1"})));
  EXPECT_FALSE(agrees(ipv6(kProtoTcp, tcp(1, 2), {.destination = address("fd00::1").v6()})));
  EXPECT_FALSE(agrees(ipv6(kProtoTcp, tcp(1, 2), {.destination = address("::1").v6()})));
  EXPECT_FALSE(agrees(ipv6(kProtoTcp, tcp(1, 2), {.source = mapped("10.0.0.1")})));
}

TEST(ParseLeanTest, HeadersThatGoOnInAFurtherSegmentAreLeftToTheGeneralParser) {
  const Bytes whole = ipv4(kProtoTcp, tcp(40000, 80, 8, Bytes(100)));
  const auto length = static_cast<uint32_t>(whole.size());
  const auto head = [&whole](long count) { return Bytes(whole.begin(), whole.begin() + count); };
  EXPECT_TRUE(agrees(head(14 + 20 + 32), length));
  EXPECT_FALSE(agrees(head(14 + 20 + 31), length)) << "options";
  EXPECT_FALSE(agrees(head(14 + 20 + 19), length)) << "the TCP header";
  const Bytes ipv6_head = ipv6(kProtoTcp, tcp(40000, 80, 8, Bytes(12)), {.payload_length = 120});
  EXPECT_TRUE(agrees(ipv6_head, length + 20));
}

// One sound frame with a few bytes changed, most of them where headers lie, perhaps cut short or
// continued in a further segment.
class Mutator {
 public:
  Mutator(Family family, uint32_t seed) : family_(family), random_(seed) {}

  Bytes frame() {
    Bytes frame = sound();
    for (uint32_t changes = pick(4); changes > 0; --changes) {
      frame[pick(static_cast<uint32_t>(frame.size()))] = byte();
    }
    if (pick(8) == 0) frame.resize(pick(static_cast<uint32_t>(frame.size()) + 8));
    return frame;
  }
  uint32_t length_of(const Bytes& frame) {
    return static_cast<uint32_t>(frame.size()) + (pick(6) == 0 ? pick(2000) : 0);
  }

 private:
  uint32_t pick(uint32_t end) { return end == 0 ? 0 : static_cast<uint32_t>(random_() % end); }
  uint8_t byte() {
    constexpr uint8_t kTelling[] = {0, 1, 5, 6, 8, 17, 20, 28, 40, 0x45, 0x46, 0x50, 0xe0, 0xff};
    return pick(2) == 0 ? kTelling[pick(std::size(kTelling))] : static_cast<uint8_t>(random_());
  }
  Bytes sound() {
    const Bytes payload(pick(24));
    const auto one = static_cast<uint16_t>(pick(3));
    const auto other = static_cast<uint16_t>(pick(2) == 0 ? pick(3) : random_());
    const bool is_tcp = pick(2) == 0;
    const uint8_t protocol = is_tcp ? kProtoTcp : kProtoUdp;
    const Bytes inner = is_tcp ? tcp(one, other, 5, payload) : udp(one, other, payload);
    if (family_ == Family::v6) {
      return ipv6(protocol, inner,
                  {.source = pick(2) == 0 ? kHigh : address("fd00::1").v6(),
                   .destination = pick(4) == 0 ? kHigh : address("fd00::2").v6()});
    }
    return ipv4(protocol, inner,
                {.source = pick(2) == 0 ? "10.0.0.1" : "10.0.0.3",
                 .destination = pick(4) == 0 ? "10.0.0.1" : "192.0.2.1",
                 .fragment = static_cast<uint16_t>(pick(2) << 14)});
  }
  Family family_;
  std::mt19937 random_;
};

class ParseLeanFamilies : public ::testing::TestWithParam<Family> {};
std::string family_name(const ::testing::TestParamInfo<Family>& param) {
  return param.param == Family::v4 ? "Ipv4" : "Ipv6";
}
INSTANTIATE_TEST_SUITE_P(Families, ParseLeanFamilies, ::testing::Values(Family::v4, Family::v6),
                         family_name);

TEST_P(ParseLeanFamilies, MutatedFramesGetTheSameAnswerFromBothParsers) {
  Mutator mutator(GetParam(), 20260131);
  int taken = 0;
  for (int i = 0; i < 200'000; ++i) {
    const Bytes frame = mutator.frame();
    taken += agrees(frame, mutator.length_of(frame)) ? 1 : 0;
    ASSERT_FALSE(::testing::Test::HasFailure()) << "frame " << i;
  }
  EXPECT_GT(taken, 40'000);
  EXPECT_LT(taken, 180'000);
}

// What the general parser takes, but the lean one leaves to it.
bool is_seldom(const Bytes& frame, Family family) {
  const auto zeros = [&frame](size_t offset) { return load_raw<uint64_t>(&frame[offset]) == 0; };
  if (family == Family::v4) return frame[26] >= 0xe0 || std::memcmp(&frame[26], &frame[30], 4) == 0;
  return zeros(22) || zeros(38) || std::memcmp(&frame[22], &frame[38], 16) == 0;
}

// The other side of the coin: no sound common frame takes the long way round.
TEST_P(ParseLeanFamilies, NoSoundCommonFrameIsTurnedAway) {
  Mutator mutator(GetParam(), 7);
  for (int i = 0; i < 100'000; ++i) {
    const Bytes frame = mutator.frame();
    const uint32_t length = mutator.length_of(frame);
    Parsed parsed = scribbled();
    const bool common = parse_general(frame, length, kVni, parsed) == ParseError::none &&
                        parsed.kind == FrameKind::flow &&
                        parsed.l4 == (parsed.family == Family::v4 ? 34 : 54) &&
                        (parsed.protocol == kProtoTcp || parsed.protocol == kProtoUdp) &&
                        !is_seldom(frame, parsed.family);
    ASSERT_EQ(parse_lean(frame, length, kVni, parsed), common) << "frame " << i;
  }
}

}  // namespace
}  // namespace butterfly::wire
