// SPDX-License-Identifier: Apache-2.0
// SQLite's C interface with owners and Status.
#include "control/sqlite.h"

namespace butterfly {
namespace {

// resource_exhausted when it is the system that refuses: that says nothing about the file.
Status error_of(sqlite3* handle) {
  switch (sqlite3_errcode(handle)) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_NOMEM:
      return exhausted(sqlite3_errmsg(handle));
    default:
      return absl::InternalError(sqlite3_errmsg(handle));
  }
}

}  // namespace

// SQLITE_TRANSIENT, without its C cast: SQLite copies the bytes.
static const auto kCopy = reinterpret_cast<sqlite3_destructor_type>(intptr_t{-1});

Statement& Statement::bind(int index, std::string_view text) {
  sqlite3_bind_text64(statement_.get(), index, text.data(), text.size(), kCopy, SQLITE_UTF8);
  return *this;
}

Statement& Statement::bind_blob(int index, std::string_view bytes) {
  // A null pointer would bind NULL instead of an empty blob.
  const char* data = bytes.empty() ? "" : bytes.data();
  sqlite3_bind_blob64(statement_.get(), index, data, bytes.size(), kCopy);
  return *this;
}

Statement& Statement::bind(int index, int64_t value) {
  sqlite3_bind_int64(statement_.get(), index, value);
  return *this;
}

StatusOr<bool> Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  Status status = code == SQLITE_DONE ? ok_status() : error_of(sqlite3_db_handle(statement_.get()));
  sqlite3_reset(statement_.get());
  if (!status.ok()) return status;
  return false;
}

Status Statement::run() { return step().status(); }

std::string Statement::text(int column) const {
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  const auto length = static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column));
  return bytes == nullptr ? "" : std::string(static_cast<const char*>(bytes), length);
}

int64_t Statement::number(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

StatusOr<Database> Database::open(const std::string& path, int flags) {
  Database database;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  database.handle_.reset(handle);
  if (code != SQLITE_OK) return error_of(handle);
  return database;
}

StatusOr<Statement> Database::prepare(const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(handle_.get(), sql.c_str(), -1, &statement, nullptr);
  if (code != SQLITE_OK) return error_of(handle_.get());
  return Statement(statement);
}

Status Database::run(const std::string& sql) {
  if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) {
    return ok_status();
  }
  return error_of(handle_.get());
}

StatusOr<std::string> Database::ask(const std::string& sql) {
  auto statement = prepare(sql);
  if (!statement.ok()) return statement.status();
  const auto has_row = statement->step();
  if (!has_row.ok()) return has_row.status();
  return *has_row ? statement->text(0) : "";
}

}  // namespace butterfly
