// SPDX-License-Identifier: Apache-2.0
// The calls of the API from the client's side.
#include "cli/client.h"

#include <grpc/support/log.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "butterfly/v1/butterfly.grpc.pb.h"

namespace butterfly {
namespace {

constexpr int kMaxMessageBytes = 64 << 20;  // as the server

// gRPC's target and the credentials for it.
StatusOr<std::shared_ptr<grpc::Channel>> channel_to(const Endpoint& endpoint) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (!endpoint.is_tcp()) {
    return grpc::CreateCustomChannel(endpoint.address, grpc::InsecureChannelCredentials(),
                                     arguments);
  }
  const auto address = parse_tcp_address(endpoint.address);
  if (!address) {
    return precondition("address '" + endpoint.address +
                        "': malformed (wanted tcp:HOST:PORT, an IPv6 address in brackets)");
  }
  const PemFiles& files = endpoint.files;
  if (files.ca.empty() || files.certificate.empty() || files.key.empty()) {
    return precondition(endpoint.address + ": certificates are missing (wanted --ca, --cert and " +
                        "--cert-key)");
  }
  const auto texts = read_pem_files(files);
  if (!texts.ok()) return texts.status();
  if (texts->out_of_date) return precondition(*texts->out_of_date);
  // What goes wrong is told once, by us.
  gpr_set_log_function([](gpr_log_func_args*) {});
  return grpc::CreateCustomChannel(
      address->to_string(), grpc::SslCredentials({texts->ca, texts->key, texts->certificate}),
      arguments);
}

// Why nobody answers at a unix socket, in the kernel's words, which are clearer than gRPC's.
std::string reason_for(const std::string& address, const std::string& otherwise) {
  constexpr std::string_view kScheme = "unix:";
  if (!address.starts_with(kScheme)) return otherwise;
  const std::string path = address.substr(kScheme.size());
  sockaddr_un target{};
  target.sun_family = AF_UNIX;
  if (path.size() >= sizeof target.sun_path) return "path too long";
  std::memcpy(target.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int result = ::connect(fd, reinterpret_cast<const sockaddr*>(&target), sizeof target);
  const std::string reason = result == 0 ? otherwise : std::strerror(errno);
  close(fd);
  return reason;
}

}  // namespace

Endpoint endpoint_of_environment() {
  Endpoint endpoint;
  const auto take = [](const char* name, std::string& value) {
    const char* const given = std::getenv(name);
    if (given != nullptr && *given != '\0') value = given;
  };
  take("BUTTERFLY_API", endpoint.address);
  take("BUTTERFLY_CA", endpoint.files.ca);
  take("BUTTERFLY_CERT", endpoint.files.certificate);
  take("BUTTERFLY_KEY", endpoint.files.key);
  return endpoint;
}

struct Client::Stubs {
  explicit Stubs(std::shared_ptr<grpc::Channel> to)
      : channel(std::move(to)), api(v1::Butterfly::NewStub(channel)), generic(channel) {}
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::Butterfly::Stub> api;
  grpc::GenericStub generic;
};

StatusOr<std::unique_ptr<Client>> Client::connect(const Endpoint& endpoint,
                                                  std::chrono::milliseconds timeout) {
  auto channel = channel_to(endpoint);
  if (!channel.ok()) return channel.status();
  return std::unique_ptr<Client>(
      new Client(endpoint.address, timeout, std::make_unique<Stubs>(*std::move(channel))));
}

Client::Client(const std::string& address, std::chrono::milliseconds timeout,
               std::unique_ptr<Stubs> stubs)
    : address_(address), timeout_(timeout), stubs_(std::move(stubs)) {}
Client::~Client() = default;

Status Client::explain(int code, const std::string& message) const {
  const auto status = static_cast<absl::StatusCode>(code);
  if (status == absl::StatusCode::kUnavailable) {
    return unavailable("no butterflyd answers at " + address_ + ": " +
                       reason_for(address_, message));
  }
  if (status == absl::StatusCode::kDeadlineExceeded) {
    return Status(status, "butterflyd at " + address_ + " did not answer within " +
                              std::to_string(timeout_.count()) + " ms");
  }
  return Status(status, message);
}

template <typename Method, typename Request, typename Response>
Status Client::unary(Method method, const Request& request, Response& response) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + timeout_);
  const grpc::Status status = (stubs_->api.get()->*method)(&context, request, &response);
  return explain(status.error_code(), status.error_message());
}

template <typename Method, typename Request, typename Response>
Status Client::change(Method method, const Request& request, Response& response) {
  if (!expected_revision_) return unary(method, request, response);
  Request expecting = request;
  expecting.set_expected_revision(*expected_revision_);
  return unary(method, expecting, response);
}

