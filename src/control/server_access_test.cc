// SPDX-License-Identifier: Apache-2.0
// Who may do what, over TCP with certificates and at the socket for reading.
#include <gmock/gmock.h>
#include <grpc/support/log.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "butterfly/v1/butterfly.grpc.pb.h"
#include "control/fake_host.h"
#include "control/fake_settings.h"
#include "control/raw_call.h"
#include "control/server.h"
#include "control/sqlite_store.h"
#include "control/test_certificates.h"

namespace butterfly {
namespace {

using testing::HasSubstr;

std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// Every call, by the role that it takes. A call that is in neither is not decided about.
const std::set<std::string> kReading{"GetIntent",
                                     "ListNics",
                                     "GetNic",
                                     "ListGroups",
                                     "GetGroup",
                                     "ListPeers",
                                     "ListFdb",
                                     "ListStations",
                                     "GetStatus",
                                     "GetCounters",
                                     "GetGraph",
                                     "GetConfig",
                                     "Trace",
                                     "ListProcedures",
                                     "ListGuard",
                                     "ListSubnets",
                                     "ListConnections",
                                     "CountConnections",
                                     "ExportConnections",
                                     "WatchLog",
                                     "CheckPacket",
                                     "WatchEvents"};
const std::set<std::string> kWriting{"Apply",     "Replace",          "FlushFdb",
                                     "SetConfig", "FlushConnections", "ImportConnections",
                                     "Shutdown",  "Capture"};

class ServerAccessTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    ca = new TestCa("ours");
    stranger = new TestCa("strangers");
  }
  static void TearDownTestSuite() {
    delete ca;
    delete stranger;
  }

  void SetUp() override {
    store = *SqliteStore::open(directory.file("state.db"));
    keeper = *IntentKeeper::start(host, *store);
    options.address = "unix:" + directory.file("api.sock");
    options.settings = &settings;
    options.read_socket = {"unix:" + directory.file("read.sock"), 0666, ""};
    options.tcp = {{"127.0.0.1", 0}, ca->sign("server", "DNS:localhost,IP:127.0.0.1"), writers};
  }
  Status start() {
    auto started = ApiServer::start(options, host, *keeper);
    if (!started.ok()) return started.status();
    server = *std::move(started);
    gpr_set_log_function([](gpr_log_func_args*) {});
    return ok_status();
  }
  std::shared_ptr<grpc::Channel> channel(const PemFiles& files) const {
    const auto credentials =
        grpc::SslCredentials({text_of(files.ca), text_of(files.key), text_of(files.certificate)});
    return grpc::CreateChannel("127.0.0.1:" + std::to_string(server->tcp_port()), credentials);
  }
  std::shared_ptr<grpc::Channel> read_socket() const {
    return grpc::CreateChannel(options.read_socket.address, grpc::InsecureChannelCredentials());
  }

  static grpc::Status ask(const std::shared_ptr<grpc::Channel>& to) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    v1::GetStatusResponse response;
    return v1::Butterfly::NewStub(to)->GetStatus(&context, {}, &response);
  }
  static grpc::Status health(const std::shared_ptr<grpc::Channel>& to) {
    return raw_call(to, "Check", "", "grpc.health.v1.Health");
  }
  static grpc::Status add_group(const std::shared_ptr<grpc::Channel>& to, bool dry_run = false) {
    grpc::ClientContext context;
    v1::ApplyRequest request;
    v1::ApplyResponse response;
    request.add_changes()->set_group_add("web");
    request.set_dry_run(dry_run);
    return v1::Butterfly::NewStub(to)->Apply(&context, request, &response);
  }
  static inline TestCa* ca = nullptr;
  static inline TestCa* stranger = nullptr;
  TestDirectory directory;
  FakeHost host;
  std::unique_ptr<SqliteStore> store;
  std::unique_ptr<IntentKeeper> keeper;
  FakeSettings settings;
  std::shared_ptr<WriterNames> writers =
      std::make_shared<WriterNames>(std::vector<std::string>{"orchestrator", "spiffe://x/writer"});
  ServerOptions options;
  std::unique_ptr<ApiServer> server;
};

