// SPDX-License-Identifier: Apache-2.0
// MACs and where they are, between API messages and the host's words.
#pragma once

#include "base/status.h"
#include "butterfly/v1/butterfly.pb.h"
#include "host/host.h"

namespace butterfly {

// invalid_argument names the field that is wrong.
StatusOr<StationQuery> from_proto(const v1::StationFilter& filter);
// The same for what is to be flushed: refused when neither a filter nor `all` is set, or both.
StatusOr<StationQuery> from_proto(const v1::FlushFdbRequest& request);
v1::Station to_proto(const StationReport& report);

}  // namespace butterfly
