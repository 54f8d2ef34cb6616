// SPDX-License-Identifier: Apache-2.0
// The gRPC server of the API on a unix socket.
#include "control/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/service_type.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>

#include "base/socket_file.h"
#include "control/service.h"
#include "control/socket_file.h"

namespace butterfly {
namespace {

// An intent of a full host fits many times; the default of 4 MiB would not do for large groups.
constexpr int kMaxMessageBytes = 64 << 20;

std::unique_ptr<grpc::Server> listen(const std::string& address, grpc::Service* service) {
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(service);
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // A trace holds a thread while it runs; a client must not be able to open thousands.
  grpc::ResourceQuota quota("api");
  builder.SetResourceQuota(quota.SetMaxThreads(32));
  return builder.BuildAndStart();
}

}  // namespace

ApiServer::ApiServer() = default;

StatusOr<std::unique_ptr<ApiServer>> ApiServer::start(const ServerOptions& options, Host& host,
                                                      IntentKeeper& keeper) {
  auto path = socket_path_of(options.address);
  if (!path.ok()) return path.status();
  auto lock = FileLock::take("API socket '" + *path + "'", *path + ".lock");
  if (!lock.ok()) return lock.status();
  RETURN_IF_ERROR(clear_socket_path("API socket '" + *path + "'", *path));

  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  std::unique_ptr<ApiServer> server(new ApiServer());
  server->lock_ = *std::move(lock);
  server->service_ = make_service(host, keeper, options.settings);
  // Nobody may connect before mode and group are what was asked for.
  const mode_t old_mask = umask(0177);
  server->server_ = listen(options.address, server->service_.get());
  umask(old_mask);
  if (!server->server_) {
    return precondition("API socket '" + *path + "': cannot listen (wanted a directory that " +
                        "exists and may be written)");
  }
  server->path_ = *std::move(path);
  RETURN_IF_ERROR(set_socket_rights("API socket '" + server->path_ + "'", server->path_,
                                    options.mode, options.group));
  return server;
}

ApiServer::~ApiServer() {
  if (!server_) return;
  server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  unlink(path_.c_str());
}

}  // namespace butterfly
