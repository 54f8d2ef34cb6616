// SPDX-License-Identifier: Apache-2.0
// What one lcore writes lies in no cache line that another one reads or writes, unless that is how
// they speak to each other. Who writes what: docs/cache_lines.md.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace butterfly {

inline constexpr size_t kCacheLine = 64;
// Some processors fetch lines in pairs.
inline constexpr size_t kLinePair = 2 * kCacheLine;

// Memory in whole lines.
template <typename T>
struct LineAllocator {
  using value_type = T;
  static constexpr std::align_val_t kAlignment{kCacheLine};

  LineAllocator() = default;
  template <typename Other>
  explicit LineAllocator(const LineAllocator<Other>&) {}
  T* allocate(size_t count) {
    const size_t bytes = (count * sizeof(T) + kCacheLine - 1) / kCacheLine * kCacheLine;
    return static_cast<T*>(::operator new(bytes, kAlignment));
  }
  void deallocate(T* memory, size_t) { ::operator delete(memory, kAlignment); }
  friend bool operator==(const LineAllocator&, const LineAllocator&) { return true; }
};

// Of which an lcore writes the elements, next to what others write.
template <typename T>
using LineVector = std::vector<T, LineAllocator<T>>;

}  // namespace butterfly
