// SPDX-License-Identifier: Apache-2.0
#include "control/error_detail.h"

#include <gtest/gtest.h>

namespace butterfly {
namespace {

// "object|id|part|field|value|fact|wanted|change".
std::string parts_of(const std::string& message) {
  const v1::ErrorDetail detail = detail_of(message);
  return detail.object() + "|" + detail.id() + "|" + detail.part() + "|" + detail.field() + "|" +
         detail.value() + "|" + detail.fact() + "|" + detail.wanted() + "|" +
         std::to_string(detail.change());
}

TEST(ErrorDetail, HasThePartsOfTheMessage) {
  EXPECT_EQ(parts_of("nic 'web-1': MTU 575 is out of range (wanted 576..9000, or 0)"),
            "nic|web-1||mtu|575|MTU 575 is out of range|576..9000, or 0|0");
  EXPECT_EQ(parts_of("change 2 of 3: nic 'nobody': not found (wanted one of ours)"),
            "nic|nobody||||not found|one of ours|2");
  EXPECT_EQ(parts_of("group 'web': rule 0123456789abcdef: first port 65536 is too big (wanted "
                     "0..65535)"),
            "group|web|rule 0123456789abcdef|first_port|65536|first port 65536 is too "
            "big|0..65535|0");
  EXPECT_EQ(parts_of("fdb 42/52:54:00:00:00:01: MAC 'x' is malformed (wanted six pairs)"),
            "fdb|42/52:54:00:00:00:01||mac|x|MAC 'x' is malformed|six pairs|0");
  EXPECT_EQ(parts_of("subnet 'lan': gateway: address 10.2.0.1 is outside (wanted a host's)"),
            "subnet|lan|gateway|gateway|10.2.0.1|address 10.2.0.1 is outside|a host's|0");
  EXPECT_EQ(parts_of("segment 7: VNI 0 names no segment (wanted 1..16777215)"),
            "segment|7||vni|0|VNI 0 names no segment|1..16777215|0");
  EXPECT_EQ(parts_of("group 'web': rule 0123456789abcdef: key 'x/y': name is malformed (wanted z)"),
            "group|web|rule 0123456789abcdef: key 'x/y'|key|x/y|name is malformed|z|0");
  EXPECT_EQ(parts_of("firewall: tcp_new_s 0 is too small (wanted 1..172800 s)"),
            "firewall|||tcp_new_s|0|tcp_new_s 0 is too small|1..172800 s|0");
  EXPECT_EQ(parts_of("nic 'a': 17 queues (wanted 1..16)"), "nic|a||queues|17|17 queues|1..16|0");
  EXPECT_EQ(parts_of("events: kind 99 is unknown (wanted 1..14)"),
            "events|||kinds|99|kind 99 is unknown|1..14|0");
}

TEST(ErrorDetail, IsNotMisledByWhatIsQuoted) {
  EXPECT_EQ(parts_of("nic 'a: b (wanted c)': name is malformed (wanted 1..64 of [a-z])"),
            "nic|a: b (wanted c)||id||name is malformed|1..64 of [a-z]|0");
  EXPECT_EQ(parts_of("nic 'it's': name is malformed (wanted another)"),
            "nic|it's||id||name is malformed|another|0");
  EXPECT_EQ(parts_of("change of mind: lost (wanted none)"), "change|of mind||||lost|none|0");
}

TEST(ErrorDetail, LeavesOutWhatIsNotThere) {
  EXPECT_EQ(parts_of("disk full"), "|||||disk full||0");
  EXPECT_EQ(parts_of(""), "|||||||0");
  EXPECT_EQ(parts_of("nic 'never ends: x"), "|||||nic 'never ends: x||0");
}

TEST(ErrorDetail, ComesAsAStatusThatFitsIntoMetadata) {
  v1::ErrorStatus status;
  ASSERT_TRUE(status.ParseFromString(details_of(not_found("nic 'a': not found (wanted b)"))));
  EXPECT_EQ(status.code(), 5);
  EXPECT_EQ(status.message(), "nic 'a': not found (wanted b)");
  ASSERT_EQ(status.details_size(), 1);
  EXPECT_EQ(status.details(0).type_url(), "type.googleapis.com/butterfly.v1.ErrorDetail");
  v1::ErrorDetail detail;
  ASSERT_TRUE(status.details(0).UnpackTo(&detail));
  EXPECT_EQ(detail.id(), "a");
  EXPECT_EQ(details_of(invalid("x '" + std::string(5000, 'y') + "': bad (wanted z)")), "");
}

}  // namespace
}  // namespace butterfly
