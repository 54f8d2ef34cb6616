// SPDX-License-Identifier: Apache-2.0
// A large array of zeroed memory that takes real memory only where it is touched, in huge pages
// where the kernel has them.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace butterfly {

// Of `count` elements, all bytes zero, fixed for its life. Throws std::bad_alloc, at start only,
// when the address space has no room. REQUIRES: T is fine with being zeroed and never destroyed.
template <typename T>
class LazyArray {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  explicit LazyArray(size_t count) : bytes_(rounded_up(count * sizeof(T))) {
    void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    // What fits no huge page stays on small ones: tests make many small tables.
    if (bytes_ >= kHugePage) madvise(memory, bytes_, MADV_HUGEPAGE);
    elements_ = static_cast<T*>(memory);
  }
  ~LazyArray() { munmap(elements_, bytes_); }
  LazyArray(const LazyArray&) = delete;
  LazyArray& operator=(const LazyArray&) = delete;

  T& operator[](size_t index) const { return elements_[index]; }
  T* data() const { return elements_; }

 private:
  static constexpr size_t kHugePage = size_t{2} << 20;
  static constexpr size_t kPage = 4096;
  static size_t rounded_up(size_t bytes) { return (bytes + kPage) / kPage * kPage; }

  size_t bytes_;
  T* elements_;
};

}  // namespace butterfly
