// SPDX-License-Identifier: Apache-2.0
#include "compiler/confine.h"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>

#include "base/classic_bpf.h"

namespace butterfly {
namespace {

bool limit(__rlimit_resource resource, rlim_t soft, rlim_t hard) {
  const rlimit limits{soft, hard};
  return setrlimit(resource, &limits) == 0;
}

// Those of a root, and the ambient ones that the daemon's unit gives (capabilities(7)).
bool give_up_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  return syscall(SYS_capset, &header, none.data()) == 0;
}

// Everything else fails with EPERM, as if there were nothing there.
void allow_few_calls() {
  constexpr std::array kAllowed{SYS_read,   SYS_write,  SYS_brk,       SYS_mmap,
                                SYS_munmap, SYS_mremap, SYS_exit_group};
  std::array<sock_filter, kAllowed.size() + 6> filter;
  size_t length = 0;
  const auto add = [&](sock_filter instruction) { filter[length++] = instruction; };
  add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)));
  add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0));
  add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
  add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
  for (size_t i = 0; i < kAllowed.size(); ++i) {
    const auto to_allow = static_cast<uint8_t>(kAllowed.size() - i);
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(kAllowed[i]), to_allow, 0));
  }
  add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
  add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program{static_cast<unsigned short>(length), filter.data()};
  (void)prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

}  // namespace

bool confine() {
  const bool is_limited = limit(RLIMIT_CPU, kExpressionCpuSeconds, kExpressionCpuSeconds + 1) &&
                          limit(RLIMIT_AS, kExpressionMemoryBytes, kExpressionMemoryBytes) &&
                          limit(RLIMIT_CORE, 0, 0) && limit(RLIMIT_FSIZE, 0, 0) &&
                          limit(RLIMIT_NOFILE, 0, 0) &&
                          prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && give_up_capabilities();
  if (is_limited) allow_few_calls();
  return is_limited;
}

}  // namespace butterfly
