// SPDX-License-Identifier: Apache-2.0
#include "bench/memory.h"

#include <rte_malloc.h>
#include <sched.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "support/eal.h"

namespace butterfly::bench {
namespace {

constexpr size_t kPage = size_t{2} << 20;
constexpr uint32_t kBuffers = 2'047;
constexpr uint32_t kCached = 256;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "bench: %s\n", what);
  std::exit(1);
}

// Whole 2 MiB pages where the kernel gives them; kept until the process ends.
void* reserve(size_t bytes) {
  void* raw =
      mmap(nullptr, bytes + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) fail("no memory");
  const auto aligned = (reinterpret_cast<uintptr_t>(raw) + kPage - 1) & ~(kPage - 1);
  void* heap = reinterpret_cast<void*>(aligned);
  madvise(heap, bytes, MADV_HUGEPAGE);
  return heap;
}

// EAL moves its caller to CPU 0; whoever started us chose another one (taskset).
void start_eal_here() {
  static bool started = false;
  if (std::exchange(started, true)) return;
  cpu_set_t chosen;
  sched_getaffinity(0, sizeof chosen, &chosen);
  test::start_eal();
  sched_setaffinity(0, sizeof chosen, &chosen);
}

}  // namespace

int huge_heap(const char* name, size_t bytes) {
  start_eal_here();
  const size_t whole = (bytes + kPage - 1) / kPage * kPage;
  if (rte_malloc_heap_create(name) != 0 ||
      rte_malloc_heap_memory_add(name, reserve(whole), whole, nullptr, 0, kPage) != 0) {
    fail("DPDK did not take the memory");
  }
  return rte_malloc_heap_get_socket(name);
}

PacketPool& packet_pool() {
  static StatusOr<PacketPool> pool = [] {
    start_eal_here();
    return PacketPool::create("bench", kBuffers, kCached, SOCKET_ID_ANY);
  }();
  if (!pool.ok()) fail(std::string(pool.status().message()).c_str());
  return *pool;
}

}  // namespace butterfly::bench
