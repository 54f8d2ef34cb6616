// SPDX-License-Identifier: Apache-2.0
// Intent in an SQLite file (https://sqlite.org/fileformat.html, https://sqlite.org/wal.html).
#include "control/sqlite_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>

#include "control/store_rows.h"
#include "host/intent/fnv.h"

namespace butterfly {
namespace {

constexpr int kApplicationId = 0x42544659;  // "BTFY", for file(1) and for us
constexpr int kSchema = 1;
constexpr std::string_view kMagic("SQLite format 3\0", 16);

// A file of which we do not know what it is stays as it is.
Status refuse(const std::string& path, const std::string& fact) {
  return absl::DataLossError("state file '" + path + "': " + fact +
                             "; nothing was changed (wanted " +
                             "a copy that is whole, or no file there to start with no intent)");
}

// An error that SQLite met on the way. A full disk is no damage: nobody shall take the file away.
Status refuse(const std::string& path, const Status& error) {
  const std::string text(error.message());
  if (!absl::IsResourceExhausted(error)) return refuse(path, "damaged: " + text);
  return exhausted(
      "state file '" + path + "': cannot be used: " + text +
      "; nothing was changed (wanted room on its disk, and leave to write the file and "
      "its directory)");
}

Status system_error(const std::string& path, const std::string& doing) {
  return precondition("state file '" + path + "': cannot " + doing + ": " + std::strerror(errno));
}

int64_t row_sum(const Row& row) {
  const uint64_t named = fnv1a(row.name, fnv1a("|", fnv1a(row.kind)));
  return static_cast<int64_t>(fnv1a(row.body, fnv1a("|", named)));
}

// The revision is a row beside the intent's, and like them hashed. A file without it has 0.
constexpr std::string_view kRevisionKind = "revision";

Row revision_row(Revision revision) {
  return {std::string(kRevisionKind), "intent", std::to_string(revision)};
}

Status read_revision(const Row& row, Revision& revision) {
  const char* const end = row.body.data() + row.body.size();
  const auto [stop, error] = std::from_chars(row.body.data(), end, revision);
  if (row.name == "intent" && error == std::errc() && stop == end) return ok_status();
  return invalid("revision '" + row.name + "': '" + row.body + "' is no revision");
}

Status write_schema(Database& database) {
  return database.run(
      "PRAGMA synchronous = FULL;"
      "BEGIN;"
      "PRAGMA application_id = " +
      std::to_string(kApplicationId) +
      ";"
      "PRAGMA user_version = " +
      std::to_string(kSchema) +
      ";"
      "CREATE TABLE object(kind TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL,"
      " sum INTEGER NOT NULL, PRIMARY KEY(kind, name)) WITHOUT ROWID;"
      "COMMIT;");
}

// Makes an empty store under another name first: a crash in between leaves no half-made state file.
Status create(const std::string& path) {
  if (access((path + "-wal").c_str(), F_OK) == 0) {
    return refuse(path, "missing, but its log '" + path + "-wal' is there");
  }
  const std::string fresh = path + ".new";
  if (unlink(fresh.c_str()) != 0 && errno != ENOENT) return system_error(path, "remove " + fresh);
  {
    auto database = Database::open(fresh, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    if (!database.ok()) {
      return precondition("state file '" + path +
                          "': cannot be made: " + std::string(database.status().message()) +
                          " (wanted a directory that exists and may be written)");
    }
    if (const Status status = write_schema(*database); !status.ok()) {
      unlink(fresh.c_str());
      return refuse(path, status);
    }
  }
  if (chmod(fresh.c_str(), 0600) != 0) return system_error(path, "chmod");
  if (rename(fresh.c_str(), path.c_str()) != 0) return system_error(path, "rename");
  const std::string directory = std::filesystem::absolute(path).parent_path();
  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return system_error(path, "open its directory");
  const int synced = fsync(fd);
  close(fd);
  return synced == 0 ? ok_status() : system_error(path, "sync its directory");
}

// What can be told without SQLite, which takes an empty file for an empty database.
Status check_header(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return system_error(path, "open");
  char magic[kMagic.size()];
  const ssize_t got = pread(fd, magic, sizeof magic, 0);
  const int error = errno;
  close(fd);
  errno = error;
  if (got < 0) return system_error(path, "read");
  if (got == 0) return refuse(path, "empty, so it was truncated");
  if (std::string_view(magic, static_cast<size_t>(got)) != kMagic) {
    return refuse(path, "not an SQLite database");
  }
  return ok_status();
}

Status check_contents(const std::string& path, Database& database) {
  const auto application = database.ask("PRAGMA application_id");
  const auto schema = database.ask("PRAGMA user_version");
  for (const auto& answer : {application, schema}) {
    if (!answer.ok()) return refuse(path, answer.status());
  }
  if (*application != std::to_string(kApplicationId)) {
    return refuse(path, "a database of another program");
  }
  if (*schema != std::to_string(kSchema)) {
    return absl::FailedPreconditionError(
        "state file '" + path + "': schema " + *schema + ", this butterflyd knows " +
        std::to_string(kSchema) +
        "; nothing was changed (wanted the butterflyd that wrote it, or "
        "a newer one)");
  }
  const auto check = database.ask("PRAGMA quick_check(1)");
  if (!check.ok()) return refuse(path, check.status());
  if (*check != "ok") return refuse(path, "damaged: " + *check);
  return ok_status();
}

}  // namespace

StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& path) {
  auto lock = FileLock::take("state file '" + path + "'", path + ".lock");
  if (!lock.ok()) return lock.status();
  struct stat info;
  if (stat(path.c_str(), &info) != 0) {
    if (errno != ENOENT) return system_error(path, "open");
    RETURN_IF_ERROR(create(path));
  } else if (!S_ISREG(info.st_mode)) {
    return refuse(path, "not a regular file");
  }
  RETURN_IF_ERROR(check_header(path));
  auto database = Database::open(path, SQLITE_OPEN_READWRITE);
  if (!database.ok()) return refuse(path, database.status());
  RETURN_IF_ERROR(check_contents(path, *database));
  if (auto status = database->run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
      !status.ok()) {
    return refuse(path, status);
  }
  return std::unique_ptr<SqliteStore>(
      new SqliteStore(path, *std::move(lock), *std::move(database)));
}

StatusOr<StoredIntent> SqliteStore::load() {
  const std::lock_guard guard(mutex_);
  auto rows = database_.prepare("SELECT kind, name, body, sum FROM object ORDER BY kind, name");
  if (!rows.ok()) return refuse(path_, rows.status());
  StoredIntent stored;
  while (true) {
    const auto has_row = rows->step();
    if (!has_row.ok()) return refuse(path_, has_row.status());
    if (!*has_row) break;
    const Row row{rows->text(0), rows->text(1), rows->text(2)};
    if (row_sum(row) != rows->number(3)) {
      return refuse(path_, "damaged: " + row.kind + " '" + row.name + "' is not what was written");
    }
    const Status status = row.kind == kRevisionKind ? read_revision(row, stored.revision)
                                                    : read_row(row, stored.intent);
    if (!status.ok()) {
      return refuse(path_, "damaged: " + std::string(status.message()));
    }
  }
  if (auto status = validate(stored.intent); !status.ok()) {
    return refuse(path_, "its intent is invalid: " + std::string(status.message()));
  }
  return stored;
}

Status SqliteStore::save(const Intent& before, const Intent& next, Revision revision) {
  const std::lock_guard guard(mutex_);
  Status status = database_.run("BEGIN IMMEDIATE");
  if (status.ok()) {
    status = write(before, next, revision);
    if (status.ok()) status = database_.run("COMMIT");
    // SQLite ends the transaction itself after some errors; then this fails, and need not succeed.
    if (!status.ok()) database_.run("ROLLBACK").IgnoreError();
  }
  if (status.ok()) return status;
  return absl::InternalError("state file '" + path_ +
                             "': cannot be written: " + std::string(status.message()));
}

Status SqliteStore::write(const Intent& before, const Intent& next, Revision revision) {
  auto put = database_.prepare("INSERT OR REPLACE INTO object VALUES(?1, ?2, ?3, ?4)");
  if (!put.ok()) return put.status();
  auto erase = database_.prepare("DELETE FROM object WHERE kind = ?1 AND name = ?2");
  if (!erase.ok()) return erase.status();
  const RowSink sink{
      .put =
          [&](const Row& row) {
            return put->bind(1, row.kind)
                .bind(2, row.name)
                .bind_blob(3, row.body)
                .bind(4, row_sum(row))
                .run();
          },
      .erase = [&](const std::string& kind,
                   const std::string& name) { return erase->bind(1, kind).bind(2, name).run(); },
  };
  RETURN_IF_ERROR(write_difference(before, next, sink));
  return sink.put(revision_row(revision));
}

}  // namespace butterfly
