// SPDX-License-Identifier: Apache-2.0
// Two settings, for tests of what stands above them.
#pragma once

#include "control/settings.h"

namespace butterfly {

class FakeSettings : public Settings {
 public:
  std::vector<SettingReport> settings() const override {
    return {{"daemon.log_level", level_, "\"info\"", origin_, false, "string", "a level", "Logs."},
            {"dataplane.lcores", "[1]", "(the last CPU)", SettingOrigin::file, true,
             "list of integers", "CPUs", "Threads."}};
  }
  Status set(const std::vector<KeyAndValue>& changes) override {
    for (const auto& [key, value] : changes) {
      if (key != "daemon.log_level") {
        return precondition("setting '" + key + "': not now (wanted daemon.log_level)");
      }
      if (value != "debug" && value != "\"debug\"") {
        return invalid("daemon.log_level = " + value + ": unknown word (wanted a level)");
      }
    }
    if (!changes.empty()) level_ = changes.back().second;
    origin_ = SettingOrigin::run_time;
    return ok_status();
  }

 private:
  std::string level_ = "\"info\"";
  SettingOrigin origin_ = SettingOrigin::standard;
};

}  // namespace butterfly
