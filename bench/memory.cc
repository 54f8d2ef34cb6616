// SPDX-License-Identifier: Apache-2.0
#include "bench/memory.h"

#include <rte_malloc.h>
#include <sched.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "support/eal.h"

namespace butterfly::bench {
namespace {

constexpr const char* kHeap = "bench";
constexpr size_t kPage = size_t{2} << 20;
constexpr size_t kHeapSize = 8 * kPage;
constexpr uint32_t kBuffers = 2'047;
constexpr uint32_t kCached = 256;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "bench: %s\n", what);
  std::exit(1);
}

// Whole 2 MiB pages where the kernel gives them; kept until the process ends.
void* reserve_heap() {
  void* raw =
      mmap(nullptr, kHeapSize + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) fail("no memory for packet buffers");
  const auto aligned = (reinterpret_cast<uintptr_t>(raw) + kPage - 1) & ~(kPage - 1);
  void* heap = reinterpret_cast<void*>(aligned);
  madvise(heap, kHeapSize, MADV_HUGEPAGE);
  return heap;
}

// EAL moves its caller to CPU 0; whoever started us chose another one (taskset).
void start_eal_here() {
  cpu_set_t chosen;
  sched_getaffinity(0, sizeof chosen, &chosen);
  test::start_eal();
  sched_setaffinity(0, sizeof chosen, &chosen);
}

int heap_socket() {
  start_eal_here();
  if (rte_malloc_heap_create(kHeap) != 0 ||
      rte_malloc_heap_memory_add(kHeap, reserve_heap(), kHeapSize, nullptr, 0, kPage) != 0) {
    fail("DPDK did not take the memory for packet buffers");
  }
  return rte_malloc_heap_get_socket(kHeap);
}

}  // namespace

PacketPool& packet_pool() {
  static StatusOr<PacketPool> pool = PacketPool::create("bench", kBuffers, kCached, heap_socket());
  if (!pool.ok()) fail(std::string(pool.status().message()).c_str());
  return *pool;
}

}  // namespace butterfly::bench
