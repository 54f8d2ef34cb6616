// SPDX-License-Identifier: Apache-2.0
// `butterflyd --check`: whether a start with this configuration would succeed, as far as can be
// told without one. Makes, changes and takes nothing.
#pragma once

#include <string>
#include <vector>

#include "daemon/capabilities.h"
#include "daemon/config.h"
#include "daemon/expression_program.h"

namespace butterfly {

enum class Verdict : uint8_t {
  fine,
  warning,  // it starts, and something would be missing or slower
  fault,    // it does not start
};

struct Finding {
  Verdict verdict = Verdict::fine;
  std::string text;  // object: fact (wanted: the remedy)
};

// RLIMIT_MEMLOCK, as far as it may be raised.
uint64_t lockable_memory();

// What is looked at; tests bring their own.
struct Surroundings {
  std::string sysfs = "/sys";
  std::string devices = "/dev";
  std::string expression_program = butterfly::expression_program();
  uint64_t capabilities = effective_capabilities();
  uint64_t lockable_bytes = lockable_memory();  // in memory, without CAP_IPC_LOCK
};

// In the order of the configuration. A daemon that runs on this state file holds what it needs:
// that is no fault, so that the file can be checked before a reload.
std::vector<Finding> check_start(const Config& config, const Surroundings& surroundings = {});

// The parts of it.
struct Findings {
  std::vector<Finding> list;
  bool is_running = false;  // a daemon has the state file or the API socket

  void fine(const std::string& text) { list.push_back({Verdict::fine, text}); }
  void warn(const std::string& text) { list.push_back({Verdict::warning, text}); }
  void fault(const std::string& text) { list.push_back({Verdict::fault, text}); }
  // A fault, unless a daemon that runs may be the reason.
  void fault_if_alone(const std::string& text) { is_running ? warn(text) : fault(text); }
};
void check_state_file(const DaemonConfig& config, Findings& findings);
void check_sockets(const DaemonConfig& config, Findings& findings);
void check_certificates(const ApiConfig& config, Findings& findings);
void check_machine(const Config& config, const Surroundings& surroundings, Findings& findings);
void check_uplink(const Config& config, const Surroundings& surroundings, Findings& findings);

// One line each, "fault    uplink 'eth1': …", and one that counts them.
std::string findings_text(const std::vector<Finding>& findings, const std::string& file);
bool has_fault(const std::vector<Finding>& findings);

}  // namespace butterfly
