// SPDX-License-Identifier: Apache-2.0
// FNV-1a, 64 bits (draft-eastlake-fnv): a fixed hash for what is stored, which std::hash is not.
// Finds accidents, not forgeries.
#pragma once

#include <cstdint>
#include <string_view>

namespace butterfly {

inline constexpr uint64_t kFnvStart = 0xcbf29ce484222325;

// `start` is the hash of what came before.
constexpr uint64_t fnv1a(std::string_view text, uint64_t start = kFnvStart) {
  uint64_t hash = start;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace butterfly
