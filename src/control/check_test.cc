// SPDX-License-Identifier: Apache-2.0
#include "control/check.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

namespace butterfly {
namespace {

StatusOr<CheckQuery> query_of(const std::string& text) {
  v1::CheckPacketRequest request;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString("nic: 'a' " + text, &request)) << text;
  return from_proto(request);
}

TEST(Check, WhatIsLeftOutIsWhatAClientWouldSend) {
  const auto tcp = query_of("peer: '10.0.0.9' protocol: 6 destination_port: 80");
  ASSERT_TRUE(tcp.ok()) << tcp.status();
  EXPECT_FALSE(tcp->is_from_nic);
  EXPECT_FALSE(tcp->address);
  EXPECT_EQ(tcp->source_port, 49152);
  EXPECT_EQ(query_of("peer: '10.0.0.9' protocol: 1")->icmp_type, 8);
  EXPECT_EQ(query_of("peer: 'fd00::9' protocol: 58")->icmp_type, 128);
  EXPECT_EQ(query_of("peer: '10.0.0.9' protocol: 47")->source_port, 0);
  EXPECT_TRUE(query_of("peer: '10.0.0.9' protocol: 47 direction: DIRECTION_EGRESS")->is_from_nic);
}

TEST(Check, WhatMakesNoSenseIsRefusedByName) {
  const std::string peer = "peer: '10.0.0.9' ";
  const std::pair<std::string, std::string> rows[] = {
      {"peer: 'x' protocol: 6", "address 'x' is malformed"},
      {peer + "address: 'x' protocol: 6", "address 'x' is malformed"},
      {peer + "direction: 7 protocol: 47", "direction 7 is unknown (wanted 1 ingress or 2 egress)"},
      {peer + "protocol: 256", "protocol 256 is too big (wanted 0..255)"},
      {peer + "protocol: 17", "no destination port (wanted one, of TCP, UDP and SCTP)"},
      {peer + "protocol: 17 destination_port: 65536", "destination port 65536 is too big"},
      {peer + "protocol: 17 destination_port: 1 source_port: 65536",
       "source port 65536 is too big"},
      {peer + "protocol: 47 source_port: 1", "ports with protocol 47"},
      {peer + "protocol: 58", "protocol 58 with an IPv4 peer"},
      {peer + "protocol: 6 destination_port: 1 icmp_type: 8",
       "an ICMP type or code with protocol 6"},
      {peer + "protocol: 1 icmp_type: 256", "ICMP type 256 is too big (wanted 0..255)"},
      {peer + "protocol: 1 icmp_code: 256", "ICMP code 256 is too big (wanted 0..255)"},
  };
  for (const auto& [text, fault] : rows) {
    const Status status = query_of(text).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text;
    EXPECT_THAT(std::string(status.message()), testing::StartsWith("nic 'a': check: " + fault));
  }
}

}  // namespace
}  // namespace butterfly
