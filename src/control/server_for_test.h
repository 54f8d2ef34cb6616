// SPDX-License-Identifier: Apache-2.0
// The API over a real socket, with a host that is not one: shared by the tests of its calls.
#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "butterfly/v1/butterfly.grpc.pb.h"
#include "control/fake_host.h"
#include "control/fake_settings.h"
#include "control/server.h"
#include "control/sqlite_store.h"
#include "control/test_directory.h"

namespace butterfly::test {

class ServerFixture : public testing::Test {
 protected:
  void SetUp() override {
    store = *SqliteStore::open(directory.file("state.db"));
    keeper = *IntentKeeper::start(host, *store);
    options.address = "unix:" + socket();
    options.settings = &settings;
    auto started = ApiServer::start(options, host, *keeper);
    ASSERT_TRUE(started.ok()) << started.status();
    server = *std::move(started);
    channel = grpc::CreateChannel(options.address, grpc::InsecureChannelCredentials());
    stub = v1::Butterfly::NewStub(channel);
  }
  std::string socket() const { return directory.file("api.sock"); }

  grpc::Status put_nic(const std::string& id, v1::ApplyResponse& response) {
    grpc::ClientContext context;
    v1::ApplyRequest request;
    v1::Nic& nic = *request.add_changes()->mutable_nic_put();
    nic.set_id(id);
    nic.set_mac("52:54:00:00:00:01");
    nic.set_vni(42);
    return stub->Apply(&context, request, &response);
  }

  TestDirectory directory;
  FakeHost host;
  std::unique_ptr<SqliteStore> store;
  std::unique_ptr<IntentKeeper> keeper;
  FakeSettings settings;
  ServerOptions options;
  std::unique_ptr<ApiServer> server;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::Butterfly::Stub> stub;
};

}  // namespace butterfly::test
