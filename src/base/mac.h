// SPDX-License-Identifier: Apache-2.0
// An Ethernet address (IEEE 802, 48 bits), in transmission order.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace butterfly {

struct Mac {
  std::array<uint8_t, 6> bytes{};

  // Accepts six pairs of hexadecimal digits separated by ':' (or '-'); nothing else.
  static std::optional<Mac> parse(std::string_view text);
  // The 48 low bits of `value`, first byte on the wire most significant.
  static constexpr Mac from_u64(uint64_t value) {
    Mac mac;
    for (int i = 5; i >= 0; --i, value >>= 8) mac.bytes[i] = static_cast<uint8_t>(value);
    return mac;
  }
  static constexpr Mac broadcast() { return from_u64(0xffffffffffff); }

  constexpr uint64_t to_u64() const {
    uint64_t high = 0;
    for (uint8_t b : bytes) high = high << 8 | b;
    return high;
  }
  constexpr bool is_group() const { return (bytes[0] & 1) != 0; }
  constexpr bool is_broadcast() const { return to_u64() == 0xffffffffffff; }
  constexpr bool is_zero() const { return to_u64() == 0; }
  std::string to_string() const;

  friend constexpr auto operator<=>(const Mac&, const Mac&) = default;
};
static_assert(sizeof(Mac) == 6 && alignof(Mac) == 1);

}  // namespace butterfly
