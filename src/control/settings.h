// SPDX-License-Identifier: Apache-2.0
// The daemon's configuration as the API shows and changes it. The daemon implements it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/status.h"

namespace butterfly {

enum class SettingOrigin : uint8_t { standard, file, run_time };

// Values are text as the configuration file says them: "true", "[1, 2]", "\"info\"".
struct SettingReport {
  std::string key;       // "daemon.log_level"
  std::string value;     // empty: not given, and no default
  std::string standard;  // the default, in words where it is no fixed value
  SettingOrigin origin = SettingOrigin::standard;
  bool start_only = true;
  std::string type;
  std::string wanted;
  std::string sentence;
};

class Settings {
 public:
  virtual ~Settings() = default;
  virtual std::vector<SettingReport> settings() const = 0;
  // Sets keys of the running daemon, all or none. A string may come without its quotes. not_found:
  // no such key; invalid_argument: not a value of it; failed_precondition: start-only, or what the
  // value asks for cannot be done.
  using KeyAndValue = std::pair<std::string, std::string>;
  virtual Status set(const std::vector<KeyAndValue>& changes) = 0;
};

}  // namespace butterfly
