// SPDX-License-Identifier: Apache-2.0
// Who watches the log: API messages to and from what the host understands.
#pragma once

#include "base/status.h"
#include "butterfly/v1/butterfly.pb.h"
#include "host/reports.h"

namespace butterfly {

// What is unset has its default. invalid_argument: malformed; whether such an out exists is the
// host's to know.
StatusOr<LogQuery> from_proto(const v1::WatchLogRequest& request);
v1::LogEvent to_proto(const LogReport& report);

}  // namespace butterfly
