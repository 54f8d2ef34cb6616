// SPDX-License-Identifier: Apache-2.0
// Intent as rows of the store: one for each nic, group, rule, member, peer, fdb entry, procedure,
// guard rule and subnet, so that a change writes only what it touches.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "host/intent/intent.h"

namespace butterfly {

struct Row {
  // "nic", "group", "rule", "member", "peer", "fdb", "firewall", "procedure", "guard", "subnet",
  // "segment", "switch"
  std::string kind;
  std::string name;  // unique within the kind: "web-1", "web/0123456789abcdef", "42/52:54:…"
  std::string body;  // a serialised API message, or empty
};

struct RowSink {
  std::function<Status(const Row&)> put;
  std::function<Status(const std::string& kind, const std::string& name)> erase;
};

// Calls `sink` for every row in which the two differ. Stops at the first error.
Status write_difference(const Intent& before, const Intent& next, const RowSink& sink);

// Adds one row to `intent`. REQUIRES: rows come ordered by kind. invalid when it makes no sense.
Status read_row(const Row& row, Intent& intent);

}  // namespace butterfly
