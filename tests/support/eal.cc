// SPDX-License-Identifier: Apache-2.0
#include "support/eal.h"

#include <rte_eal.h>
#include <rte_log.h>

#include <cstdio>
#include <cstdlib>

namespace butterfly::test {

void start_eal() {
  static const bool started = [] {
    const char* arguments[] = {
        "test",     "--no-huge",      "-m", "128", "--no-shconf",
        "--no-pci", "--no-telemetry", "-l", "0",   "--log-level=lib.eal:error"};
    const int count = static_cast<int>(std::size(arguments));
    if (rte_eal_init(count, const_cast<char**>(arguments)) < 0) {
      std::fprintf(stderr, "EAL did not start: is there 128 MB of free memory?\n");
      std::abort();
    }
    return true;
  }();
  (void)started;
}

PacketPool& pool() {
  start_eal();
  static StatusOr<PacketPool> pool = PacketPool::create("test", 8191, 0, 0);
  if (!pool.ok()) {
    std::fprintf(stderr, "%s\n", std::string(pool.status().message()).c_str());
    std::abort();
  }
  return *pool;
}

}  // namespace butterfly::test
