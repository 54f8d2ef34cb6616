// SPDX-License-Identifier: Apache-2.0
// Tables, JSON and the words of rules.
#include "cli/print.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <ctime>

namespace butterfly {

std::string Table::to_string() const {
  std::vector<size_t> widths(rows_[0].size());
  const auto cell_text = [](const std::string& cell) { return cell.empty() ? "-" : cell; };
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], cell_text(row[i]).size());
    }
  }
  std::string text;
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string cell = cell_text(row[i]);
      text += cell;
      if (i + 1 < row.size()) text += std::string(widths[i] - cell.size() + 2, ' ');
    }
    text += "\n";
  }
  return text;
}

std::string to_json(const google::protobuf::Message& message, bool one_line) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = !one_line;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string text;
  // Cannot fail: the message has no Any and no timestamps.
  (void)google::protobuf::util::MessageToJsonString(message, &text, options);
  if (one_line) text += "\n";
  return text;
}

std::string clock_text(int64_t time_ms) {
  const std::time_t seconds = static_cast<std::time_t>(time_ms / 1000);
  std::tm time{};
  localtime_r(&seconds, &time);
  char text[16];
  std::snprintf(text, sizeof text, "%02d:%02d:%02d.%03d", time.tm_hour, time.tm_min, time.tm_sec,
                static_cast<int>(time_ms % 1000));
  return text;
}

std::string type_text(v1::NicType type) { return type == v1::NIC_TYPE_TAP ? "tap" : "vhost-user"; }

std::string direction_text(const v1::Rule& rule) {
  return rule.direction() == v1::DIRECTION_EGRESS ? "out" : "in";
}

std::string family_text(const v1::Rule& rule) {
  if (rule.family() == v1::FAMILY_V4) return "v4";
  return rule.family() == v1::FAMILY_V6 ? "v6" : "any";
}

std::string protocol_word(uint32_t protocol) {
  switch (protocol) {
    case 1:
      return "icmp";
    case 6:
      return "tcp";
    case 17:
      return "udp";
    case 58:
      return "icmpv6";
    case 132:
      return "sctp";
    default:
      return std::to_string(protocol);
  }
}

std::string protocol_text(const v1::Rule& rule) {
  return rule.has_protocol() ? protocol_word(rule.protocol()) : "all";
}

std::string match_text(const v1::Rule& rule) {
  if (rule.has_icmp_type()) {
    const std::string type = "type " + std::to_string(rule.icmp_type());
    return rule.has_icmp_code() ? type + " code " + std::to_string(rule.icmp_code()) : type;
  }
  if (!rule.has_first_port()) return "any";
  const std::string first = std::to_string(rule.first_port());
  const std::string last = std::to_string(rule.last_port());
  return first == last ? first : first + "-" + last;
}

std::string peer_text(const v1::Rule& rule) {
  if (!rule.peer_cidr().empty()) return rule.peer_cidr();
  return rule.peer_group().empty() ? "any" : "group " + rule.peer_group();
}

}  // namespace butterfly
