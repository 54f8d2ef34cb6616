// SPDX-License-Identifier: Apache-2.0
#include "control/access.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>

namespace butterfly {
namespace {

// The common name first: what people call the bearer.
std::vector<std::string> names_of(const grpc::AuthContext& caller) {
  std::vector<std::string> names;
  for (const char* property : {GRPC_X509_CN_PROPERTY_NAME, GRPC_X509_SAN_PROPERTY_NAME}) {
    for (const grpc::string_ref& value : caller.FindPropertyValues(property)) {
      names.emplace_back(value.data(), value.size());
    }
  }
  return names;
}

}  // namespace

std::string name_of(const grpc::AuthContext& caller) {
  const std::vector<std::string> names = names_of(caller);
  return names.empty() ? "without a name" : "'" + names.front() + "'";
}

void WriterNames::set(const std::vector<std::string>& names) {
  const std::lock_guard lock(mutex_);
  names_ = {names.begin(), names.end()};
}

bool WriterNames::contains(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  return names_.contains(name);
}

Status Access::check_writing(const grpc::AuthContext& caller, const std::string& call) const {
  if (rule_ == Rule::everything) return ok_status();
  if (rule_ == Rule::reading) {
    return absl::PermissionDeniedError(call + ": this socket gives the role read (wanted: write, " +
                                       "at the socket of daemon.api)");
  }
  for (const std::string& name : names_of(caller)) {
    if (writers_->contains(name)) return ok_status();
  }
  return absl::PermissionDeniedError(
      call + ": client " + name_of(caller) +
      " has the role read (wanted: " + "write, a certificate with a name of api.writers)");
}

bool Access::may_go_on(const grpc::AuthContext& caller) const {
  return !revocations_ || revocations_->check(caller).ok();
}

}  // namespace butterfly
