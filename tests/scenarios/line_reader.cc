// SPDX-License-Identifier: Apache-2.0
#include "scenarios/line_reader.h"

#include <charconv>
#include <map>

namespace butterfly::scenario {

StatusOr<uint64_t> parse_number(const std::string& text, uint64_t max) {
  uint64_t number = 0;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (error == std::errc() && end == last && number <= max) return number;
  return invalid("'" + text + "' (wanted a number up to " + std::to_string(max) + ")");
}

StatusOr<uint32_t> parse_duration(const std::string& text) {
  static const std::map<std::string, uint64_t> units{
      {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
  const size_t end = text.find_first_not_of("0123456789");
  const auto unit = units.find(end == std::string::npos ? "" : text.substr(end));
  const StatusOr<uint64_t> count = parse_number(text.substr(0, end), 1'000'000);
  if (unit == units.end() || !count.ok()) {
    return invalid("'" + text + "' (wanted a time such as 300ms, 31s, 5m, 2h or 5d)");
  }
  return static_cast<uint32_t>(*count * unit->second);
}

}  // namespace butterfly::scenario
