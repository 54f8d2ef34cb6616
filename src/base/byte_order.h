// SPDX-License-Identifier: Apache-2.0
// Big-endian integers as types, so that byte order is never a comment.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace butterfly {

static_assert(std::endian::native == std::endian::little, "written for little-endian hosts");

// The bytes as they lie in memory, in one load: for comparing and hashing. Of a loop over bytes
// compilers make as many loads, of == for arrays a call of memcmp, of bit_cast a copy.
template <typename T>
constexpr T load_raw(const uint8_t* bytes) {
  T raw = 0;
  if (std::is_constant_evaluated()) {
    for (size_t i = 0; i < sizeof(T); ++i) raw = static_cast<T>(raw | T{bytes[i]} << (8 * i));
  } else {
    std::memcpy(&raw, bytes, sizeof raw);
  }
  return raw;
}

// An unsigned integer stored in network byte order, with no alignment requirement.
template <typename T>
class [[gnu::packed]] BigEndian {
 public:
  constexpr BigEndian() = default;
  constexpr BigEndian(T host) : raw_(swap(host)) {}    // NOLINT: conversion is the point
  constexpr operator T() const { return swap(raw_); }  // NOLINT

  static constexpr BigEndian from_raw(T raw) { return BigEndian(swap(raw)); }
  // The bits as they lie in memory: for hashing and comparing only.
  constexpr T raw() const { return raw_; }

 private:
  static constexpr T swap(T v) {
    if constexpr (sizeof(T) == 2) return __builtin_bswap16(v);
    if constexpr (sizeof(T) == 4) return __builtin_bswap32(v);
    if constexpr (sizeof(T) == 8) return __builtin_bswap64(v);
  }
  T raw_{};
};

using be16 = BigEndian<uint16_t>;
using be32 = BigEndian<uint32_t>;
using be64 = BigEndian<uint64_t>;
static_assert(sizeof(be16) == 2 && alignof(be16) == 1);
static_assert(sizeof(be32) == 4 && alignof(be32) == 1);

}  // namespace butterfly
