// SPDX-License-Identifier: Apache-2.0
// What a refusal says, in fields. Every message of ours has one shape (base/status.h), so its parts
// are read from it in one place; a test holds that against every field of the API.
#pragma once

#include <string>

#include "base/status.h"
#include "butterfly/v1/butterfly.pb.h"

namespace butterfly {

v1::ErrorDetail detail_of(const std::string& message);

// The bytes of a google.rpc.Status that has it; nothing of a message so long that both would not
// fit. REQUIRES: an error.
std::string details_of(const Status& status);

}  // namespace butterfly
