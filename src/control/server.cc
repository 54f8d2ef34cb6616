// SPDX-License-Identifier: Apache-2.0
// The gRPC servers of the API.
#include "control/server.h"

#include <grpc/support/log.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>

#include "base/socket_file.h"
#include "control/file_lock.h"
#include "control/service.h"
#include "control/socket_file.h"

namespace butterfly {
namespace {

// An intent of a full host fits many times; the default of 4 MiB would not do for large groups.
constexpr int kMaxMessageBytes = 64 << 20;

std::unique_ptr<grpc::Server> listen(const std::string& address,
                                     const std::shared_ptr<grpc::ServerCredentials>& credentials,
                                     grpc::Service* service, int& port) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, credentials, &port);
  builder.RegisterService(service);
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // A trace holds a thread while it runs; a client must not be able to open thousands. Each
  // listener has its own: who comes over TCP cannot take the operator's.
  grpc::ResourceQuota quota("api");
  builder.SetResourceQuota(quota.SetMaxThreads(32));
  return builder.BuildAndStart();
}

// Wants a client's certificate that our CA, or one that it vouches for, has signed. Files that do
// not fit together while they are being replaced leave those in use that were.
std::shared_ptr<grpc::ServerCredentials> tls_credentials(const PemFiles& files) {
  namespace tls = grpc::experimental;
  tls::TlsServerCredentialsOptions options(std::make_shared<tls::FileWatcherCertificateProvider>(
      files.key, files.certificate, files.ca, kPemReadAgainS));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  return tls::TlsServerCredentials(options);
}

// gRPC tells of every handshake that fails, and anybody may make one fail.
void write_grpc_log(gpr_log_func_args* entry) { spdlog::debug("grpc: {}", entry->message); }

}  // namespace

// Ends in reverse order: the server, then what it serves, then the right to the path.
struct ApiServer::Listener {
  FileLock lock;
  std::string path;  // of its socket; empty: over TCP
  std::unique_ptr<grpc::Service> service;
  std::unique_ptr<grpc::Server> server;
};

ApiServer::ApiServer(const ServiceParts& parts) : parts_(parts) {}

StatusOr<std::unique_ptr<ApiServer>> ApiServer::start(const ServerOptions& options, Host& host,
                                                      IntentKeeper& keeper) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  std::unique_ptr<ApiServer> server(new ApiServer({host, keeper, options.settings, options.stop}));
  RETURN_IF_ERROR(server->listen_at_socket(options.address, options.mode, options.group,
                                           Access::to_everything()));
  const ReadSocket& read = options.read_socket;
  if (!read.address.empty()) {
    RETURN_IF_ERROR(
        server->listen_at_socket(read.address, read.mode, read.group, Access::to_reading()));
  }
  if (options.tcp) RETURN_IF_ERROR(server->listen_over_tcp(*options.tcp));
  return server;
}

Status ApiServer::listen_at_socket(const std::string& address, unsigned mode,
                                   const std::string& group, const Access& access) {
  auto path = socket_path_of(address);
  if (!path.ok()) return path.status();
  const std::string what = "API socket '" + *path + "'";
  auto owned = std::make_unique<Listener>();
  Listener& listener = *owned;
  auto lock = FileLock::take(what, *path + ".lock");
  if (!lock.ok()) return lock.status();
  RETURN_IF_ERROR(clear_socket_path(what, *path));
  listener.lock = *std::move(lock);
  listener.service = make_service(parts_, access);
  // Nobody may connect before mode and group are what was asked for.
  const mode_t old_mask = umask(0177);
  int port = 0;
  listener.server =
      listen(address, grpc::InsecureServerCredentials(), listener.service.get(), port);
  umask(old_mask);
  if (!listener.server) {
    return precondition(what + ": cannot listen (wanted a directory that exists and may be " +
                        "written)");
  }
  listener.path = *path;
  listeners_.push_back(std::move(owned));
  return set_socket_rights(what, *path, mode, group);
}

Status ApiServer::listen_over_tcp(const TcpListener& options) {
  const std::string what = "API at tcp:" + options.address.to_string();
  const auto texts = read_pem_files(options.files);
  if (!texts.ok()) return precondition(what + ": " + std::string(texts.status().message()));
  // Guests' traffic does not wait for a new certificate, which is taken when it is there.
  if (texts->out_of_date) warnings_.push_back(what + ": " + *texts->out_of_date);
  gpr_set_log_function(write_grpc_log);
  const auto credentials = tls_credentials(options.files);
  std::shared_ptr<RevocationCheck> revocations;
  if (!options.crl.empty()) {
    auto check = RevocationCheck::start(options.files.ca, options.crl);
    if (!check.ok()) return precondition(what + ": " + std::string(check.status().message()));
    revocations = *std::move(check);
    if (const auto late = revocations->out_of_date()) warnings_.push_back(what + ": " + *late);
    credentials->SetAuthMetadataProcessor(revocations);
  }
  auto owned = std::make_unique<Listener>();
  Listener& listener = *owned;
  listener.service = make_service(parts_, Access::by_certificate(options.writers, revocations));
  int port = 0;
  listener.server = listen(options.address.to_string(), credentials, listener.service.get(), port);
  if (!listener.server) {
    return precondition(what + ": cannot listen (wanted an address of this machine and a port " +
                        "that is free)");
  }
  tcp_port_ = static_cast<uint16_t>(port);
  listeners_.push_back(std::move(owned));
  return ok_status();
}

ApiServer::~ApiServer() {
  const auto deadline = std::chrono::system_clock::now() + std::chrono::seconds(1);
  for (const auto& listener : listeners_) {
    listener->server->Shutdown(deadline);
    if (!listener->path.empty()) unlink(listener->path.c_str());
  }
}

}  // namespace butterfly
