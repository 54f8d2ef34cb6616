// SPDX-License-Identifier: Apache-2.0
// The calls of the API from the client's side; keeps gRPC out of the commands.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/pem_files.h"
#include "base/status.h"
#include "base/tcp_address.h"
#include "butterfly/v1/butterfly.pb.h"

namespace butterfly {

// Where the daemon is, and over TCP who we are.
struct Endpoint {
  std::string address = "unix:/run/butterfly/api.sock";  // or "tcp:HOST:PORT"
  PemFiles files = {};  // over TCP: our certificate and key, and who signs for the daemon

  bool is_tcp() const { return address.starts_with(kTcpScheme); }
};

// BUTTERFLY_API, _CA, _CERT and _KEY; what they do not say is as usual.
Endpoint endpoint_of_environment();

// Every call: unavailable when no daemon answers, deadline_exceeded when it does not in time, else
// what the daemon said.
class Client {
 public:
  // failed_precondition: no address, or certificates that cannot be used.
  static StatusOr<std::unique_ptr<Client>> connect(const Endpoint& endpoint,
                                                   std::chrono::milliseconds timeout);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // From now on every change of the intent is refused unless it meets this revision.
  void expect_revision(uint64_t revision) { expected_revision_ = revision; }

  Status call(const v1::ApplyRequest& request, v1::ApplyResponse& response);
  Status call(const v1::ReplaceRequest& request, v1::ReplaceResponse& response);
  Status call(const v1::GetIntentRequest& request, v1::GetIntentResponse& response);
  Status call(const v1::ListNicsRequest& request, v1::ListNicsResponse& response);
  Status call(const v1::GetNicRequest& request, v1::GetNicResponse& response);
  Status call(const v1::ListGroupsRequest& request, v1::ListGroupsResponse& response);
  Status call(const v1::GetGroupRequest& request, v1::GetGroupResponse& response);
  Status call(const v1::ListPeersRequest& request, v1::ListPeersResponse& response);
  Status call(const v1::ListFdbRequest& request, v1::ListFdbResponse& response);
  Status call(const v1::ListSubnetsRequest& request, v1::ListSubnetsResponse& response);
  Status call(const v1::ListProceduresRequest& request, v1::ListProceduresResponse& response);
  Status call(const v1::ListGuardRequest& request, v1::ListGuardResponse& response);
  Status call(const v1::CheckPacketRequest& request, v1::CheckPacketResponse& response);
  Status call(const v1::GetStatusRequest& request, v1::GetStatusResponse& response);
  Status call(const v1::GetCountersRequest& request, v1::GetCountersResponse& response);
  Status call(const v1::GetGraphRequest& request, v1::GetGraphResponse& response);
  Status call(const v1::GetConfigRequest& request, v1::GetConfigResponse& response);
  Status call(const v1::SetConfigRequest& request, v1::SetConfigResponse& response);
  Status call(const v1::ShutdownRequest& request, v1::ShutdownResponse& response);

  // Calls `sink` for every packet. Waits without a limit: packets come when they come.
  Status trace(const v1::TraceRequest& request,
               const std::function<void(const v1::TraceResponse&)>& sink);

  // The same for every event.
  Status watch_log(const v1::WatchLogRequest& request,
                   const std::function<void(const v1::LogEvent&)>& sink);

  Status watch_events(const v1::WatchEventsRequest& request,
                      const std::function<void(const v1::Event&)>& sink);

  // The same for every part of a capture, until `sink` returns false.
  Status capture(const v1::CaptureRequest& request,
                 const std::function<bool(const v1::CaptureResponse&)>& sink);

  Status call(const v1::CountConnectionsRequest& request, v1::CountConnectionsResponse& response);
  Status call(const v1::FlushConnectionsRequest& request, v1::FlushConnectionsResponse& response);
  Status call(const v1::FlushFdbRequest& request, v1::FlushFdbResponse& response);
  // Call `sink` for every part.
  Status list(const v1::ListStationsRequest& request,
              const std::function<void(const v1::ListStationsResponse&)>& sink);
  Status list(const v1::ListConnectionsRequest& request,
              const std::function<void(const v1::ListConnectionsResponse&)>& sink);
  Status export_connections(const v1::ExportConnectionsRequest& request,
                            const std::function<void(const v1::ConnectionExport&)>& sink);
  // Sends the connections in parts that fit into messages.
  Status import_connections(const std::string& nic, v1::ConnectionExport&& connections,
                            v1::ImportConnectionsResponse& response);

  // Any call by its path, "/butterfly.v1.Butterfly/GetNic": calls `sink` whenever `answer` has
  // come. Waits without a limit where a stream answers.
  Status send(const std::string& path, const google::protobuf::Message& request,
              google::protobuf::Message& answer, bool is_stream, const std::function<void()>& sink);

  // Whether the daemon says that it serves (grpc.health.v1).
  StatusOr<bool> is_serving();

 private:
  struct Stubs;
  Client(const std::string& address, std::chrono::milliseconds timeout,
         std::unique_ptr<Stubs> stubs);
  Status explain(int code, const std::string& message) const;
  template <typename Method, typename Request, typename Response>
  Status unary(Method method, const Request& request, Response& response);
  template <typename Method, typename Request, typename Response>
  Status change(Method method, const Request& request, Response& response);

  std::string address_;
  std::chrono::milliseconds timeout_;
  std::optional<uint64_t> expected_revision_;
  std::unique_ptr<Stubs> stubs_;
};

}  // namespace butterfly
