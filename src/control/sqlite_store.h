// SPDX-License-Identifier: Apache-2.0
// Intent in an SQLite file: write-ahead log, synced at every commit, one transaction a change.
//
// The file is never emptied or repaired by us: one that is damaged, truncated, not ours or of a
// newer schema is refused with a line that says what to do. Every row carries a hash of itself, so
// that a flipped bit cannot open a firewall.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "control/file_lock.h"
#include "control/sqlite.h"
#include "control/store.h"

namespace butterfly {

class SqliteStore : public Store {
 public:
  // Opens `path`, or makes it where there is nothing; its directory must exist. Holds `path`.lock
  // while it lives: failed_precondition when another store does.
  static StatusOr<std::unique_ptr<SqliteStore>> open(const std::string& path);

  StatusOr<StoredIntent> load() override;
  Status save(const Intent& before, const Intent& next, Revision revision) override;

 private:
  SqliteStore(std::string path, FileLock lock, Database database)
      : path_(std::move(path)), lock_(std::move(lock)), database_(std::move(database)) {}
  Status write(const Intent& before, const Intent& next, Revision revision);

  std::string path_;
  FileLock lock_;
  std::mutex mutex_;  // guards database_
  Database database_;
};

}  // namespace butterfly