Status Client::call(const v1::ApplyRequest& request, v1::ApplyResponse& response) {
  return change(&v1::Butterfly::Stub::Apply, request, response);
}
Status Client::call(const v1::ReplaceRequest& request, v1::ReplaceResponse& response) {
  return change(&v1::Butterfly::Stub::Replace, request, response);
}
Status Client::call(const v1::GetIntentRequest& request, v1::GetIntentResponse& response) {
  return unary(&v1::Butterfly::Stub::GetIntent, request, response);
}
Status Client::call(const v1::ListNicsRequest& request, v1::ListNicsResponse& response) {
  return unary(&v1::Butterfly::Stub::ListNics, request, response);
}
Status Client::call(const v1::GetNicRequest& request, v1::GetNicResponse& response) {
  return unary(&v1::Butterfly::Stub::GetNic, request, response);
}
Status Client::call(const v1::ListGroupsRequest& request, v1::ListGroupsResponse& response) {
  return unary(&v1::Butterfly::Stub::ListGroups, request, response);
}
Status Client::call(const v1::GetGroupRequest& request, v1::GetGroupResponse& response) {
  return unary(&v1::Butterfly::Stub::GetGroup, request, response);
}
Status Client::call(const v1::ListPeersRequest& request, v1::ListPeersResponse& response) {
  return unary(&v1::Butterfly::Stub::ListPeers, request, response);
}
Status Client::call(const v1::ListSubnetsRequest& request, v1::ListSubnetsResponse& response) {
  return unary(&v1::Butterfly::Stub::ListSubnets, request, response);
}
Status Client::call(const v1::ListProceduresRequest& request,
                    v1::ListProceduresResponse& response) {
  return unary(&v1::Butterfly::Stub::ListProcedures, request, response);
}
Status Client::call(const v1::ListGuardRequest& request, v1::ListGuardResponse& response) {
  return unary(&v1::Butterfly::Stub::ListGuard, request, response);
}
Status Client::call(const v1::CheckPacketRequest& request, v1::CheckPacketResponse& response) {
  return unary(&v1::Butterfly::Stub::CheckPacket, request, response);
}
Status Client::call(const v1::ListFdbRequest& request, v1::ListFdbResponse& response) {
  return unary(&v1::Butterfly::Stub::ListFdb, request, response);
}
Status Client::call(const v1::GetStatusRequest& request, v1::GetStatusResponse& response) {
  return unary(&v1::Butterfly::Stub::GetStatus, request, response);
}
Status Client::call(const v1::GetConfigRequest& request, v1::GetConfigResponse& response) {
  return unary(&v1::Butterfly::Stub::GetConfig, request, response);
}
Status Client::call(const v1::SetConfigRequest& request, v1::SetConfigResponse& response) {
  return unary(&v1::Butterfly::Stub::SetConfig, request, response);
}
Status Client::call(const v1::ShutdownRequest& request, v1::ShutdownResponse& response) {
  return unary(&v1::Butterfly::Stub::Shutdown, request, response);
}
Status Client::call(const v1::GetCountersRequest& request, v1::GetCountersResponse& response) {
  return unary(&v1::Butterfly::Stub::GetCounters, request, response);
}
Status Client::call(const v1::GetGraphRequest& request, v1::GetGraphResponse& response) {
  return unary(&v1::Butterfly::Stub::GetGraph, request, response);
}

Status Client::trace(const v1::TraceRequest& request,
                     const std::function<void(const v1::TraceResponse&)>& sink) {
  grpc::ClientContext context;
  const auto reader = stubs_->api->Trace(&context, request);
  v1::TraceResponse packet;
  while (reader->Read(&packet)) sink(packet);
  const grpc::Status status = reader->Finish();
  return explain(status.error_code(), status.error_message());
}

Status Client::watch_log(const v1::WatchLogRequest& request,
                         const std::function<void(const v1::LogEvent&)>& sink) {
  grpc::ClientContext context;
  const auto reader = stubs_->api->WatchLog(&context, request);
  v1::LogEvent event;
  while (reader->Read(&event)) sink(event);
  const grpc::Status status = reader->Finish();
  return explain(status.error_code(), status.error_message());
}

Status Client::watch_events(const v1::WatchEventsRequest& request,
                            const std::function<void(const v1::Event&)>& sink) {
  grpc::ClientContext context;
  const auto reader = stubs_->api->WatchEvents(&context, request);
  v1::Event event;
  while (reader->Read(&event)) sink(event);
  const grpc::Status status = reader->Finish();
  return explain(status.error_code(), status.error_message());
}

Status Client::capture(const v1::CaptureRequest& request,
                       const std::function<bool(const v1::CaptureResponse&)>& sink) {
  grpc::ClientContext context;
  const auto reader = stubs_->api->Capture(&context, request);
  v1::CaptureResponse part;
  while (reader->Read(&part)) {
    if (sink(part)) continue;
    context.TryCancel();
    reader->Finish();
    return ok_status();
  }
  const grpc::Status status = reader->Finish();
  return explain(status.error_code(), status.error_message());
}

