// SPDX-License-Identifier: Apache-2.0
// butterflyd: reads its configuration, starts, serves until it is told to stop.
//
// Exit codes: 0 stopped as asked, 1 could not start (one line on stderr says why), 2 wrong usage.
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>

#include "daemon/config.h"
#include "daemon/daemon.h"

namespace {

constexpr const char* kDefaultConfig = "/etc/butterfly/butterflyd.toml";
constexpr const char* kUsage =
    "usage: butterflyd [--config FILE] [--check]\n"
    "  --config FILE  settings (default /etc/butterfly/butterflyd.toml)\n"
    "  --check        only check the settings, then exit\n"
    "  --version      print the version\n"
    "  --help         print this\n";

struct Arguments {
  std::string config = kDefaultConfig;
  bool check = false;
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
    } else {
      std::fprintf(stderr, "butterflyd: %s: unknown or incomplete option\n%s", argv[i], kUsage);
      arguments.exit_code = 2;
    }
    if (arguments.exit_code >= 0) return arguments;
  }
  return arguments;
}

// Blocks the signals that end us in every thread, so that sigwait() below gets them.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGQUIT);
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

int run(int argc, char** argv) {
  const Arguments arguments = read_arguments(argc, argv);
  if (arguments.exit_code >= 0) return arguments.exit_code;
  spdlog::set_default_logger(spdlog::stderr_color_mt("butterflyd"));
  const auto config = butterfly::load_config(arguments.config);
  if (!config.ok()) {
    std::fprintf(stderr, "butterflyd: %s\n", std::string(config.status().message()).c_str());
    return 1;
  }
  if (arguments.check) {
    std::printf("%s: fine\n", arguments.config.c_str());
    return 0;
  }
  spdlog::set_level(spdlog::level::from_str(config->daemon.log_level));
  const sigset_t signals = block_signals();
  allow_many_descriptors();
  const auto daemon = butterfly::Daemon::start(*config);
  if (!daemon.ok()) {
    std::fprintf(stderr, "butterflyd: %s\n", std::string(daemon.status().message()).c_str());
    return 1;
  }
  spdlog::info("ready: API at {}", config->daemon.api);
  sd_notify(0, "READY=1");
  int signal = 0;
  sigwait(&signals, &signal);
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
