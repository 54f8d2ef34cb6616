// SPDX-License-Identifier: Apache-2.0
#include "base/tcp_address.h"

#include <charconv>

namespace butterfly {

std::string TcpAddress::to_string() const {
  const bool is_v6 = host.find(':') != std::string::npos;
  return (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::optional<TcpAddress> parse_tcp_address(std::string_view text) {
  if (!text.starts_with(kTcpScheme)) return std::nullopt;
  text.remove_prefix(kTcpScheme.size());
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const bool is_bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  if (host.empty() || host.find_first_of("[]/ ") != std::string_view::npos) return std::nullopt;
  if (is_bracketed != (host.find(':') != std::string_view::npos)) return std::nullopt;
  TcpAddress address{std::string(host), 0};
  const char* const end = port.data() + port.size();
  const auto [stop, error] = std::from_chars(port.data(), end, address.port);
  if (error != std::errc() || stop != end || port.empty()) return std::nullopt;
  return address;
}

}  // namespace butterfly
