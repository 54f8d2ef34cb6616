// SPDX-License-Identifier: Apache-2.0
// Captures: API messages to and from what the host understands.
#pragma once

#include <functional>
#include <span>

#include "base/status.h"
#include "butterfly/v1/butterfly.pb.h"
#include "host/reports.h"

namespace butterfly {

// invalid_argument: more bytes than a number of 16 bits.
StatusOr<CaptureQuery> from_proto(const v1::CaptureRequest& request);
// In messages of a size that clients take; at least one, with or without packets. False as soon as
// `write` is.
bool write_captured(std::span<const CaptureReport> packets, uint64_t lost,
                    const std::function<bool(const v1::CaptureResponse&)>& write);

}  // namespace butterfly
