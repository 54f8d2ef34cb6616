// SPDX-License-Identifier: Apache-2.0
// placement_check CPU CPU: nanoseconds that a cache line takes from one CPU to the other.
#include <cstdio>
#include <cstdlib>

#include "bench/ping_pong.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: placement_check CPU CPU\n", stderr);
    return 2;
  }
  std::printf("%.1f\n",
              butterfly::bench::nanoseconds_across(std::atoi(argv[1]), std::atoi(argv[2])));
  return 0;
}
