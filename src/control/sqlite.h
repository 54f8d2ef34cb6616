// SPDX-License-Identifier: Apache-2.0
// SQLite's C interface with owners and Status: the little of it that the store needs.
#pragma once

#include <sqlite3.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"

namespace butterfly {

// A prepared statement; parameters count from 1, columns from 0.
class Statement {
 public:
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  Statement& bind(int index, std::string_view text);
  Statement& bind_blob(int index, std::string_view bytes);
  Statement& bind(int index, int64_t value);
  // True while there is a row. After a statement ended it may be bound and run again.
  StatusOr<bool> step();
  // Runs a statement that yields no rows.
  Status run();

  std::string text(int column) const;  // or blob
  int64_t number(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
 public:
  // `flags` as for sqlite3_open_v2.
  static StatusOr<Database> open(const std::string& path, int flags);
  StatusOr<Statement> prepare(const std::string& sql);
  Status run(const std::string& sql);
  // The first column of the first row.
  StatusOr<std::string> ask(const std::string& sql);

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  std::unique_ptr<sqlite3, Close> handle_;
};

}  // namespace butterfly
