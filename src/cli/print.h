// SPDX-License-Identifier: Apache-2.0
// What the commands print: tables for people, protobuf's JSON for programs.
#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <vector>

#include "butterfly/v1/butterfly.pb.h"

namespace butterfly {

// Columns as wide as their widest cell; an empty cell prints as "-".
class Table {
 public:
  explicit Table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string to_string() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// Field names as in the .proto file; fields without presence are always there. 64-bit numbers are
// strings, as protobuf's JSON mapping wants it.
std::string to_json(const google::protobuf::Message& message, bool one_line = false);

// "a,b".
template <typename Range>
std::string joined(const Range& range) {
  std::string text;
  for (const auto& item : range) {
    if (!text.empty()) text += ",";
    if constexpr (requires { std::to_string(item); }) {
      text += std::to_string(item);
    } else {
      text += item;
    }
  }
  return text;
}

// "18:44:02.123", local time, of milliseconds since 1970.
std::string clock_text(int64_t time_ms);
std::string type_text(v1::NicType type);
std::string direction_text(const v1::Rule& rule);
std::string family_text(const v1::Rule& rule);
// "tcp", or the number of a protocol without a word.
std::string protocol_word(uint32_t protocol);
std::string protocol_text(const v1::Rule& rule);
// Ports, or ICMP type and code: "80", "80-90", "type 8 code 0".
std::string match_text(const v1::Rule& rule);
std::string peer_text(const v1::Rule& rule);

std::string status_text(const v1::GetStatusResponse& status);
std::string counters_text(const v1::GetCountersResponse& counters);
std::string packet_text(const v1::TraceResponse& packet);
// The edges of a dot picture, one a line: "parse -> antispoof (ok)".
std::string edges_text(const std::string& dot);

}  // namespace butterfly
