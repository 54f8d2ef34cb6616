// SPDX-License-Identifier: Apache-2.0
// The gRPC servers of the API, each with health and reflection: on a unix socket; where it is
// wanted on one whose users may only read, and over TCP, where certificates say who comes.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/pem_files.h"
#include "base/status.h"
#include "base/tcp_address.h"
#include "control/access.h"
#include "control/intent_keeper.h"
#include "control/service.h"
#include "control/settings.h"
#include "host/host.h"

namespace butterfly {

struct ReadSocket {
  std::string address;  // empty: there is none
  unsigned mode = 0660;
  std::string group;
};

// TLS with certificates on both sides.
struct TcpListener {
  TcpAddress address;  // of this machine, or 0.0.0.0 or ::; port 0: any that is free
  PemFiles files;      // read again when they change, within kPemReadAgainS
  std::shared_ptr<const WriterNames> writers;  // whose bearers have the role write
  std::string crl = {};  // PEM file of revocation lists, read again when it changes; empty: none
};
inline constexpr unsigned kPemReadAgainS = 10;

struct ServerOptions {
  std::string address;           // "unix:/run/butterfly/api.sock"; its directory must exist
  unsigned mode = 0660;          // of the socket
  std::string group;             // owner group of the socket; empty: the daemon's own
  Settings* settings = nullptr;  // of the daemon; null: has none. Must outlive the server
  ReadSocket read_socket = {};
  std::optional<TcpListener> tcp = std::nullopt;
  // Has the daemon end soon, from any thread; none: it cannot be ended by the API.
  std::function<void()> stop = {};
};

// gRPC would take a socket over from a live server, so a lock beside it decides who may serve; the
// socket file that a dead daemon left is replaced.
class ApiServer {
 public:
  // Serves when it returns. `host` and `keeper` must outlive the server.
  static StatusOr<std::unique_ptr<ApiServer>> start(const ServerOptions& options, Host& host,
                                                    IntentKeeper& keeper);
  // Ends running traces, waits for running changes, removes the sockets.
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  // Where it listens; 0: not over TCP.
  uint16_t tcp_port() const { return tcp_port_; }
  // What does not keep it from serving.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  struct Listener;

  explicit ApiServer(const ServiceParts& parts);
  Status listen_at_socket(const std::string& address, unsigned mode, const std::string& group,
                          const Access& access);
  Status listen_over_tcp(const TcpListener& options);

  ServiceParts parts_;
  uint16_t tcp_port_ = 0;
  std::vector<std::string> warnings_;
  std::vector<std::unique_ptr<Listener>> listeners_;
};

}  // namespace butterfly
