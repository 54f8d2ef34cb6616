// SPDX-License-Identifier: Apache-2.0
// Numbers on the command line: decimal, and nothing else. CLI11 alone would take 010 for eight and
// 0x10 for sixteen.
#pragma once

#include <string_view>

namespace CLI {
class App;
}

namespace butterfly {

// "0", "17"; neither signs, nor blanks, nor a 0 in front.
bool is_decimal(std::string_view text);

// Every option of the command, and of all below it, that is a number takes decimal ones only.
void want_decimals(CLI::App& app);

}  // namespace butterfly
