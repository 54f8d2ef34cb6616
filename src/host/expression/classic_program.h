// SPDX-License-Identifier: Apache-2.0
// Classic BPF as it came from the compiler: whether it may be run, and running it.
// Source: the language as bpf(4) describes it. Knows no DPDK.
#pragma once

#include <cstdint>
#include <span>

#include "base/classic_bpf.h"
#include "base/status.h"

namespace butterfly {

using ClassicProgram = std::span<const ClassicInstruction>;

// Nothing of the program is believed. invalid_argument when it has no instruction or too many, one
// that is unknown or asks for more than the bytes of an IP packet, a jump that leads backwards or
// out, a division by zero, or an end that is no return. Messages speak of the expression.
Status check_program(ClassicProgram program);

// Whether the packet matches. A look past its end is no match. REQUIRES: check_program().
bool run_program(ClassicProgram program, std::span<const uint8_t> packet) noexcept;

}  // namespace butterfly
