// SPDX-License-Identifier: Apache-2.0
// What a process that expects to be taken over gives up beforehand.
#pragma once

namespace butterfly {

// CPU time and memory as base/classic_bpf.h says; no descriptor beside those that are open; no
// capability; no system call beyond reading, writing, memory and the end, where the kernel has
// seccomp. False when one of the others cannot be had.
bool confine();

}  // namespace butterfly
