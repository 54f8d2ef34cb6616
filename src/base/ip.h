// SPDX-License-Identifier: Apache-2.0
// IPv4 and IPv6 addresses and prefixes (RFC 791, RFC 4291, text form RFC 5952).
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "base/byte_order.h"

namespace butterfly {

struct Ipv4 {
  std::array<uint8_t, 4> bytes{};

  static constexpr Ipv4 from_u32(uint32_t host) {
    return {{static_cast<uint8_t>(host >> 24), static_cast<uint8_t>(host >> 16),
             static_cast<uint8_t>(host >> 8), static_cast<uint8_t>(host)}};
  }
  constexpr uint32_t to_u32() const {
    return static_cast<uint32_t>(bytes[0]) << 24 | static_cast<uint32_t>(bytes[1]) << 16 |
           static_cast<uint32_t>(bytes[2]) << 8 | bytes[3];
  }
  constexpr bool is_zero() const { return to_u32() == 0; }
  constexpr bool is_multicast() const { return (bytes[0] & 0xf0) == 0xe0; }
  constexpr bool is_limited_broadcast() const { return to_u32() == 0xffffffff; }
  // False for what no single host can be: "this network", loopback, groups, class E, broadcast
  // (RFC 1122 §3.2.1.3). Nothing is ever sent in answer to such a source.
  constexpr bool names_a_host() const {
    return bytes[0] != 0 && bytes[0] != 127 && bytes[0] < 0xe0;
  }
  friend constexpr bool operator==(const Ipv4& a, const Ipv4& b) {
    return load_raw<uint32_t>(a.bytes.data()) == load_raw<uint32_t>(b.bytes.data());
  }
  friend constexpr auto operator<=>(const Ipv4&, const Ipv4&) = default;
};
static_assert(sizeof(Ipv4) == 4 && alignof(Ipv4) == 1);

constexpr bool equal_16(const uint8_t* a, const uint8_t* b) {
  return ((load_raw<uint64_t>(a) ^ load_raw<uint64_t>(b)) |
          (load_raw<uint64_t>(a + 8) ^ load_raw<uint64_t>(b + 8))) == 0;
}

struct Ipv6 {
  std::array<uint8_t, 16> bytes{};

  constexpr bool is_zero() const { return *this == Ipv6{}; }
  constexpr bool is_multicast() const { return bytes[0] == 0xff; }
  // False for what no single host can be: unspecified, loopback, groups (RFC 4291 §2.5).
  constexpr bool names_a_host() const {
    constexpr std::array<uint8_t, 16> kLoopback{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    return !is_zero() && !is_multicast() && bytes != kLoopback;
  }
  constexpr bool is_link_local() const { return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80; }
  // The solicited-node group of this address (RFC 4291 §2.7.1).
  constexpr Ipv6 solicited_node() const {
    return {{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0xff, bytes[13], bytes[14], bytes[15]}};
  }
  friend constexpr bool operator==(const Ipv6& a, const Ipv6& b) {
    return equal_16(a.bytes.data(), b.bytes.data());
  }
  friend constexpr auto operator<=>(const Ipv6&, const Ipv6&) = default;
};
static_assert(sizeof(Ipv6) == 16 && alignof(Ipv6) == 1);

// Either family. IPv4 is kept in the IPv4-mapped form (::ffff:a.b.c.d), so one 16-byte compare or
// hash serves both, and a genuine IPv6 address can never equal an IPv4 one: parse() and the
// datapath refuse IPv4-mapped addresses given as IPv6.
class IpAddress {
 public:
  constexpr IpAddress() = default;
  // In words, not bytes: a wide load after narrow stores would wait for each of them.
  constexpr IpAddress(Ipv4 v4)  // NOLINT: both families convert freely
      : bytes_(std::bit_cast<std::array<uint8_t, 16>>(
            std::array<uint64_t, 2>{0, kMappedV4 | uint64_t{std::bit_cast<uint32_t>(v4)} << 32})) {}
  constexpr IpAddress(Ipv6 v6) : bytes_(v6.bytes) {}  // NOLINT

  // Dotted quad or RFC 4291 text; no prefix length, no zone, no IPv4-mapped IPv6.
  static std::optional<IpAddress> parse(std::string_view text);

  constexpr bool is_v4() const {
    return load_raw<uint64_t>(bytes_.data()) == 0 &&
           load_raw<uint32_t>(bytes_.data() + 8) == kMappedV4;
  }
  constexpr bool is_v6() const { return !is_v4(); }
  // REQUIRES: is_v4().
  constexpr Ipv4 v4() const { return {{bytes_[12], bytes_[13], bytes_[14], bytes_[15]}}; }
  // REQUIRES: is_v6().
  constexpr Ipv6 v6() const { return {bytes_}; }
  constexpr const std::array<uint8_t, 16>& bytes() const { return bytes_; }
  constexpr bool is_zero() const { return is_v4() ? v4().is_zero() : v6().is_zero(); }
  constexpr bool is_multicast() const {
    return is_v4() ? v4().is_multicast() : v6().is_multicast();
  }
  std::string to_string() const;

  friend constexpr bool operator==(const IpAddress& a, const IpAddress& b) {
    return equal_16(a.bytes_.data(), b.bytes_.data());
  }
  friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  // Bytes 8 to 11 of an IPv4-mapped address, 00 00 ff ff, as a little-endian word.
  static constexpr uint32_t kMappedV4 = 0xffff0000;

  std::array<uint8_t, 16> bytes_{};
};

// A prefix. The address always has its host bits clear.
class Cidr {
 public:
  constexpr Cidr() = default;
  // The address alone.
  Cidr(const IpAddress& address)  // NOLINT: an address is the smallest prefix
      : address_(address), length_(address.is_v4() ? 32 : 128) {}
  // The prefix of `length` bits that contains `address` (IPv4: 0..32, IPv6: 0..128); host bits of
  // `address` are cleared. Longer lengths are cut to the family's maximum.
  Cidr(IpAddress address, unsigned length);

  // "ADDRESS/LENGTH" or a bare address (its full length). Host bits that are set are refused.
  static std::optional<Cidr> parse(std::string_view text);

  const IpAddress& address() const { return address_; }
  // In bits of the address's own family.
  unsigned length() const { return length_; }
  bool is_v4() const { return address_.is_v4(); }
  // False for an address of the other family, also for /0.
  bool contains(const IpAddress& address) const;
  // Whether it is one address and no more.
  bool is_single() const { return length_ == (is_v4() ? 32 : 128); }
  std::string to_string() const;
  // As to_string(), of a single address without its length.
  std::string to_short_string() const { return is_single() ? address_.to_string() : to_string(); }

  friend auto operator<=>(const Cidr&, const Cidr&) = default;

 private:
  IpAddress address_;
  unsigned length_ = 0;
};

}  // namespace butterfly
