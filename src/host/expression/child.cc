// SPDX-License-Identifier: Apache-2.0
#include "host/expression/child.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/fd.h"

namespace butterfly {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMaxAnswer = 1 + kMaxExpressionInstructions * sizeof(ClassicInstruction);

Status cannot(const char* what) {
  return exhausted(std::string("the expression compiler cannot be started: ") + what + ": " +
                   std::strerror(errno) + " (wanted: descriptors and memory)");
}

// Above standard input and output, so that making these two for the child does not hit it.
Fd lifted(int fd) {
  Fd low(fd);
  return Fd(fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

// The text as a file without a name: unlike a pipe it takes all of it at once, and nobody gets a
// SIGPIPE when the child dies early.
Fd file_of(const std::string& text) {
  Fd file = lifted(memfd_create("expression", MFD_CLOEXEC));
  const auto length = static_cast<ssize_t>(text.size());
  if (pwrite(file.get(), text.data(), text.size(), 0) != length) return {};
  return file;
}

// The child has these two descriptors, no environment, and no signal blocked.
int spawn(const std::string& compiler, const Fd& input, const Fd& output, pid_t& child) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output.get(), STDOUT_FILENO);
  posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  char* const arguments[] = {const_cast<char*>(compiler.c_str()), nullptr};
  char* const environment[] = {nullptr};
  const int error =
      posix_spawn(&child, compiler.c_str(), &actions, &attributes, arguments, environment);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

struct Said {
  std::string answer;
  bool is_late = false;
};

// Until the child has closed its end, has said too much, or the time is over.
Said listen(const Fd& output, Clock::time_point deadline) {
  Said said;
  std::array<char, 4096> piece;
  while (said.answer.size() <= kMaxAnswer) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd waiting{output.get(), POLLIN, 0};
    const int ready = left.count() <= 0 ? 0 : poll(&waiting, 1, static_cast<int>(left.count()));
    if (ready == 0) {
      said.is_late = true;
      break;
    }
    if (ready < 0 && errno == EINTR) continue;
    const ssize_t count = read(output.get(), piece.data(), piece.size());
    if (count <= 0) break;
    said.answer.append(piece.data(), static_cast<size_t>(count));
  }
  return said;
}

// What a process that may have been taken over says, for people's terminals.
std::string printable(std::string text) {
  if (text.size() > kMaxAnswerFault) text.resize(kMaxAnswerFault);
  for (char& c : text) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return text;
}

Status senseless() { return invalid("the compiler's answer to it makes no sense"); }

StatusOr<std::vector<ClassicInstruction>> read_answer(const std::string& answer) {
  if (answer.empty()) return invalid("the compiler has nothing to say of it");
  const std::string body = answer.substr(1);
  if (answer[0] == kAnswerFault) return invalid(printable(body));
  const size_t count = body.size() / sizeof(ClassicInstruction);
  if (answer[0] != kAnswerProgram || body.size() % sizeof(ClassicInstruction) != 0 ||
      count > kMaxExpressionInstructions) {
    return senseless();
  }
  std::vector<ClassicInstruction> program(count);
  if (count != 0) std::memcpy(program.data(), body.data(), body.size());
  return program;
}

Status killed(int signal) {
  if (signal == SIGXCPU || signal == SIGKILL) {
    return invalid("it takes more than " + std::to_string(kExpressionCpuSeconds) +
                   " s of CPU time to compile (wanted less)");
  }
  return invalid(std::string("the compiler died of it: ") + strsignal(signal));
}

}  // namespace

StatusOr<std::vector<ClassicInstruction>> compile_in_child(const std::string& compiler,
                                                           const std::string& text,
                                                           std::chrono::milliseconds patience) {
  const Fd input = file_of(text);
  if (!input) return cannot("its input");
  std::array<int, 2> ends;
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return cannot("its output");
  const Fd output = lifted(ends[0]);
  Fd child_end = lifted(ends[1]);
  if (!output || !child_end) return cannot("its output");
  pid_t child = 0;
  if (const int error = spawn(compiler, input, child_end, child); error != 0) {
    return precondition("expression compiler '" + compiler + "': " + std::strerror(error) +
                        " (wanted butterfly-expression-compiler there)");
  }
  child_end.reset();
  const Said said = listen(output, Clock::now() + patience);
  // An honest child that closes its end is on its way out, with its exit code; no other may stay.
  kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (said.is_late) {
    return exhausted("the compiler has not finished after " + std::to_string(patience.count()) +
                     " ms: the machine is busy, or it hangs (wanted less)");
  }
  if (said.answer.size() > kMaxAnswer) return senseless();
  if (WIFSIGNALED(status)) return killed(WTERMSIG(status));
  if (WEXITSTATUS(status) != 0) {
    return precondition("expression compiler '" + compiler + "' ended with " +
                        std::to_string(WEXITSTATUS(status)) + " (wanted 0)");
  }
  return read_answer(said.answer);
}

}  // namespace butterfly
