// SPDX-License-Identifier: Apache-2.0
// The real API and store over a host without a datapath: what the CLI's tests talk to.
// Usage: fake_butterflyd DIRECTORY; serves unix:DIRECTORY/api.sock, says "ready", ends with stdin.
#include <cstdio>
#include <iostream>

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
  auto store = SqliteStore::open(directory + "/state.db");
  if (!store.ok()) return fail(store.status());
  FakeHost host;
  host.expressions = std::make_shared<ChildCompiler>(BUTTERFLY_EXPRESSION_COMPILER);
  auto keeper = IntentKeeper::start(host, **store);
  if (!keeper.ok()) return fail(keeper.status());
  FakeSettings settings;
  auto server =
      ApiServer::start({"unix:" + directory + "/api.sock", 0600, "", &settings}, host, **keeper);
  if (!server.ok()) return fail(server.status());
  std::cout << "ready" << std::endl;
  while (std::getchar() != EOF) {
  }
  return 0;
}

}  // namespace
}  // namespace butterfly

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  return butterfly::serve(argv[1]);
}
