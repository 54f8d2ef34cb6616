// SPDX-License-Identifier: Apache-2.0
// Who watches events: API messages to and from what the host understands.
#pragma once

#include "base/status.h"
#include "butterfly/v1/butterfly.pb.h"
#include "host/reports.h"

namespace butterfly {

// invalid_argument: malformed.
StatusOr<NewsQuery> from_proto(const v1::WatchEventsRequest& request);
v1::Event to_proto(const News& news);

}  // namespace butterfly
