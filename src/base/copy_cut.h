// SPDX-License-Identifier: Apache-2.0
// A name in a field of fixed size, as traces and events hold them.
#pragma once

#include <algorithm>
#include <span>
#include <string_view>

namespace butterfly {

// Copies as much of `from` as fits, and a zero behind it. REQUIRES: `to` is not empty.
inline void copy_cut(std::span<char> to, std::string_view from) {
  const size_t count = std::min(from.size(), to.size() - 1);
  std::copy_n(from.begin(), count, to.begin());
  to[count] = '\0';
}

}  // namespace butterfly
