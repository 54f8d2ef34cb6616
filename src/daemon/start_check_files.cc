// SPDX-License-Identifier: Apache-2.0
// The files and sockets that a start needs.
#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "base/pem_files.h"
#include "base/revocations.h"
#include "base/socket_file.h"
#include "control/file_lock.h"
#include "control/socket_file.h"
#include "control/sqlite_store.h"
#include "daemon/start_check.h"

namespace butterfly {
namespace {

namespace fs = std::filesystem;

// Ends with everything in it.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::error_code error;
    path_ = (fs::temp_directory_path(error) / "butterflyd-check-XXXXXX").string();
    if (mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~ScratchDirectory() {
    std::error_code error;
    if (!path_.empty()) fs::remove_all(path_, error);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::string& path() const { return path_; }  // empty: none could be made

 private:
  std::string path_;
};

bool may(const std::string& path, int how) {
  return faccessat(AT_FDCWD, path.c_str(), how, AT_EACCESS) == 0;
}

bool exists(const std::string& path) {
  struct stat facts {};
  return lstat(path.c_str(), &facts) == 0;
}

// That the daemon can make files where `path` is; else the fault was found.
bool check_parent(const std::string& what, const std::string& path, Findings& findings) {
  const std::string directory = fs::path(path).parent_path().string();
  struct stat facts {};
  const bool is_there = stat(directory.c_str(), &facts) == 0;
  const bool is_directory = is_there && S_ISDIR(facts.st_mode);
  if (is_directory && may(directory, W_OK | X_OK)) return true;
  findings.fault(what + ": '" + directory +
                 "': " + (is_there && !is_directory ? "not a directory" : std::strerror(errno)) +
                 " (wanted: a directory that exists and may be written)");
  return false;
}

bool is_in(gid_t group) {
  std::vector<gid_t> groups(static_cast<size_t>(std::max(0, getgroups(0, nullptr))));
  const int count = getgroups(static_cast<int>(groups.size()), groups.data());
  groups.resize(static_cast<size_t>(std::max(0, count)));
  return group == getegid() || std::ranges::find(groups, group) != groups.end();
}

// chown(2) to a group asks for root or a member.
void check_group(const std::string& what, const std::string& group, Findings& findings) {
  if (group.empty()) return;
  const ::group* entry = getgrnam(group.c_str());
  if (entry == nullptr) {
    findings.fault(what + ": group '" + group +
                   "' does not exist (wanted: a group of this system)");
  } else if (geteuid() != 0 && !is_in(entry->gr_gid)) {
    findings.fault(what + ": cannot be given to group '" + group +
                   "', of which the daemon's user is no member (wanted: adduser USER " + group +
                   ")");
  }
}

// Reads a copy as a start reads the file, which would make a log beside it.
Status check_content(const std::string& path) {
  const ScratchDirectory scratch;
  const std::string copy = scratch.path() + "/state.db";
  std::error_code error;
  if (scratch.path().empty()) return unavailable("no room for a copy in the temporary directory");
  for (const char* suffix : {"", "-wal"}) {
    if (!exists(path + suffix)) continue;
    fs::copy_file(path + suffix, copy + suffix, error);
    if (error) return unavailable("cannot be read: " + error.message());
  }
  auto store = SqliteStore::open(copy);
  const Status status = store.ok() ? (*store)->load().status() : store.status();
  if (status.ok()) return status;
  // The message is about the file, not about the copy.
  std::string text(status.message());
  for (size_t at = 0; (at = text.find(copy, at)) != std::string::npos; at += path.size()) {
    text.replace(at, copy.size(), path);
  }
  return Status(status.code(), text);
}

}  // namespace

void check_state_file(const DaemonConfig& config, Findings& findings) {
  const std::string& path = config.state;
  const std::string what = "state file '" + path + "'";
  if (const auto holder = FileLock::holder_of(path + ".lock")) {
    findings.is_running = true;
    return findings.warn(what + ": in use by " + *holder + ", so its content was not looked at");
  }
  if (!check_parent(what, path, findings)) return;
  struct stat facts {};
  const bool is_there = stat(path.c_str(), &facts) == 0;
  if (!is_there && !exists(path + "-wal")) {
    return findings.fine(what + ": none yet, so there is no intent");
  }
  if (is_there && !S_ISREG(facts.st_mode)) return findings.fault(what + ": not a regular file");
  if (is_there && !may(path, R_OK | W_OK)) {
    return findings.fault(what + ": " + std::strerror(errno) +
                          " (wanted: a file that the daemon's user may read and write)");
  }
  const Status status = check_content(path);
  if (status.ok()) return findings.fine(what + ": its intent can be loaded");
  const std::string text(status.message());
  findings.fault(text.starts_with(what) ? text : what + ": " + text);
}

void check_sockets(const DaemonConfig& config, Findings& findings) {
  const auto api = socket_path_of(config.api);
  if (!api.ok()) return findings.fault(std::string(api.status().message()));
  const std::string what = "API socket '" + *api + "'";
  const size_t before = findings.list.size();
  if (const auto holder = FileLock::holder_of(*api + ".lock")) {
    findings.is_running = true;
    findings.warn(what + ": in use by " + *holder);
  } else if (check_parent(what, *api, findings)) {
    struct stat facts {};
    if (lstat(api->c_str(), &facts) == 0 && !S_ISSOCK(facts.st_mode)) {
      findings.fault(what + ": something else is there (wanted: a free path)");
    } else if (is_socket_served(*api)) {
      findings.fault(what + ": somebody else listens there (wanted: a free path)");
    }
  }
  check_group(what, config.api_group, findings);
  if (findings.list.size() == before) findings.fine(what);

  const std::string& directory = config.socket_directory;
  const std::string ports = "socket directory '" + directory + "'";
  const size_t before_ports = findings.list.size();
  struct stat facts {};
  if (stat(directory.c_str(), &facts) != 0) {
    check_parent(ports, directory, findings);
  } else if (!S_ISDIR(facts.st_mode)) {
    findings.fault(ports + ": is not a directory");
  } else if (geteuid() != 0 && facts.st_uid != geteuid()) {
    findings.fault(ports +
                   ": belongs to another user, so its mode cannot be set (wanted: one of "
                   "the daemon's user, or none, to be made)");
  }
  check_group(ports, config.socket_group, findings);
  if (findings.list.size() == before_ports) findings.fine(ports);
}

void check_certificates(const ApiConfig& config, Findings& findings) {
  if (!config.listen) return;
  const std::string what = "API at tcp:" + config.listen->to_string();
  const auto say = [&](const Status& status, const std::optional<std::string>& out_of_date) {
    if (!status.ok()) return findings.fault(what + ": " + std::string(status.message()));
    if (out_of_date) findings.warn(what + ": " + *out_of_date);
  };
  const size_t before = findings.list.size();
  const auto texts = read_pem_files({config.certificate, config.key, config.client_ca});
  say(texts.status(), texts.ok() ? texts->out_of_date : std::nullopt);
  if (!config.crl.empty()) {
    const auto revocations = Revocations::read(config.client_ca, config.crl);
    say(revocations.status(), revocations.ok() ? revocations->out_of_date() : std::nullopt);
  }
  if (findings.list.size() == before) findings.fine(what);
}

}  // namespace butterfly
