// SPDX-License-Identifier: Apache-2.0
#include "base/roff.h"

#include <cstdint>
#include <cstdio>

namespace butterfly {
namespace {

// The character of UTF-8 (RFC 3629) that begins at `at`, as groff names it: \[u2026]. Moves `at` to
// its last byte.
std::string named(const std::string& text, size_t& at) {
  const auto first = static_cast<uint8_t>(text[at]);
  const size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
  uint32_t character = first & (0x3fu >> more);
  for (size_t i = 0; i < more && at + 1 < text.size(); ++i) {
    character = character << 6 | (static_cast<uint8_t>(text[++at]) & 0x3fu);
  }
  char name[16];
  std::snprintf(name, sizeof name, "\\[u%04X]", character);
  return name;
}

}  // namespace

std::string roff(const std::string& text) {
  std::string result;
  bool at_start = true;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    // A line that begins with these is a request.
    if (at_start && (c == '.' || c == '\'')) result += "\\&";
    at_start = c == '\n';
    if (c == '\\') {
      result += "\\e";
    } else if (c == '-') {
      result += "\\-";  // a minus that can be copied to a shell, no hyphen
    } else if (static_cast<uint8_t>(c) >= 0x80) {
      result += named(text, i);
    } else {
      result += c;
    }
  }
  return result;
}

std::string roff_bold(const std::string& text) { return "\\fB" + roff(text) + "\\fR"; }
std::string roff_italic(const std::string& text) { return "\\fI" + roff(text) + "\\fR"; }

}  // namespace butterfly
