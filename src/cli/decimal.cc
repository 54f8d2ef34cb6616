// SPDX-License-Identifier: Apache-2.0
#include "cli/decimal.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>

namespace butterfly {
namespace {

std::string check_decimal(const std::string& text) {
  if (is_decimal(text)) return "";
  return "'" + text + "' is no number (wanted decimal digits, without 0 in front)";
}

}  // namespace

bool is_decimal(std::string_view text) {
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return false;
  return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

void want_decimals(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    const std::string type = option->get_type_name();
    if (type.starts_with("UINT") || type.starts_with("INT")) option->check(check_decimal);
  }
  for (CLI::App* verb : app.get_subcommands(nullptr)) want_decimals(*verb);
}

}  // namespace butterfly
