// SPDX-License-Identifier: Apache-2.0
#include "base/tcp_address.h"

#include <gtest/gtest.h>

namespace butterfly {
namespace {

TEST(TcpAddress, HasAHostAndAPort) {
  const auto v4 = parse_tcp_address("tcp:192.0.2.1:7447");
  ASSERT_TRUE(v4);
  EXPECT_EQ(v4->host, "192.0.2.1");
  EXPECT_EQ(v4->port, 7447);
  EXPECT_EQ(v4->to_string(), "192.0.2.1:7447");
  const auto v6 = parse_tcp_address("tcp:[2001:db8::1]:65535");
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->host, "2001:db8::1");
  EXPECT_EQ(v6->to_string(), "[2001:db8::1]:65535");
  EXPECT_EQ(parse_tcp_address("tcp:host.example:1")->host, "host.example");
}

TEST(TcpAddress, IsRefusedWhereItIsMalformed) {
  for (const char* text :
       {"", "tcp:", "tcp::1", "tcp:host", "tcp:host:", "tcp:host:65536", "tcp:host:-1",
        "tcp:host:1x", "tcp:host: 1", "tcp:2001:db8::1:7447", "tcp:[host]:1", "tcp:[]:1",
        "tcp:[::1:1", "tcp://host:1", "unix:/run/api.sock", "host:1", "tcp:a b:1"}) {
    EXPECT_FALSE(parse_tcp_address(text)) << text;
  }
}

}  // namespace
}  // namespace butterfly
