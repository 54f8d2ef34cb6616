// SPDX-License-Identifier: Apache-2.0
// The options that say which packets a rule is about: of groups and of the guard list.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "butterfly/v1/butterfly.pb.h"

namespace butterfly {

struct MatchOptions {
  std::string protocol, cidr, family, expression;
  uint16_t port = 0, port_start = 0, port_end = 0;
  uint8_t icmp_type = 0, icmp_code = 0;
};

// The number of a protocol word; -1: all, -2: neither a word nor a number.
int protocol_number(const std::string& word);
// That an option names one protocol.
CLI::Validator one_protocol();

// Adds --ip-proto, --port, …, to `verb`, which writes them to `options`, which outlives it.
void add_match_options(CLI::App& verb, MatchOptions& options);
// Throws CLI::RequiredError when nothing says which protocol: then all is meant by mistake.
void require_protocol(const MatchOptions& options);
// What the options of the parsed `verb` say; the rest of `rule` stays as it is.
void fill(v1::Rule& rule, const MatchOptions& options, const CLI::App& verb);

}  // namespace butterfly
