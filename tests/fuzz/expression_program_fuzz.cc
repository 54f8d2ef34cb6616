// SPDX-License-Identifier: Apache-2.0
// Feeds hostile programs, as a compiler that was taken over might answer, and packets: what
// check_program() lets pass must end, read nothing outside the packet, and mean what libpcap's
// interpreter says.
#include <linux/filter.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "host/expression/classic_program.h"

extern "C" unsigned bpf_filter(const butterfly::ClassicInstruction* program,
                               const unsigned char* packet, unsigned wire_length, unsigned length);

// The first byte says how many instructions, eight bytes each, come before the packet.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace butterfly;  // NOLINT: a program of one page
  if (size == 0) return 0;
  const size_t count = std::min<size_t>(data[0], (size - 1) / sizeof(ClassicInstruction));
  std::vector<ClassicInstruction> program(count);
  if (count != 0) std::memcpy(program.data(), data + 1, count * sizeof(ClassicInstruction));
  // An allocation of its own, so that a read outside is seen.
  const size_t begin = 1 + count * sizeof(ClassicInstruction);
  const std::vector<uint8_t> packet(data + begin, data + size);
  if (!check_program(program).ok()) return 0;
  const bool matches = run_program(program, packet);
  // libpcap's scratch memory holds whatever the stack held.
  const bool reads_scratch = std::any_of(program.begin(), program.end(), [](const auto& it) {
    return it.code == (BPF_LD | BPF_MEM) || it.code == (BPF_LDX | BPF_MEM);
  });
  const auto length = static_cast<unsigned>(packet.size());
  if (reads_scratch || packet.empty()) return 0;
  if (matches != (bpf_filter(program.data(), packet.data(), length, length) != 0)) {
    std::fprintf(stderr, "broken: libpcap disagrees\n");
    std::abort();
  }
  return 0;
}
