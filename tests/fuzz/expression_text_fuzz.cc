// SPDX-License-Identifier: Apache-2.0
// Feeds hostile text to the real compiler in its real child process: whatever becomes of the child,
// there is an answer in time, and what it calls a program may be run.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "host/expression/child.h"
#include "host/expression/classic_program.h"

namespace {

void require(bool fact, const char* sentence) {
  if (fact) return;
  std::fprintf(stderr, "broken: %s\n", sentence);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace butterfly;  // NOLINT: a program of one page
  const auto start = std::chrono::steady_clock::now();
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto program = compile_in_child(BUTTERFLY_EXPRESSION_COMPILER, text);
  const auto took = std::chrono::steady_clock::now() - start;
  require(took < 2 * kExpressionPatience, "an answer in time");
  if (!program.ok()) {
    require(!program.status().message().empty(), "a refusal says why");
    return 0;
  }
  const uint8_t packet[60] = {0x45};
  if (check_program(*program).ok()) (void)run_program(*program, packet);
  return 0;
}
