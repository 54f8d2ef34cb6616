// SPDX-License-Identifier: Apache-2.0
#include "wire/lacp.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "wire/vlan_tag.h"

namespace butterfly::wire {
namespace {

std::vector<uint8_t> bytes_of_hex(const std::string& hex) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

// Field by field as IEEE 802.1AX-2020 figure 6-8 has it; not written by us.
const std::string kSample =
    "0180c2000002"
    "0004961f5051"
    "8809"
    "01"
    "01"
    "01"
    "14"
    "8000"
    "0004961f5000"
    "0011"
    "0080"
    "001a"
    "3d"
    "000000"
    "02"
    "14"
    "7fff"
    "020000000001"
    "0001"
    "00ff"
    "0002"
    "05"
    "000000"
    "03"
    "10"
    "1388"
    "000000000000000000000000"
    "00"
    "00" +
    std::string(100, '0');

TEST(Lacp, IsReadFieldByField) {
  const auto bytes = bytes_of_hex(kSample);
  ASSERT_EQ(bytes.size(), 124u);
  EXPECT_TRUE(is_slow_protocol(bytes));
  const LacpFrame* frame = read_lacp(bytes);
  ASSERT_NE(frame, nullptr);
  EXPECT_EQ(frame->actor.system_priority, 0x8000);
  EXPECT_EQ(frame->actor.system.to_string(), "00:04:96:1f:50:00");
  EXPECT_EQ(frame->actor.key, 17);
  EXPECT_EQ(frame->actor.port_priority, 128);
  EXPECT_EQ(frame->actor.port, 26);
  EXPECT_EQ(frame->actor.state, kLacpActive | kLacpAggregation | kLacpSynchronization |
                                    kLacpCollecting | kLacpDistributing);
  EXPECT_EQ(frame->partner.system_priority, 0x7fff);
  EXPECT_EQ(frame->partner.system.to_string(), "02:00:00:00:00:01");
  EXPECT_EQ(frame->partner.port, 2);
  EXPECT_EQ(frame->partner.state, kLacpActive | kLacpAggregation);
}

TEST(Lacp, IsWrittenAsItIsRead) {
  auto bytes = bytes_of_hex(kSample);
  bytes[58] = bytes[59] = 0;  // the collector's delay: we ask for none
  const LacpFrame* read = read_lacp(bytes);
  const LacpFrame made = make_lacp(*Mac::parse("00:04:96:1f:50:51"), read->actor, read->partner);
  const auto written = bytes_of(made);
  EXPECT_EQ(std::vector<uint8_t>(written.begin(), written.end()), bytes);
}

TEST(Lacp, IsNotReadWhenItIsMalformed) {
  const auto good = bytes_of_hex(kSample);
  for (const size_t at : {12u, 14u, 15u, 16u, 17u, 36u, 37u}) {
    auto bad = good;
    bad[at] = 0;
    EXPECT_EQ(read_lacp(bad), nullptr) << "byte " << at;
  }
  for (size_t length = 0; length < good.size(); ++length) {
    EXPECT_EQ(read_lacp(std::span(good).first(length)), nullptr) << length;
  }
  auto newer = good;
  newer[15] = 2;
  EXPECT_NE(read_lacp(newer), nullptr) << "later versions begin as this one";
}

TEST(Lacp, IsKnownBehindTheTagOfNoVlan) {
  auto tagged = bytes_of_hex("00000000" + kSample);
  put_vlan_tag(tagged, 0);
  EXPECT_TRUE(is_slow_protocol(tagged));
  put_vlan_tag(tagged, 0);
  tagged[15] = 7;
  EXPECT_FALSE(is_slow_protocol(tagged)) << "of VLAN 7";
  EXPECT_FALSE(is_slow_protocol(std::span(tagged).first(17)));
}

TEST(Lacp, AnswersAMarkerWithWhatItAsks) {
  auto marker = bytes_of_hex(
      "0180c2000002"
      "0004961f5051"
      "8809"
      "0201"
      "0110"
      "001a"
      "0004961f5000"
      "12345678"
      "0000"
      "0000" +
      std::string(180, '0'));
  ASSERT_EQ(marker.size(), 124u);
  auto answer = marker;
  ASSERT_TRUE(answer_marker(answer, *Mac::parse("02:00:00:00:00:07")));
  const auto wanted = bytes_of_hex(
      "0180c2000002"
      "020000000007"
      "8809"
      "0201"
      "0210"
      "001a"
      "0004961f5000"
      "12345678"
      "0000"
      "0000" +
      std::string(180, '0'));
  EXPECT_EQ(answer, wanted);
  EXPECT_FALSE(answer_marker(answer, Mac{})) << "an answer is not answered";
  EXPECT_FALSE(answer_marker(std::span(marker).first(31), Mac{}));
  auto lacp = bytes_of_hex(kSample);
  EXPECT_FALSE(answer_marker(lacp, Mac{}));
}

}  // namespace
}  // namespace butterfly::wire
