// SPDX-License-Identifier: Apache-2.0
#include "control/api_probe.h"

#include <grpc/support/log.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "base/fd.h"
#include "control/fake_host.h"
#include "control/server.h"
#include "control/sqlite_store.h"
#include "control/test_directory.h"

namespace butterfly {
namespace {

using std::chrono::milliseconds;

class ApiProbeTest : public testing::Test {
 protected:
  ApiProbeTest() {
    gpr_set_log_function([](gpr_log_func_args*) {});
  }

  void serve() {
    store = *SqliteStore::open(directory.file("state.db"));
    keeper = *IntentKeeper::start(host, *store);
    ServerOptions options;
    options.address = address;
    server = *ApiServer::start(options, host, *keeper);
  }
  // Takes connections and says nothing.
  Fd listen_silently() const {
    Fd fd(socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::strncpy(name.sun_path, directory.file("api.sock").c_str(), sizeof name.sun_path - 1);
    EXPECT_EQ(bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
    EXPECT_EQ(listen(fd.get(), 16), 0);
    return fd;
  }
  // Asks until `is_enough` of the silence; false after 20 s.
  template <typename Enough>
  bool asks_until(ApiProbe& probe, Enough is_enough) const {
    const auto deadline = ApiProbe::Clock::now() + std::chrono::seconds(20);
    while (ApiProbe::Clock::now() < deadline) {
      if (is_enough(probe.ask())) return true;
      std::this_thread::sleep_for(milliseconds(5));
    }
    return false;
  }
  bool hears_silence(ApiProbe& probe) const {
    return asks_until(probe, [](auto silence) { return silence > milliseconds(300); });
  }
  bool hears_an_answer(ApiProbe& probe) const {
    return asks_until(probe, [](auto silence) { return silence.count() == 0; });
  }

  TestDirectory directory;
  const std::string address = "unix:" + directory.file("api.sock");
  FakeHost host;
  std::unique_ptr<SqliteStore> store;
  std::unique_ptr<IntentKeeper> keeper;
  std::unique_ptr<ApiServer> server;
};

TEST_F(ApiProbeTest, HearsAnswersOfAnApiThatIsWell) {
  serve();
  ApiProbe probe(address);
  EXPECT_EQ(probe.ask().count(), 0) << "nothing was asked yet";
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(hears_an_answer(probe));
}

TEST_F(ApiProbeTest, HearsTheSilenceOfOneThatHangsAndThatItHasEnded) {
  ApiProbe probe(address);
  {
    const Fd mute = listen_silently();
    EXPECT_EQ(probe.ask().count(), 0);
    EXPECT_TRUE(hears_silence(probe));
  }
  unlink(directory.file("api.sock").c_str());
  serve();
  EXPECT_TRUE(hears_an_answer(probe));
}

TEST_F(ApiProbeTest, HearsTheSilenceOfNobody) {
  ApiProbe probe(address);
  EXPECT_TRUE(hears_silence(probe));
}

}  // namespace
}  // namespace butterfly
