// SPDX-License-Identifier: Apache-2.0
// The one way errors travel outside the datapath: absl::Status, whose codes are gRPC's codes.
//
// A message names the object, the fact and what was wanted:
//   nic 'web-1': VNI 20000000 exceeds 24 bits (wanted 1..16777215)
#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace butterfly {

using Status = absl::Status;
template <typename T>
using StatusOr = absl::StatusOr<T>;

inline Status ok_status() { return absl::OkStatus(); }
inline Status invalid(const std::string& message) { return absl::InvalidArgumentError(message); }
inline Status not_found(const std::string& message) { return absl::NotFoundError(message); }
inline Status precondition(const std::string& message) {
  return absl::FailedPreconditionError(message);
}
inline Status exhausted(const std::string& message) {
  return absl::ResourceExhaustedError(message);
}
inline Status unavailable(const std::string& message) { return absl::UnavailableError(message); }

}  // namespace butterfly

// Returns the status of `expression` from the enclosing function when it is an error.
#define RETURN_IF_ERROR(expression)                                 \
  do {                                                              \
    if (auto status_ = (expression); !status_.ok()) return status_; \
  } while (false)
