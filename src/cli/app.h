// SPDX-License-Identifier: Apache-2.0
// The whole command line.
#pragma once

namespace butterfly {

// Parses, acts, prints; returns the exit code (exit_code.h).
int run_cli(int argc, char** argv);

}  // namespace butterfly
