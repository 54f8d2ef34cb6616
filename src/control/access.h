// SPDX-License-Identifier: Apache-2.0
// Who may do what: every caller may read; to change anything takes the role write. A socket of the
// file system gives its role to whoever may open it; over TCP the names in the client's certificate
// decide (RFC 5280 §4.2.1.6).
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/status.h"
#include "control/revocation_check.h"

namespace grpc {
class AuthContext;
}

namespace butterfly {

// "'monitor'", the name that people call the bearer of its certificate by, or "without a name".
std::string name_of(const grpc::AuthContext& caller);

// The names whose bearers may write. Any thread.
class WriterNames {
 public:
  explicit WriterNames(const std::vector<std::string>& names) { set(names); }
  // Counts for calls that begin from now on.
  void set(const std::vector<std::string>& names);
  bool contains(const std::string& name) const;

 private:
  mutable std::mutex mutex_;
  std::set<std::string> names_;
};

class Access {
 public:
  static Access to_everything() { return Access(Rule::everything); }
  static Access to_reading() { return Access(Rule::reading); }
  // `revocations`: null when certificates are not revoked.
  static Access by_certificate(std::shared_ptr<const WriterNames> writers,
                               std::shared_ptr<RevocationCheck> revocations) {
    return Access(Rule::certificate, std::move(writers), std::move(revocations));
  }

  // permission_denied when who calls may only read; the message names the role that it has and the
  // one that `call` wants.
  Status check_writing(const grpc::AuthContext& caller, const std::string& call) const;
  // Whether a call that runs may go on; that it may begin was asked by gRPC.
  bool may_go_on(const grpc::AuthContext& caller) const;

 private:
  enum class Rule : uint8_t { everything, reading, certificate };
  explicit Access(Rule rule, std::shared_ptr<const WriterNames> writers = nullptr,
                  std::shared_ptr<RevocationCheck> revocations = nullptr)
      : rule_(rule), writers_(std::move(writers)), revocations_(std::move(revocations)) {}

  Rule rule_;
  std::shared_ptr<const WriterNames> writers_;
  std::shared_ptr<RevocationCheck> revocations_;
};

}  // namespace butterfly
