// SPDX-License-Identifier: Apache-2.0
// The configuration that a running daemon goes by: what it was started with, and what was changed
// since, by the API or by reading the file again.
#pragma once

#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "control/settings.h"
#include "daemon/config.h"

namespace butterfly {

class LiveSettings : public Settings {
 public:
  // Does in the daemon what differs between the two; they differ in keys that change any time. On
  // an error it has changed nothing.
  using Adopt = std::function<Status(const Config& before, const Config& next)>;
  LiveSettings(Config config, Adopt adopt) : config_(std::move(config)), adopt_(std::move(adopt)) {}

  std::vector<SettingReport> settings() const override;
  Status set(const std::vector<KeyAndValue>& changes) override;

  struct Reloaded {
    std::vector<std::string> changed;     // "daemon.log_level = \"debug\""
    std::vector<std::string> start_only;  // keys whose value in the file waits for the next start
  };
  // Takes from `file` the keys that change any time, also over what was set at run time.
  StatusOr<Reloaded> reload(const Config& file);

 private:
  mutable std::mutex mutex_;
  Config config_;
  std::set<std::string> at_run_time_;
  Adopt adopt_;
};

}  // namespace butterfly
