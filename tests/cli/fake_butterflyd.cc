// SPDX-License-Identifier: Apache-2.0
// The real API and store over a host without a datapath: what the CLI's tests talk to.
// Usage: fake_butterflyd DIRECTORY; serves unix:DIRECTORY/api.sock and, for reading,
// unix:DIRECTORY/read.sock, says "ready", ends with stdin. With DIRECTORY/server.pem, server.key
// and ca.pem it serves 127.0.0.1 as well, at the port that it writes to DIRECTORY/port;
// "orchestrator" may write, and whom DIRECTORY/crl names nothing.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <thread>

#include "control/fake_host.h"
#include "control/fake_settings.h"
#include "control/server.h"
#include "control/sqlite_store.h"

namespace butterfly {
namespace {

int fail(const Status& status) {
  std::cerr << status.message() << std::endl;
  return 1;
}

int serve(const std::string& directory) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // of every thread, for sigwait() below
  auto store = SqliteStore::open(directory + "/state.db");
  if (!store.ok()) return fail(store.status());
  FakeHost host;
  host.expressions = std::make_shared<ChildCompiler>(BUTTERFLY_EXPRESSION_COMPILER);
  auto keeper = IntentKeeper::start(host, **store);
  if (!keeper.ok()) return fail(keeper.status());
  FakeSettings settings;
  ServerOptions options{"unix:" + directory + "/api.sock", 0600, "", &settings};
  options.stop = [] { kill(getpid(), SIGTERM); };
  options.read_socket = {"unix:" + directory + "/read.sock", 0600, ""};
  const PemFiles files{directory + "/server.pem", directory + "/server.key", directory + "/ca.pem"};
  using std::filesystem::exists;
  if (exists(files.certificate)) {
    options.tcp = {{"127.0.0.1", 0},
                   files,
                   std::make_shared<WriterNames>(std::vector<std::string>{"orchestrator"}),
                   exists(directory + "/crl") ? directory + "/crl" : ""};
  }
  auto server = ApiServer::start(options, host, **keeper);
  if (!server.ok()) return fail(server.status());
  std::ofstream(directory + "/port") << (*server)->tcp_port();
  std::cout << "ready" << std::endl;
  std::thread([] {
    while (std::getchar() != EOF) {
    }
    kill(getpid(), SIGTERM);
  }).detach();
  int signal = 0;
  sigwait(&signals, &signal);
  return 0;
}

}  // namespace
}  // namespace butterfly

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  return butterfly::serve(argv[1]);
}
