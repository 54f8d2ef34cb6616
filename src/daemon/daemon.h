// SPDX-License-Identifier: Apache-2.0
// The daemon: everything that runs in one butterflyd, in the order in which it starts and ends.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "control/intent_keeper.h"
#include "control/server.h"
#include "control/sqlite_store.h"
#include "daemon/config.h"
#include "daemon/live_settings.h"
#include "daemon/log_writer.h"
#include "daemon/port_factory.h"
#include "graph/packet_pool.h"
#include "host/host.h"

namespace butterfly {

class Daemon {
 public:
  // Starts EAL, the uplink, the lcores; runs the stored intent; then serves the API. Once a
  // process. On an error everything that was started is ended again.
  static StatusOr<std::unique_ptr<Daemon>> start(const Config& config);

  Host& host() { return *host_; }
  IntentKeeper& keeper() { return *keeper_; }
  LiveSettings& settings() { return *settings_; }

 private:
  Daemon() = default;
  Status start_host(const Config& config);
  void start_log(const LogConfig& config);
  Status start_control(const Config& config);
  Status adopt(const Config& before, const Config& next);

  size_t warnings_at_start_ = 0;  // that were logged before the intent ran
  // Members end in reverse order: first the API, last the packet pools.
  std::optional<PacketPool> pool_;
  std::optional<PacketPool> large_pool_;
  std::unique_ptr<DaemonPortFactory> factory_;
  std::unique_ptr<SqliteStore> store_;
  std::unique_ptr<Host> host_;
  std::vector<std::unique_ptr<LogWriter>> log_writers_;
  std::unique_ptr<NewsFollower> news_;
  std::unique_ptr<IntentKeeper> keeper_;
  std::unique_ptr<LiveSettings> settings_;
  const std::shared_ptr<WriterNames> writers_ =
      std::make_shared<WriterNames>(std::vector<std::string>());
  std::unique_ptr<ApiServer> server_;
};

}  // namespace butterfly
