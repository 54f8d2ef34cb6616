// SPDX-License-Identifier: Apache-2.0
// Refuses the calls of clients whose certificate has been revoked, also over connections that they
// have (docs/decisions/0034).
#pragma once

#include <grpcpp/security/auth_metadata_processor.h>
#include <sys/stat.h>

#include <array>
#include <mutex>
#include <optional>
#include <string>

#include "base/revocations.h"
#include "base/status.h"

namespace butterfly {

// Asked by gRPC at the beginning of every call of every service. Any thread.
class RevocationCheck final : public grpc::AuthMetadataProcessor {
 public:
  // failed_precondition: see Revocations::read().
  static StatusOr<std::shared_ptr<RevocationCheck>> start(const std::string& ca_file,
                                                          const std::string& crl_file);

  // unauthenticated, with the client's name and what is wrong, when its certificate counts no more.
  // Files that have changed are read before; such that cannot be used are told in the log, once,
  // and leave in use what was.
  Status check(const grpc::AuthContext& client);
  // What may be wrong with the list that is in use, in words.
  std::optional<std::string> out_of_date() const;

  bool IsBlocking() const override { return false; }  // 0.1 ms is no reason for another thread
  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext* client,
                       OutputMetadata* consumed, OutputMetadata* response) override;

 private:
  // When it was written, and which one it is.
  struct Stamp {
    timespec written{};
    ino_t inode = 0;
    off_t size = 0;
    bool operator==(const Stamp& other) const;
  };
  using Stamps = std::array<Stamp, 2>;

  RevocationCheck(std::string ca_file, std::string crl_file)
      : ca_file_(std::move(ca_file)), crl_file_(std::move(crl_file)) {}
  Stamps stamps() const;
  Revocations newest();

  const std::string ca_file_;
  const std::string crl_file_;
  mutable std::mutex mutex_;
  Stamps seen_{};
  std::optional<Revocations> revocations_;
};

}  // namespace butterfly
