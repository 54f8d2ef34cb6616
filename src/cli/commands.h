// SPDX-License-Identifier: Apache-2.0
// The verbs of the command, by topic. Each adds its subcommands; the one that is parsed sets
// command.action.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/command.h"

namespace butterfly {

void add_nic_commands(CLI::App& root, Command& command);
void add_group_commands(CLI::App& root, Command& command);
void add_rule_commands(CLI::App& group, Command& command);
void add_check_command(CLI::App& group, Command& command);
void add_guard_commands(CLI::App& root, Command& command);
void add_procedure_commands(CLI::App& root, Command& command);
void add_subnet_commands(CLI::App& root, Command& command);
void add_peer_commands(CLI::App& root, Command& command);
void add_fdb_commands(CLI::App& root, Command& command);
void add_segment_commands(CLI::App& root, Command& command);
void add_connection_commands(CLI::App& root, Command& command);
void add_host_commands(CLI::App& root, Command& command);
void add_log_commands(CLI::App& root, Command& command);
void add_event_commands(CLI::App& root, Command& command);
void add_capture_command(CLI::App& root, Command& command);
void add_firewall_commands(CLI::App& root, Command& command);
void add_config_commands(CLI::App& root, Command& command);
void add_switch_commands(CLI::App& root, Command& command);
void add_intent_commands(CLI::App& root, Command& command);
void add_request_command(CLI::App& root, Command& command);

// A topic whose verbs are subcommands: "nic".
inline CLI::App& add_topic(CLI::App& parent, const std::string& name, const std::string& help) {
  return *parent.add_subcommand(name, help)->require_subcommand(1);
}

// A verb; `action` runs after the whole line has been understood.
inline CLI::App& add_verb(CLI::App& parent, Command& command, const std::string& name,
                          const std::string& help, std::function<int()> action) {
  CLI::App* verb = parent.add_subcommand(name, help);
  verb->callback([&command, action = std::move(action)] { command.action = action; });
  return *verb;
}

// An option that may be given several times, with one value each time: the words that follow are
// not swallowed.
template <typename T>
CLI::Option* add_repeated(CLI::App& verb, const std::string& name, std::vector<T>& values,
                          const std::string& help) {
  return verb.add_option(name, values, help)->allow_extra_args(false);
}

}  // namespace butterfly
