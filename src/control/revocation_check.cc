// SPDX-License-Identifier: Apache-2.0
#include "control/revocation_check.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>
#include <spdlog/spdlog.h>

#include "control/access.h"

namespace butterfly {
namespace {

std::string first_value(const grpc::AuthContext& client, const char* property) {
  const auto values = client.FindPropertyValues(property);
  return values.empty() ? "" : std::string(values[0].data(), values[0].size());
}

}  // namespace

bool RevocationCheck::Stamp::operator==(const Stamp& other) const {
  return written.tv_sec == other.written.tv_sec && written.tv_nsec == other.written.tv_nsec &&
         inode == other.inode && size == other.size;
}

StatusOr<std::shared_ptr<RevocationCheck>> RevocationCheck::start(const std::string& ca_file,
                                                                  const std::string& crl_file) {
  std::shared_ptr<RevocationCheck> check(new RevocationCheck(ca_file, crl_file));
  check->seen_ = check->stamps();
  auto revocations = Revocations::read(ca_file, crl_file);
  if (!revocations.ok()) return revocations.status();
  check->revocations_ = *std::move(revocations);
  return check;
}

RevocationCheck::Stamps RevocationCheck::stamps() const {
  Stamps stamps{};
  for (size_t i = 0; i < stamps.size(); ++i) {
    struct stat facts {};
    if (stat((i == 0 ? ca_file_ : crl_file_).c_str(), &facts) != 0) continue;
    stamps[i] = {facts.st_mtim, facts.st_ino, facts.st_size};
  }
  return stamps;
}

Revocations RevocationCheck::newest() {
  const std::lock_guard lock(mutex_);
  const Stamps now = stamps();
  if (now == seen_) return *revocations_;
  seen_ = now;  // before it is read: what is written meanwhile is seen next time
  auto revocations = Revocations::read(ca_file_, crl_file_);
  if (revocations.ok()) {
    revocations_ = *std::move(revocations);
    if (const auto late = revocations_->out_of_date()) spdlog::warn("{}", *late);
  } else {
    spdlog::warn("{}; the lists from before go on counting",
                 std::string(revocations.status().message()));
  }
  return *revocations_;
}

std::optional<std::string> RevocationCheck::out_of_date() const {
  const std::lock_guard lock(mutex_);
  return revocations_->out_of_date();
}

Status RevocationCheck::check(const grpc::AuthContext& client) {
  const Status status = newest().check(first_value(client, GRPC_X509_PEM_CERT_PROPERTY_NAME),
                                       first_value(client, GRPC_X509_PEM_CERT_CHAIN_PROPERTY_NAME));
  if (status.ok()) return status;
  return absl::UnauthenticatedError("client " + name_of(client) + ": " +
                                    std::string(status.message()) +
                                    " (wanted: a certificate that counts)");
}

grpc::Status RevocationCheck::Process(const InputMetadata&, grpc::AuthContext* client,
                                      OutputMetadata*, OutputMetadata*) {
  const Status status = check(*client);
  if (status.ok()) return grpc::Status::OK;
  return {grpc::StatusCode::UNAUTHENTICATED, std::string(status.message())};
}

}  // namespace butterfly
