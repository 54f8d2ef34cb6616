// SPDX-License-Identifier: Apache-2.0
// What was expected to come out of a port, against what came.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "scenarios/scripted_host.h"

namespace butterfly::scenario {

// One packet at one port, as text; fields written as * match anything.
struct Expectation {
  std::string port;
  std::string packet;
};

// Ok when the packet text can be read.
Status check_text(const Expectation& expectation);
bool matches(const Expectation& expectation, const Sighting& sighting);
// Per port in order; between ports any order.
bool match(const std::vector<Expectation>& expected, const std::vector<Sighting>& seen);

// A line each, equal neighbours as "expect db 3 of …"; "expect nothing" when nothing came.
std::vector<std::string> as_lines(const std::vector<Sighting>& seen);

}  // namespace butterfly::scenario
