// SPDX-License-Identifier: Apache-2.0
// The API as a client meets it: over a real socket, with a host that is not one.
#include "control/server.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>

#include "control/server_for_test.h"

namespace butterfly {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using ServerTest = test::ServerFixture;

TEST_F(ServerTest, AnswersAPutNicWithSocketAndQemuLine) {
  v1::ApplyResponse response;
  const grpc::Status status = put_nic("web-1", response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.nics_size(), 1);
  EXPECT_EQ(response.nics(0).socket(), "/run/butterfly/ports/web-1.sock");
  EXPECT_THAT(response.nics(0).qemu_arguments(), HasSubstr("host_mtu=1450"));
  EXPECT_THAT(response.actions(),
              ElementsAre("add nic web-1: vhost-user, mac 52:54:00:00:00:01, vni 42"));
  EXPECT_EQ(store->load()->intent.nics.count("web-1"), 1u);
}

TEST_F(ServerTest, MakesABatchWholeOrNotAtAll) {
  grpc::ClientContext context;
  v1::ApplyRequest request;
  v1::ApplyResponse response;
  request.add_changes()->set_group_add("web");
  request.add_changes()->set_nic_delete("nobody");
  const grpc::Status status = stub->Apply(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "change 2 of 2: nic 'nobody': not found (wanted one of ours)");
  EXPECT_TRUE(host.intent()->groups.empty());
  EXPECT_EQ(store->load()->intent, Intent{});
}

TEST_F(ServerTest, ReplacesTheWholeIntentWithWhatItGaveOut) {
  v1::ApplyResponse applied;
  ASSERT_TRUE(put_nic("web-1", applied).ok());
  v1::GetIntentResponse before;
  grpc::ClientContext get;
  ASSERT_TRUE(stub->GetIntent(&get, {}, &before).ok());

  grpc::ClientContext empty;
  v1::ReplaceResponse replaced;
  ASSERT_TRUE(stub->Replace(&empty, {}, &replaced).ok());
  EXPECT_THAT(replaced.actions(), ElementsAre("remove nic web-1"));

  grpc::ClientContext back;
  v1::ReplaceRequest request;
  *request.mutable_intent() = before.intent();
  ASSERT_TRUE(stub->Replace(&back, request, &replaced).ok());
  EXPECT_EQ(host.intent()->nics.count("web-1"), 1u);
}

TEST_F(ServerTest, ToldRevisionsCanBeExpected) {
  v1::ApplyResponse applied;
  ASSERT_TRUE(put_nic("web-1", applied).ok());
  EXPECT_EQ(applied.revision(), 1u);
  const Generation generation = host.report().generation;
  ASSERT_TRUE(put_nic("web-1", applied).ok());
  EXPECT_EQ(applied.revision(), 1u);
  EXPECT_TRUE(applied.actions().empty());
  EXPECT_EQ(host.report().generation, generation);  // so the port is the one that was there

  v1::GetIntentResponse got;
  grpc::ClientContext get;
  ASSERT_TRUE(stub->GetIntent(&get, {}, &got).ok());
  EXPECT_EQ(got.revision(), 1u);
  v1::GetStatusResponse told;
  grpc::ClientContext ask;
  ASSERT_TRUE(stub->GetStatus(&ask, {}, &told).ok());
  EXPECT_EQ(told.revision(), 1u);

  const auto replace = [&](uint64_t expected, bool dry_run, v1::ReplaceResponse& response) {
    grpc::ClientContext context;
    v1::ReplaceRequest request;
    request.set_expected_revision(expected);
    request.set_dry_run(dry_run);
    return stub->Replace(&context, request, &response);
  };
  v1::ReplaceResponse replaced;
  ASSERT_TRUE(replace(1, /*dry_run=*/true, replaced).ok());
  EXPECT_EQ(replaced.revision(), 1u);
  ASSERT_TRUE(replace(1, /*dry_run=*/false, replaced).ok());
  EXPECT_EQ(replaced.revision(), 2u);
  const grpc::Status late = replace(1, /*dry_run=*/false, replaced);
  EXPECT_EQ(late.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(
      late.error_message(),
      "intent: is at revision 2, expected was 1 (wanted a change made from the intent of now)");

  // 0 is a revision to expect, too.
  grpc::ClientContext first;
  v1::ApplyRequest request;
  request.add_changes()->set_group_add("web");
  request.set_expected_revision(0);
  EXPECT_EQ(stub->Apply(&first, request, &applied).error_code(), grpc::StatusCode::ABORTED);
  EXPECT_TRUE(host.intent()->groups.empty());
}

TEST_F(ServerTest, ListsInPages) {
  grpc::ClientContext context;
  v1::ApplyRequest request;
  v1::ApplyResponse response;
  for (int i = 1; i <= 5; ++i) {
    v1::Nic& nic = *request.add_changes()->mutable_nic_put();
    nic.set_id("n" + std::to_string(i));
    nic.set_mac("52:54:00:00:00:0" + std::to_string(i));
    nic.set_vni(42);
    request.add_changes()->set_group_add("g" + std::to_string(i));
    v1::Peer& peer = *request.add_changes()->mutable_peer_put();
    peer.set_address("192.0.2." + std::to_string(10 * i));
    peer.add_vnis(42);
    v1::FdbEntry& entry = *request.add_changes()->mutable_fdb_put();
    entry.set_vni(42);
    entry.set_mac("52:54:00:00:01:0" + std::to_string(i));
    entry.set_peer(peer.address());
    v1::Subnet& subnet = *request.add_changes()->mutable_subnet_put();
    subnet.set_name("s" + std::to_string(i));
    subnet.set_prefix("10.0." + std::to_string(i) + ".0/24");
    subnet.set_gateway("10.0." + std::to_string(i) + ".1");
  }
  ASSERT_TRUE(stub->Apply(&context, request, &response).ok());

  // Pages of two, one behind the other: "n1 n2 | n3 n4 | n5".
  const auto pages = [&](auto call, auto ask, auto answer, auto name_of) {
    std::string text;
    ask.set_page_size(2);
    do {
      grpc::ClientContext page;
      answer.Clear();
      EXPECT_TRUE((stub.get()->*call)(&page, ask, &answer).ok());
      text += (text.empty() ? "" : " |") + name_of(answer);
      ask.set_page_token(answer.next_page_token());
    } while (!answer.next_page_token().empty());
    return text;
  };
  using Stub = v1::Butterfly::Stub;
  EXPECT_EQ(pages(&Stub::ListNics, v1::ListNicsRequest(), v1::ListNicsResponse(),
                  [](const auto& page) {
                    std::string text;
                    for (const auto& view : page.nics()) text += " " + view.nic().id();
                    return text;
                  }),
            " n1 n2 | n3 n4 | n5");
  EXPECT_EQ(pages(&Stub::ListGroups, v1::ListGroupsRequest(), v1::ListGroupsResponse(),
                  [](const auto& page) {
                    std::string text;
                    for (const auto& group : page.groups()) text += " " + group.name();
                    return text;
                  }),
            " g1 g2 | g3 g4 | g5");
  EXPECT_EQ(pages(&Stub::ListPeers, v1::ListPeersRequest(), v1::ListPeersResponse(),
                  [](const auto& page) {
                    std::string text;
                    for (const auto& view : page.peers()) text += " " + view.peer().address();
                    return text;
                  }),
            " 192.0.2.10 192.0.2.20 | 192.0.2.30 192.0.2.40 | 192.0.2.50");
  EXPECT_EQ(pages(&Stub::ListSubnets, v1::ListSubnetsRequest(), v1::ListSubnetsResponse(),
                  [](const auto& page) {
                    std::string text;
                    for (const auto& subnet : page.subnets()) text += " " + subnet.name();
                    return text;
                  }),
            " s1 s2 | s3 s4 | s5");
  EXPECT_EQ(pages(&Stub::ListFdb, v1::ListFdbRequest(), v1::ListFdbResponse(),
                  [](const auto& page) {
                    std::string text;
                    for (const auto& entry : page.entries()) text += " " + entry.mac().substr(15);
                    return text;
                  }),
            " 01 02 | 03 04 | 05");

  // A token whose entry has gone is a place all the same; the last page may be full.
  v1::ListNicsRequest behind;
  behind.set_page_size(2);
  behind.set_page_token("n3-and-a-half");
  v1::ListNicsResponse last;
  grpc::ClientContext list;
  ASSERT_TRUE(stub->ListNics(&list, behind, &last).ok());
  ASSERT_EQ(last.nics_size(), 2);
  EXPECT_EQ(last.nics(0).nic().id(), "n4");
  EXPECT_EQ(last.next_page_token(), "");
  // Without a size all come.
  grpc::ClientContext whole;
  ASSERT_TRUE(stub->ListNics(&whole, v1::ListNicsRequest(), &last).ok());
  EXPECT_EQ(last.nics_size(), 5);
}

TEST_F(ServerTest, TellsTheConfigurationAndSetsIt) {
  const auto get = [&] {
    grpc::ClientContext context;
    v1::GetConfigResponse response;
    EXPECT_TRUE(stub->GetConfig(&context, v1::GetConfigRequest(), &response).ok());
    return response;
  };
  const auto set = [&](const std::string& key) {
    grpc::ClientContext context;
    v1::SetConfigRequest request;
    v1::SetConfigResponse response;
    request.add_changes()->set_key(key);
    request.mutable_changes(0)->set_value("\"debug\"");
    return stub->SetConfig(&context, request, &response);
  };
  const auto before = get();
  ASSERT_EQ(before.keys_size(), 2);
  EXPECT_EQ(before.keys(0).origin(), v1::CONFIG_ORIGIN_DEFAULT);
  EXPECT_FALSE(before.keys(0).start_only());
  EXPECT_EQ(before.keys(1).key(), "dataplane.lcores");
  EXPECT_EQ(before.keys(1).value(), "[1]");
  EXPECT_EQ(before.keys(1).standard(), "(the last CPU)");
  EXPECT_EQ(before.keys(1).origin(), v1::CONFIG_ORIGIN_FILE);
  EXPECT_TRUE(before.keys(1).start_only());
  EXPECT_EQ(before.keys(1).sentence(), "Threads.");

  EXPECT_TRUE(set("daemon.log_level").ok());
  EXPECT_EQ(get().keys(0).value(), "\"debug\"");
  EXPECT_EQ(get().keys(0).origin(), v1::CONFIG_ORIGIN_RUN_TIME);
  EXPECT_EQ(set("dataplane.lcores").error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(ServerTest, HasNothingToConfigureWithoutSettings) {
  server.reset();
  options.settings = nullptr;
  server = *ApiServer::start(options, host, *keeper);
  stub = v1::Butterfly::NewStub(
      grpc::CreateChannel(options.address, grpc::InsecureChannelCredentials()));
  grpc::ClientContext get;
  v1::GetConfigResponse keys;
  EXPECT_TRUE(stub->GetConfig(&get, v1::GetConfigRequest(), &keys).ok());
  EXPECT_EQ(keys.keys_size(), 0);
  grpc::ClientContext set;
  v1::SetConfigResponse response;
  EXPECT_EQ(stub->SetConfig(&set, v1::SetConfigRequest(), &response).error_message(),
            "configuration: nothing can be set");
}

TEST_F(ServerTest, ServesHealthAndReflection) {
  grpc::GenericStub generic(channel);
  grpc::ClientContext context;
  const grpc::Slice empty_message("");
  const grpc::ByteBuffer request(&empty_message, 1);
  grpc::ByteBuffer response;
  grpc::CompletionQueue queue;
  const auto call =
      generic.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check", request, &queue);
  grpc::Status status;
  call->StartCall();
  call->Finish(&response, &status, this);
  void* tag = nullptr;
  bool ok = false;
  ASSERT_TRUE(queue.Next(&tag, &ok));
  ASSERT_TRUE(status.ok()) << status.error_message();
  grpc::Slice bytes;
  ASSERT_TRUE(response.DumpToSingleSlice(&bytes).ok());
  // HealthCheckResponse: field 1, a varint, SERVING.
  EXPECT_EQ(std::string(bytes.begin(), bytes.end()), "\x08\x01");

  grpc::ClientContext reflect;
  const auto call2 = generic.PrepareUnaryCall(
      &reflect, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", request, &queue);
  call2->StartCall();
  call2->Finish(&response, &status, this);
  ASSERT_TRUE(queue.Next(&tag, &ok));
  EXPECT_NE(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
}

TEST_F(ServerTest, RefusesASecondDaemonOnTheSocketAndKeepsServing) {
  const auto second = ApiServer::start(options, host, *keeper);
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("api.sock': in use by process "));
  v1::ApplyResponse response;
  EXPECT_TRUE(put_nic("web-1", response).ok());
}

TEST_F(ServerTest, GivesTheSocketTheModeThatWasAskedFor) {
  struct stat info;
  ASSERT_EQ(stat(socket().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0660u);
}

TEST_F(ServerTest, RemovesItsSocketAtTheEnd) {
  server.reset();
  EXPECT_NE(access(socket().c_str(), F_OK), 0);
}

// A socket bound at `path`; listening or left over by the dead.
class ForeignSocket {
 public:
  ForeignSocket(const std::string& path, bool listening) : fd_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listening ? listen(fd_, 1) : 0, 0);
  }
  ~ForeignSocket() { close(fd_); }

 private:
  int fd_;
};

TEST_F(ServerTest, ReplacesTheSocketOfADeadDaemonButNoOtherFile) {
  server.reset();
  {
    const ForeignSocket live(socket(), /*listening=*/true);
    EXPECT_THAT(std::string(ApiServer::start(options, host, *keeper).status().message()),
                HasSubstr("somebody else listens there"));
  }
  EXPECT_TRUE(ApiServer::start(options, host, *keeper).ok());  // now nobody listens any more

  std::ofstream(socket()) << "precious";
  EXPECT_THAT(std::string(ApiServer::start(options, host, *keeper).status().message()),
              HasSubstr("something else is there (wanted a free path)"));
  EXPECT_TRUE(std::filesystem::is_regular_file(socket()));
}

TEST_F(ServerTest, RefusesAddressesAndGroupsThatItCannotServe) {
  server.reset();
  const auto message = [&](const std::string& address, const std::string& group) {
    return std::string(
        ApiServer::start({address, 0660, group, nullptr}, host, *keeper).status().message());
  };
  EXPECT_THAT(message("0.0.0.0:9999", ""), HasSubstr("not a unix socket (wanted unix:/PATH)"));
  EXPECT_THAT(message("unix:/" + std::string(107, 'x'), ""), HasSubstr("108 bytes (wanted at most "
                                                                       "107)"));
  EXPECT_THAT(message("unix:/nonexistent/api.sock", ""), HasSubstr("No such file or directory"));
  EXPECT_THAT(message(options.address, "no-such-group"),
              HasSubstr("group 'no-such-group' does not exist"));
}

}  // namespace
}  // namespace butterfly
