// SPDX-License-Identifier: Apache-2.0
#include "support/eal.h"

#include <rte_eal.h>
#include <rte_log.h>

#include <cstdio>
#include <cstdlib>

namespace butterfly::test {

void start_eal() {
  static const bool started = [] {
    const char* arguments[] = {"test",
                               "--no-huge",
                               "-m",
                               "128",
                               "--no-shconf",
                               "--no-pci",
                               "--no-telemetry",
                               "-l",
                               "0",
                               "--log-level=lib.eal:error",
                               "--log-level=lib.vhost.*:critical"};
    const int count = static_cast<int>(std::size(arguments));
    if (rte_eal_init(count, const_cast<char**>(arguments)) < 0) {
      std::fprintf(stderr, "EAL did not start: is there 128 MB of free memory?\n");
      std::abort();
    }
    return true;
  }();
  (void)started;
}

namespace {

PacketPool make_pool(const char* name, uint32_t count, uint16_t data) {
  start_eal();
  StatusOr<PacketPool> pool = PacketPool::create(name, count, 0, 0, data);
  if (!pool.ok()) {
    std::fprintf(stderr, "%s\n", std::string(pool.status().message()).c_str());
    std::abort();
  }
  return *std::move(pool);
}

}  // namespace

PacketPool& pool() {
  static PacketPool pool = make_pool("test", 8191, kBufferData);
  return pool;
}

PacketPool& large_pool() {
  static PacketPool pool = make_pool("test-large", 127, kLargeBufferData);
  return pool;
}

}  // namespace butterfly::test
