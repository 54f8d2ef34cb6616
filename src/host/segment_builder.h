// SPDX-License-Identifier: Apache-2.0
// The next segments of a snapshot, made from those before by what changed.
#pragma once

#include <memory>

#include "host/snapshot_builder.h"

namespace butterfly {

// The table of `before` when nothing of it changes. Segments that do not change are shared.
// REQUIRES: `next.slots` are assigned, `next.snapshot.generation` is the next one's.
std::shared_ptr<const SegmentTable> build_segments(const CompiledState& before,
                                                   const Difference& change, const Intent& intent,
                                                   const CompiledState& next);

}  // namespace butterfly