Status Client::call(const v1::CountConnectionsRequest& request,
                    v1::CountConnectionsResponse& response) {
  return unary(&v1::Butterfly::Stub::CountConnections, request, response);
}
Status Client::call(const v1::FlushConnectionsRequest& request,
                    v1::FlushConnectionsResponse& response) {
  return unary(&v1::Butterfly::Stub::FlushConnections, request, response);
}

Status Client::list(const v1::ListConnectionsRequest& request,
                    const std::function<void(const v1::ListConnectionsResponse&)>& sink) {
  grpc::ClientContext context;
  const auto reader = stubs_->api->ListConnections(&context, request);
  v1::ListConnectionsResponse part;
  while (reader->Read(&part)) sink(part);
  const grpc::Status status = reader->Finish();
  return explain(status.error_code(), status.error_message());
}

Status Client::call(const v1::FlushFdbRequest& request, v1::FlushFdbResponse& response) {
  return unary(&v1::Butterfly::Stub::FlushFdb, request, response);
}

Status Client::list(const v1::ListStationsRequest& request,
                    const std::function<void(const v1::ListStationsResponse&)>& sink) {
  grpc::ClientContext context;
  const auto reader = stubs_->api->ListStations(&context, request);
  v1::ListStationsResponse part;
  while (reader->Read(&part)) sink(part);
  const grpc::Status status = reader->Finish();
  return explain(status.error_code(), status.error_message());
}

Status Client::export_connections(const v1::ExportConnectionsRequest& request,
                                  const std::function<void(const v1::ConnectionExport&)>& sink) {
  grpc::ClientContext context;
  const auto reader = stubs_->api->ExportConnections(&context, request);
  v1::ConnectionExport part;
  while (reader->Read(&part)) sink(part);
  const grpc::Status status = reader->Finish();
  return explain(status.error_code(), status.error_message());
}

Status Client::import_connections(const std::string& nic, v1::ConnectionExport&& connections,
                                  v1::ImportConnectionsResponse& response) {
  constexpr int kAtOnce = 10'000;
  grpc::ClientContext context;
  const auto writer = stubs_->api->ImportConnections(&context, &response);
  v1::ImportConnectionsRequest request;
  request.set_nic(nic);
  auto& all = *connections.mutable_connections();
  int done = 0;
  do {
    v1::ConnectionExport& part = *request.mutable_part();
    part.Clear();
    part.set_version(connections.version());
    part.set_vni(connections.vni());
    for (int i = 0; i < kAtOnce && done < all.size(); ++i, ++done) {
      part.add_connections()->Swap(all.Mutable(done));
    }
    if (done == all.size() && connections.has_total()) part.set_total(connections.total());
  } while (writer->Write(request) && done < all.size());
  writer->WritesDone();
  const grpc::Status status = writer->Finish();
  return explain(status.error_code(), status.error_message());
}

Status Client::send(const std::string& path, const google::protobuf::Message& request,
                    google::protobuf::Message& answer, bool is_stream,
                    const std::function<void()>& sink) {
  grpc::ClientContext context;
  if (!is_stream) context.set_deadline(std::chrono::system_clock::now() + timeout_);
  grpc::CompletionQueue queue;
  void* tag = nullptr;
  bool is_ok = false;
  const auto stream = stubs_->generic.PrepareCall(&context, path, &queue);
  stream->StartCall(nullptr);
  queue.Next(&tag, &is_ok);
  const grpc::Slice bytes(request.SerializeAsString());
  if (is_ok) {
    stream->WriteLast(grpc::ByteBuffer(&bytes, 1), grpc::WriteOptions(), nullptr);
    queue.Next(&tag, &is_ok);
  }
  for (;;) {
    grpc::ByteBuffer part;
    stream->Read(&part, nullptr);
    queue.Next(&tag, &is_ok);
    grpc::Slice slice;
    if (!is_ok || !part.DumpToSingleSlice(&slice).ok()) break;
    if (!answer.ParseFromArray(slice.begin(), static_cast<int>(slice.size()))) break;
    sink();
  }
  grpc::Status status;
  stream->Finish(&status, nullptr);
  queue.Next(&tag, &is_ok);
  return explain(status.error_code(), status.error_message());
}

StatusOr<bool> Client::is_serving() {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + timeout_);
  // No library carries the messages of grpc.health.v1, but these two are easily written by hand:
  // an empty request asks for the whole server; the answer's field 1 is a varint, 1 is SERVING.
  const grpc::Slice empty("");
  const grpc::ByteBuffer request(&empty, 1);
  grpc::ByteBuffer response;
  grpc::CompletionQueue queue;
  const auto call =
      stubs_->generic.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check", request, &queue);
  grpc::Status status;
  void* tag = nullptr;
  bool is_ok = false;
  call->StartCall();
  call->Finish(&response, &status, nullptr);
  queue.Next(&tag, &is_ok);
  RETURN_IF_ERROR(explain(status.error_code(), status.error_message()));
  grpc::Slice bytes;
  if (!response.DumpToSingleSlice(&bytes).ok()) return false;
  return std::string(bytes.begin(), bytes.end()) == "\x08\x01";
}

}  // namespace butterfly
