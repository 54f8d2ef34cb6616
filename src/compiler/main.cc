// SPDX-License-Identifier: Apache-2.0
// butterfly-expression-compiler: one pcap-filter(7) expression on standard input, its program on
// standard output (base/classic_bpf.h). butterflyd starts one for each expression.
//
// Its own process, because libpcap's compiler is not made for hostile text: it may take seconds or
// gigabytes, or die. It has no file, no network and no name service.
#include <pcap/pcap.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "base/classic_bpf.h"
#include "compiler/confine.h"

namespace butterfly {
namespace {

// Expressions begin at the IP header: what is before it is not known when a flow is judged again.
constexpr int kLinkType = DLT_RAW;
constexpr int kSnapshotLength = 65535;

bool write_all(const char* data, size_t length) {
  while (length > 0) {
    const ssize_t count = ::write(STDOUT_FILENO, data, length);
    if (count <= 0) return false;
    data += count;
    length -= static_cast<size_t>(count);
  }
  return true;
}

int answer(char kind, const void* data, size_t length) {
  const bool is_written = write_all(&kind, 1) && write_all(static_cast<const char*>(data), length);
  return is_written ? 0 : 1;
}

// libpcap names the call that failed.
bool is_about_memory(const std::string& text) {
  return text.find("alloc") != std::string::npos || text.find("memory") != std::string::npos;
}

int answer_fault(std::string text) {
  if (is_about_memory(text)) {
    text = "it takes more than " + std::to_string(kExpressionMemoryBytes >> 20) +
           " MiB to compile (wanted less)";
  }
  return answer(kAnswerFault, text.data(), std::min(text.size(), kMaxAnswerFault));
}

// False when there is more than an expression may have.
bool read_text(std::string& text) {
  text.resize(kMaxExpressionLength + 1);
  size_t length = 0;
  while (length < text.size()) {
    const ssize_t count = ::read(STDIN_FILENO, text.data() + length, text.size() - length);
    if (count <= 0) break;
    length += static_cast<size_t>(count);
  }
  text.resize(length);
  return length <= kMaxExpressionLength;
}

int compile() {
  std::string text;
  if (!read_text(text)) return answer_fault("too long");
  pcap_t* const pcap = pcap_open_dead(kLinkType, kSnapshotLength);
  if (!pcap) return answer_fault("no memory");
  bpf_program program{};
  if (pcap_compile(pcap, &program, text.c_str(), /*optimize=*/1, PCAP_NETMASK_UNKNOWN) != 0) {
    return answer_fault(pcap_geterr(pcap));
  }
  static_assert(sizeof(bpf_insn) == sizeof(ClassicInstruction));
  if (program.bf_len > kMaxExpressionInstructions) {
    return answer_fault("it makes " + std::to_string(program.bf_len) +
                        " instructions (wanted at most " +
                        std::to_string(kMaxExpressionInstructions) + ")");
  }
  return answer(kAnswerProgram, program.bf_insns, program.bf_len * sizeof(bpf_insn));
}

}  // namespace
}  // namespace butterfly

int main() {
  if (!butterfly::confine()) return 2;
  const int code = butterfly::compile();
  ::_exit(code);  // nothing that runs at exit is needed any more
}
