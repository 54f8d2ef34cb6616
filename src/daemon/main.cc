// SPDX-License-Identifier: Apache-2.0
// butterflyd: reads its configuration, starts, serves until it is told to stop.
//
// SIGHUP: reads its configuration again (src/daemon/live_settings.h).
// Exit codes: 0 stopped as asked, 1 could not start (one line on stderr says why), 2 wrong usage.
// With --check: 0 it would start, 1 it would not (a bad file on stderr, findings on stdout).
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <exception>
#include <sstream>
#include <string>

#include "control/api_probe.h"
#include "daemon/config.h"
#include "daemon/daemon.h"
#include "daemon/journal.h"
#include "daemon/service_user.h"
#include "daemon/start_check.h"
#include "daemon/watchdog.h"

namespace {

constexpr const char* kDefaultConfig = "/etc/butterfly/butterflyd.toml";
constexpr const char* kUsage =
    "usage: butterflyd [--config FILE] [--check [--user NAME]]\n"
    "  --config FILE  settings (default /etc/butterfly/butterflyd.toml)\n"
    "  --check        say whether a start would succeed, and what to do if not; change nothing\n"
    "  --user NAME    check with the rights of this user, as the unit runs it\n"
    "  --version      print the version\n"
    "  --help         print this\n";

struct Arguments {
  std::string config = kDefaultConfig;
  bool check = false;
  std::string user;    // to check as; empty: who we are
  int exit_code = -1;  // not negative: exit with it now
};

Arguments read_arguments(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--help" || argument == "-h") {
      std::fputs(kUsage, stdout);
      arguments.exit_code = 0;
    } else if (argument == "--version") {
      std::puts("butterflyd " BUTTERFLY_VERSION);
      arguments.exit_code = 0;
    } else if (argument == "--check") {
      arguments.check = true;
    } else if ((argument == "--config" || argument == "-c") && i + 1 < argc) {
      arguments.config = argv[++i];
    } else if (argument == "--user" && i + 1 < argc) {
      arguments.user = argv[++i];
    } else {
      std::fprintf(stderr, "butterflyd: %s: unknown or incomplete option\n%s", argv[i], kUsage);
      arguments.exit_code = 2;
    }
    if (arguments.exit_code >= 0) return arguments;
  }
  if (!arguments.user.empty() && !arguments.check) {
    std::fprintf(stderr, "butterflyd: --user: goes with --check only\n%s", kUsage);
    arguments.exit_code = 2;
  }
  return arguments;
}

// Blocks the signals that end us, or have us read our file again, in every thread, so that
// sigtimedwait() below gets them.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGQUIT);
  sigaddset(&set, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return set;
}

// A vhost-user nic holds some ten descriptors, and a shell starts us with room for 1,024 in all: we
// take what we may. Failing leaves the limit, which ports name when they meet it.
void allow_many_descriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// One line of the log for each line of an error.
void log_error(const butterfly::Status& status) {
  std::istringstream lines{std::string(status.message())};
  for (std::string line; std::getline(lines, line);) spdlog::error("reload: {}", line);
}

// Could not start; on stderr, also where the log goes elsewhere.
int fail(const butterfly::Status& status) {
  std::fprintf(stderr, "butterflyd: %s\n", std::string(status.message()).c_str());
  return 1;
}

int check(const Arguments& arguments) {
  butterfly::Surroundings surroundings;
  if (!arguments.user.empty()) {
    if (const auto status = butterfly::become(arguments.user); !status.ok()) return fail(status);
    surroundings = butterfly::surroundings_of_service();
  }
  const auto config = butterfly::load_config(arguments.config);
  if (!config.ok()) return fail(config.status());
  const auto findings = butterfly::check_start(*config, surroundings);
  std::fputs(butterfly::findings_text(findings, arguments.config).c_str(), stdout);
  return butterfly::has_fault(findings) ? 1 : 0;
}

// Reads the file again and takes what may change; a bad file changes nothing.
void reload(const std::string& path, butterfly::LiveSettings& settings) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
             static_cast<long long>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000);
  const auto config = butterfly::load_config(path);
  const auto reloaded = config.ok() ? settings.reload(*config) : config.status();
  if (reloaded.ok()) {
    for (const std::string& change : reloaded->changed) spdlog::info("reload: {}", change);
    for (const std::string& key : reloaded->start_only) {
      spdlog::warn("reload: {}: counts from the next start on", key);
    }
    spdlog::info("reload: {}: done", path);
  } else {
    log_error(reloaded.status());
    spdlog::error("reload: nothing has changed");
  }
  sd_notify(0, "READY=1");
}

// Of the service manager that started us; it may watch nothing.
butterfly::Watchdog make_watchdog(butterfly::Daemon& daemon, const std::string& api) {
  uint64_t limit_us = 0;
  if (sd_watchdog_enabled(/*unset_environment=*/0, &limit_us) <= 0) limit_us = 0;
  const auto probe = std::make_shared<butterfly::ApiProbe>(api);
  return {std::chrono::microseconds(limit_us),
          {[&daemon] { return daemon.host().report().lcores; }, [probe] { return probe->ask(); },
           [&daemon] { return daemon.keeper().time_of_change(); }},
          [] { sd_notify(0, "WATCHDOG=1"); }};
}

// The next of `signals`; meanwhile the watchdog is kept informed.
int wait_for_signal(const sigset_t& signals, butterfly::Watchdog& watchdog) {
  const auto period = watchdog.period();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(period);
  const timespec timeout{seconds.count(), std::chrono::nanoseconds(period - seconds).count()};
  while (true) {
    const int signal = sigtimedwait(&signals, nullptr, watchdog.is_on() ? &timeout : nullptr);
    if (signal > 0) return signal;
    if (errno == EAGAIN) watchdog.look();
  }
}

int run(int argc, char** argv) {
  const Arguments arguments = read_arguments(argc, argv);
  if (arguments.exit_code >= 0) return arguments.exit_code;
  spdlog::set_default_logger(spdlog::stderr_color_mt("butterflyd"));
  if (butterfly::is_journal(STDERR_FILENO, std::getenv("JOURNAL_STREAM"))) {
    butterfly::log_for_journal();
  }
  if (arguments.check) return check(arguments);
  const auto config = butterfly::load_config(arguments.config);
  if (!config.ok()) return fail(config.status());
  spdlog::set_level(spdlog::level::from_str(config->daemon.log_level));
  const sigset_t signals = block_signals();
  allow_many_descriptors();
  const auto daemon = butterfly::Daemon::start(*config);
  if (!daemon.ok()) return fail(daemon.status());
  spdlog::info("ready: API at {}", config->daemon.api);
  sd_notify(0, "READY=1");
  butterfly::Watchdog watchdog = make_watchdog(**daemon, config->daemon.api);
  int signal = 0;
  while ((signal = wait_for_signal(signals, watchdog)) == SIGHUP) {
    reload(arguments.config, (*daemon)->settings());
  }
  spdlog::info("stopping: {}", strsignal(signal));
  sd_notify(0, "STOPPING=1");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {  // a library's, at start: ours do not throw
    std::fprintf(stderr, "butterflyd: %s\n", error.what());
    return 1;
  }
}
