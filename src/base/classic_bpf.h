// SPDX-License-Identifier: Apache-2.0
// A compiled pcap-filter(7) expression, as libpcap makes it and as `butterfly-expression-compiler`
// hands it over: a program of classic BPF (McCanne and Jacobson 1993) over an IP packet.
#pragma once

#include <cstddef>
#include <cstdint>

namespace butterfly {

// As in libpcap's struct bpf_insn.
struct ClassicInstruction {
  uint16_t code;
  uint8_t jump_true;
  uint8_t jump_false;
  uint32_t k;
  friend bool operator==(const ClassicInstruction&, const ClassicInstruction&) = default;
};
static_assert(sizeof(ClassicInstruction) == 8);

inline constexpr size_t kMaxExpressionLength = 65536;  // bytes of text
inline constexpr size_t kMaxExpressionInstructions = 4096;
// What the compiler may take before it is ended.
inline constexpr unsigned kExpressionCpuSeconds = 1;
inline constexpr size_t kExpressionMemoryBytes = 256u << 20;

// The compiler's answer: one of these bytes, then the instructions, or why there are none.
inline constexpr char kAnswerProgram = 'P';
inline constexpr char kAnswerFault = 'F';
inline constexpr size_t kMaxAnswerFault = 512;

}  // namespace butterfly
