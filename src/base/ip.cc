// SPDX-License-Identifier: Apache-2.0
#include "base/ip.h"

#include <arpa/inet.h>

#include <charconv>

namespace butterfly {
namespace {

// Clears every bit after the first `length` of the 16 bytes.
void clear_host_bits(std::array<uint8_t, 16>& bytes, unsigned length) {
  for (unsigned i = 0; i < 16; ++i) {
    const unsigned first = i * 8;
    if (length >= first + 8) continue;
    const unsigned kept = length <= first ? 0 : 0xffU << (8 - (length - first));
    bytes[i] = static_cast<uint8_t>(bytes[i] & kept);
  }
}

IpAddress from_bytes(const std::array<uint8_t, 16>& bytes, bool v4) {
  if (v4) return Ipv4{{bytes[12], bytes[13], bytes[14], bytes[15]}};
  return Ipv6{bytes};
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  // inet_pton stops at a NUL, which text from the API may carry.
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  const std::string copy(text);
  if (Ipv4 v4; inet_pton(AF_INET, copy.c_str(), v4.bytes.data()) == 1) return IpAddress(v4);
  if (Ipv6 v6; inet_pton(AF_INET6, copy.c_str(), v6.bytes.data()) == 1) {
    const IpAddress address(v6);
    if (address.is_v4()) return std::nullopt;
    return address;
  }
  return std::nullopt;
}

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN];
  if (is_v4()) {
    inet_ntop(AF_INET, &bytes_[12], text, sizeof text);
  } else {
    inet_ntop(AF_INET6, bytes_.data(), text, sizeof text);
  }
  return text;
}

Cidr::Cidr(IpAddress address, unsigned length) {
  const bool v4 = address.is_v4();
  const unsigned max = v4 ? 32 : 128;
  length_ = length > max ? max : length;
  auto bytes = address.bytes();
  clear_host_bits(bytes, length_ + (v4 ? 96 : 0));
  address_ = from_bytes(bytes, v4);
}

std::optional<Cidr> Cidr::parse(std::string_view text) {
  const size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  const unsigned max = address->is_v4() ? 32 : 128;
  if (slash == std::string_view::npos) return Cidr(*address, max);
  unsigned length = 0;
  const std::string_view digits = text.substr(slash + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (error != std::errc() || end != digits.data() + digits.size() || length > max) {
    return std::nullopt;
  }
  const Cidr cidr(*address, length);
  if (cidr.address() != *address) return std::nullopt;
  return cidr;
}

bool Cidr::contains(const IpAddress& address) const {
  if (address.is_v4() != is_v4()) return false;
  return Cidr(address, length_).address_ == address_;
}

std::string Cidr::to_string() const { return address_.to_string() + "/" + std::to_string(length_); }

}  // namespace butterfly
