// SPDX-License-Identifier: Apache-2.0
// Says plainly that a CPU is too old, instead of dying of an illegal instruction.
//
// Runs before any static constructor of our code, and is itself compiled for the oldest x86-64
// (see CMakeLists.txt), so nothing newer has been executed yet.
#include <cpuid.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace {

[[gnu::constructor(101)]] void refuse_old_cpu() {
  __builtin_cpu_init();
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  const bool has_aes = __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_AES) != 0;
  // The test hook lets CI see the message on a CPU that is new enough.
  const bool pretend = std::getenv("BUTTERFLY_TEST_OLD_CPU") != nullptr;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") && has_aes && !pretend) {
    return;
  }
  static const char kLine[] =
      "butterfly: this CPU lacks AVX2, BMI2 or AES instructions (wanted: x86-64-v3 with AES, "
      "Intel since Haswell, AMD since Zen; in a guest: -cpu host)\n";
  [[maybe_unused]] const auto written = write(STDERR_FILENO, kLine, sizeof kLine - 1);
  _exit(1);
}

}  // namespace
