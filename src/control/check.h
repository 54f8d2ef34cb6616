// SPDX-License-Identifier: Apache-2.0
// Packets that nobody has sent: API messages to and from what the host understands.
#pragma once

#include "base/status.h"
#include "butterfly/v1/butterfly.pb.h"
#include "host/reports.h"

namespace butterfly {

// invalid_argument: malformed, or fields that do not go together.
StatusOr<CheckQuery> from_proto(const v1::CheckPacketRequest& request);
v1::CheckPacketResponse to_proto(const CheckReport& report);

}  // namespace butterfly
