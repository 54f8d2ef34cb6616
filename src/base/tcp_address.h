// SPDX-License-Identifier: Apache-2.0
// Where the API is over TCP: "tcp:192.0.2.1:7447", "tcp:[2001:db8::1]:7447",
// "tcp:host.example:7447".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace butterfly {

inline constexpr std::string_view kTcpScheme = "tcp:";

struct TcpAddress {
  std::string host;  // name or address, without brackets
  uint16_t port = 0;

  // "HOST:PORT", "[ADDRESS]:PORT".
  std::string to_string() const;
  bool operator==(const TcpAddress&) const = default;
};

// Nothing when malformed: the scheme, a host (an IPv6 address in brackets) and a port are wanted.
// What the host says is not looked at.
std::optional<TcpAddress> parse_tcp_address(std::string_view text);

}  // namespace butterfly