TEST_F(ServerAccessTest, LetsWhoeverIsSignedForReadOverTcp) {
  ASSERT_EQ(start(), ok_status());
  const auto monitor = channel(ca->sign("monitor", ""));
  const grpc::Status read = ask(monitor);
  EXPECT_TRUE(read.ok()) << read.error_message();
  EXPECT_TRUE(add_group(monitor, /*dry_run=*/true).ok());
  const grpc::Status write = add_group(monitor);
  EXPECT_EQ(write.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(write.error_message(),
            "Apply: client 'monitor' has the role read (wanted: write, a certificate with a name "
            "of api.writers)");
  EXPECT_TRUE(host.intent()->groups.empty());
}

TEST_F(ServerAccessTest, LetsWritersChangeThingsByAnyOfTheirNames) {
  ASSERT_EQ(start(), ok_status());
  EXPECT_TRUE(add_group(channel(ca->sign("orchestrator", ""))).ok());
  EXPECT_TRUE(host.intent()->groups.contains("web"));
  EXPECT_TRUE(add_group(channel(ca->sign("x", "DNS:other,URI:spiffe://x/writer"))).ok());
  EXPECT_TRUE(add_group(channel(ca->sign("x", "DNS:orchestrator"))).ok());
  const grpc::Status nearly = add_group(channel(ca->sign("y", "DNS:orchestrator.x")));
  EXPECT_THAT(nearly.error_message(), HasSubstr("client 'y' has the role read"));
}

TEST_F(ServerAccessTest, TakesAnotherListOfWritersWhileItRuns) {
  ASSERT_EQ(start(), ok_status());
  const auto before = channel(ca->sign("orchestrator", ""));
  const auto next = channel(ca->sign("successor", ""));
  writers->set({"successor"});
  EXPECT_EQ(add_group(before).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_TRUE(add_group(next).ok());
}

TEST_F(ServerAccessTest, HearsNobodyWithoutAGoodCertificate) {
  ASSERT_EQ(start(), ok_status());
  PemFiles none = ca->sign("orchestrator", "");
  const PemFiles good = none;
  none.certificate = none.key = "/dev/null";
  PemFiles foreign = stranger->sign("orchestrator", "");
  foreign.ca = good.ca;
  const PemFiles expired = ca->sign("orchestrator", "", /*days=*/-1);
  for (const PemFiles& files : {none, foreign, expired}) {
    SCOPED_TRACE(files.certificate);
    EXPECT_EQ(ask(channel(files)).error_code(), grpc::StatusCode::UNAVAILABLE);
    EXPECT_EQ(add_group(channel(files)).error_code(), grpc::StatusCode::UNAVAILABLE);
  }
  const auto plain = grpc::CreateChannel("127.0.0.1:" + std::to_string(server->tcp_port()),
                                         grpc::InsecureChannelCredentials());
  EXPECT_EQ(ask(plain).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(host.intent()->groups.empty());
  EXPECT_TRUE(ask(channel(good)).ok());  // and goes on serving others
}

TEST_F(ServerAccessTest, IsNotTakenForAnother) {
  ASSERT_EQ(start(), ok_status());
  PemFiles credulous = ca->sign("orchestrator", "");
  credulous.ca = stranger->file();
  EXPECT_EQ(ask(channel(credulous)).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ServerAccessTest, GivesEveryCallOneRole) {
  ASSERT_EQ(start(), ok_status());
  const auto& calls = *google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
      "butterfly.v1.Butterfly");
  const auto monitor = channel(ca->sign("monitor", ""));
  for (int i = 0; i < calls.method_count(); ++i) {
    const std::string name = calls.method(i)->name();
    SCOPED_TRACE(name);
    ASSERT_NE(kReading.contains(name), kWriting.contains(name)) << "decide, in one of the two";
    for (const auto& to : {monitor, read_socket()}) {
      const grpc::Status status = raw_call(to, name, "");
      EXPECT_EQ(status.error_code() == grpc::StatusCode::PERMISSION_DENIED, kWriting.contains(name))
          << status.error_message();
      if (kWriting.contains(name)) {
        EXPECT_THAT(status.error_message(), HasSubstr(name + ": "));
        EXPECT_THAT(status.error_message(), HasSubstr("(wanted: write, "));
      }
    }
  }
}

TEST_F(ServerAccessTest, HasASocketForReading) {
  ASSERT_EQ(start(), ok_status());
  struct stat info;
  ASSERT_EQ(stat(directory.file("read.sock").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0666u);
  EXPECT_TRUE(ask(read_socket()).ok());
  const grpc::Status write = add_group(read_socket());
  EXPECT_EQ(write.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(write.error_message(),
            "Apply: this socket gives the role read (wanted: write, at the socket of daemon.api)");
  server.reset();
  EXPECT_FALSE(std::filesystem::exists(directory.file("read.sock")));
}

TEST_F(ServerAccessTest, TakesANewCertificateWhenItIsThere) {
  const std::string live = directory.file("live");
  const auto install = [&](const PemFiles& files) {
    for (const auto& [from, to] :
         {std::pair(files.certificate, live + ".pem"), std::pair(files.key, live + ".key")}) {
      std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing);
    }
  };
  const PemFiles client = ca->sign("monitor", "");
  install(ca->sign("server", "IP:127.0.0.1", /*days=*/-1));
  options.tcp->files = {live + ".pem", live + ".key", ca->file()};
  ASSERT_EQ(start(), ok_status());
  ASSERT_EQ(server->warnings().size(), 1u);
  EXPECT_THAT(server->warnings()[0], HasSubstr("live.pem': has expired at "));
  EXPECT_EQ(ask(channel(client)).error_code(), grpc::StatusCode::UNAVAILABLE);

  install(ca->sign("server", "IP:127.0.0.1"));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(3 * kPemReadAgainS);
  bool is_served = false;
  while (!is_served && std::chrono::steady_clock::now() < deadline) {
    is_served = ask(channel(client)).ok();
  }
  EXPECT_TRUE(is_served);
}

TEST_F(ServerAccessTest, RefusesFilesThatItCannotUse) {
  const PemFiles good = options.tcp->files;
  const auto refusal = [&](const PemFiles& files) {
    options.tcp->files = files;
    const Status status = start();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    return std::string(status.message());
  };
  EXPECT_THAT(refusal({"/nonexistent", good.key, good.ca}),
              HasSubstr("API at tcp:127.0.0.1:0: certificate '/nonexistent': cannot be read: No "
                        "such file or directory (wanted a PEM file)"));
  EXPECT_THAT(refusal({good.certificate, good.key, "/dev/null"}),
              HasSubstr("CA '/dev/null': no certificate in it (wanted one in PEM)"));
  EXPECT_THAT(refusal({good.certificate, good.certificate, good.ca}),
              HasSubstr("no private key in it (wanted one in PEM, without a passphrase)"));
  const PemFiles other = ca->sign("other", "");
  EXPECT_THAT(refusal({good.certificate, other.key, good.ca}),
              HasSubstr("key '" + other.key + "': is not that of certificate '" + good.certificate +
                        "' (wanted the one that it was made with)"));
  EXPECT_FALSE(std::filesystem::exists(directory.file("api.sock")));  // nothing is left
}

TEST_F(ServerAccessTest, RefusesWhoWasRevokedAlsoOverAnOpenConnection) {
  const PemFiles bad = ca->sign("orchestrator", "");
  options.tcp->crl = directory.file("crl");
  ca->revoke({ca->sign("somebody", "")}, options.tcp->crl);
  ASSERT_EQ(start(), ok_status());
  EXPECT_TRUE(server->warnings().empty());
  const auto open = channel(bad);
  const auto other = channel(ca->sign("monitor", ""));
  EXPECT_TRUE(add_group(open).ok());
  EXPECT_TRUE(ask(other).ok());

  ca->revoke({bad}, options.tcp->crl);
  const grpc::Status refused = ask(open);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(refused.error_message(),
            "client 'orchestrator': certificate revoked (wanted: a certificate that counts)");
  EXPECT_EQ(add_group(channel(bad)).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(health(channel(bad)).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_TRUE(ask(other).ok());
}

TEST_F(ServerAccessTest, RefusesWhomARevokedCaHasSigned) {
  TestCa between("between", *ca);
  PemFiles files = between.sign("orchestrator", "");
  std::ofstream(files.certificate, std::ios::app) << text_of(between.file());
  files.ca = ca->file();
  options.tcp->crl = directory.file("crl");
  ca->revoke({}, options.tcp->crl);
  ASSERT_EQ(start(), ok_status());
  const grpc::Status before = ask(channel(files));
  EXPECT_TRUE(before.ok()) << before.error_message();
  ca->revoke({{between.file(), "", ""}}, options.tcp->crl);
  EXPECT_EQ(ask(channel(files)).error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(ServerAccessTest, EndsWhatARevokedClientWatches) {
  const PemFiles bad = ca->sign("monitor", "");
  options.tcp->crl = directory.file("crl");
  ca->revoke({}, options.tcp->crl);
  ASSERT_EQ(start(), ok_status());
  host.journal.add({});
  const auto stub = v1::Butterfly::NewStub(channel(bad));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  v1::WatchEventsRequest request;
  request.set_follow(true);
  const auto reader = stub->WatchEvents(&context, request);
  v1::Event event;
  ASSERT_TRUE(reader->Read(&event));
  ca->revoke({bad}, options.tcp->crl);
  EXPECT_FALSE(reader->Read(&event));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::OK) << "not by the deadline";
}

TEST_F(ServerAccessTest, KeepsTheListsThatItHasUntilItIsGivenGoodOnes) {
  const PemFiles bad = ca->sign("orchestrator", "");
  const PemFiles next = ca->sign("successor", "");
  options.tcp->crl = directory.file("crl");
  ca->revoke({bad}, options.tcp->crl);
  ASSERT_EQ(start(), ok_status());
  std::ofstream(options.tcp->crl) << "nonsense";
  EXPECT_EQ(ask(channel(bad)).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  std::filesystem::remove(options.tcp->crl);
  EXPECT_EQ(ask(channel(bad)).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_TRUE(ask(channel(next)).ok());
  ca->revoke({next}, options.tcp->crl);
  EXPECT_EQ(ask(channel(next)).error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

// What it names stays revoked, and a daemon does not wait for the CA's paperwork.
TEST_F(ServerAccessTest, GoesByAListThatIsOverdue) {
  const PemFiles bad = ca->sign("orchestrator", "");
  options.tcp->crl = directory.file("crl");
  ca->revoke({bad}, options.tcp->crl, TestCa::List::overdue);
  ASSERT_EQ(start(), ok_status());
  ASSERT_EQ(server->warnings().size(), 1u);
  EXPECT_THAT(server->warnings()[0],
              HasSubstr("crl': list of 'CN = ours': the next one was due at Feb  1 "));
  EXPECT_EQ(ask(channel(bad)).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_TRUE(ask(channel(ca->sign("monitor", ""))).ok());
}

TEST_F(ServerAccessTest, RefusesListsThatItCannotUse) {
  const std::string crl = options.tcp->crl = directory.file("crl");
  const auto refusal = [&] {
    const Status status = start();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    return std::string(status.message());
  };
  EXPECT_THAT(refusal(), HasSubstr("API at tcp:127.0.0.1:0: CRL '" + crl +
                                   "': cannot be read: No such file or directory (wanted a PEM "
                                   "file)"));
  std::ofstream(crl) << "nonsense";
  EXPECT_THAT(refusal(), HasSubstr("CRL '" + crl +
                                   "': no revocation list in it (wanted one in "
                                   "PEM)"));
  ca->revoke({}, crl);
  const std::string good = text_of(crl);
  std::ofstream(crl, std::ios::app) << good.substr(0, good.size() / 2);
  EXPECT_THAT(refusal(), HasSubstr("revocation list 2 is damaged (wanted nothing but whole ones"));
  stranger->revoke({}, crl);
  EXPECT_THAT(refusal(), HasSubstr("list of 'CN = strangers': no such CA (wanted one of CA '" +
                                   ca->file() + "')"));
  TestCa impostor("ours");
  impostor.revoke({}, crl);
  EXPECT_THAT(refusal(), HasSubstr("list of 'CN = ours': not signed by that CA of CA '"));
  ca->revoke({}, crl, TestCa::List::partial);
  EXPECT_THAT(refusal(), HasSubstr("list of 'CN = ours': is a part of one (wanted a whole list, "
                                   "without critical extensions)"));
}

TEST_F(ServerAccessTest, RefusesAPortThatIsTaken) {
  ASSERT_EQ(start(), ok_status());
  TestDirectory elsewhere;
  ServerOptions second = options;
  second.address = "unix:" + elsewhere.file("api.sock");
  second.read_socket.address.clear();
  second.tcp->address.port = server->tcp_port();
  EXPECT_THAT(std::string(ApiServer::start(second, host, *keeper).status().message()),
              HasSubstr("cannot listen (wanted an address of this machine and a port that is "
                        "free)"));
}

}  // namespace
}  // namespace butterfly
