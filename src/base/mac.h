// SPDX-License-Identifier: Apache-2.0
// An Ethernet address (IEEE 802, 48 bits), in transmission order.
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

struct Mac {
  std::array<uint8_t, 6> bytes{};

  // Accepts six pairs of hexadecimal digits separated by ':' (or '-'); nothing else.
  static std::optional<Mac> parse(std::string_view text);
  // The 48 low bits of `value`, first byte on the wire most significant.
  static constexpr Mac from_u64(uint64_t value) {
    const auto bytes = std::bit_cast<std::array<uint8_t, 8>>(__builtin_bswap64(value << 16));
    return {{bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]}};
  }
  static constexpr Mac broadcast() { return from_u64(0xffffffffffff); }

  constexpr uint64_t to_u64() const { return __builtin_bswap64(word()) >> 16; }
  constexpr bool is_group() const { return (bytes[0] & 1) != 0; }
  constexpr bool is_broadcast() const { return word() == 0xffffffffffff; }
  constexpr bool is_zero() const { return word() == 0; }
  std::string to_string() const;

  friend constexpr bool operator==(const Mac& a, const Mac& b) { return a.word() == b.word(); }
  friend constexpr auto operator<=>(const Mac&, const Mac&) = default;

 private:
  constexpr uint64_t word() const {
    return load_raw<uint32_t>(bytes.data()) | uint64_t{load_raw<uint16_t>(bytes.data() + 4)} << 32;
  }
};
static_assert(sizeof(Mac) == 6 && alignof(Mac) == 1);

}  // namespace butterfly
