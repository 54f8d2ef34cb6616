// SPDX-License-Identifier: Apache-2.0
// The gRPC server of the API on a unix socket, with health and reflection.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "control/file_lock.h"
#include "control/intent_keeper.h"
#include "control/settings.h"
#include "host/host.h"

namespace grpc {
class Server;
class Service;
}  // namespace grpc

namespace butterfly {

struct ServerOptions {
  std::string address;           // "unix:/run/butterfly/api.sock"; its directory must exist
  unsigned mode = 0660;          // of the socket
  std::string group;             // owner group of the socket; empty: the daemon's own
  Settings* settings = nullptr;  // of the daemon; null: has none. Must outlive the server
};

// gRPC would take a socket over from a live server, so a lock beside it decides who may serve; the
// socket file that a dead daemon left is replaced.
class ApiServer {
 public:
  // Serves when it returns. `host` and `keeper` must outlive the server.
  static StatusOr<std::unique_ptr<ApiServer>> start(const ServerOptions& options, Host& host,
                                                    IntentKeeper& keeper);
  // Ends running traces, waits for running changes, removes the socket.
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

 private:
  ApiServer();
  FileLock lock_;
  std::string path_;
  std::unique_ptr<grpc::Service> service_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace butterfly
