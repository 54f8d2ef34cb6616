// SPDX-License-Identifier: Apache-2.0
// Every key of the configuration, once. The reader, the sample file, the manual and the API's
// GetConfig all follow this table.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "daemon/config.h"
#include "daemon/config_access.h"

namespace butterfly {

struct ConfigTable {
  std::string name;
  std::string sentence;
  // A table that may be missing: null when it always counts.
  std::function<bool(const Config&)> is_there = {};
  std::function<void(Config&)> make = {};
};

enum class Change : uint8_t {
  at_start,  // counts from the daemon's next start on
  any_time,  // may be set while the daemon runs, by the API or by SIGHUP
};

struct ConfigKey {
  std::string table;
  std::string name;
  Change change;
  std::string sentence;
  ConfigAccess access;
  // Of a key whose default is no fixed value: the default in words, and a value as an example.
  std::string standard_in_words = {};
  std::string example = {};

  std::string full_name() const { return table + "." + name; }
  // As TOML; empty: neither given nor a default, or its table is missing.
  std::string text(const Config& config) const;
  // The default as TOML; empty when there is only `standard_in_words`.
  std::string standard() const;
};

const std::vector<ConfigTable>& config_tables();
// In the order of their tables; a key that another one's check needs comes before it.
const std::vector<ConfigKey>& config_keys();
// Null when there is none. `full_name` as in "daemon.api".
const ConfigKey* find_config_key(const std::string& full_name);

}  // namespace butterfly
