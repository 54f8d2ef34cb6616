// SPDX-License-Identifier: Apache-2.0
// One change of the API, made in an intent.
#pragma once

#include "butterfly/v1/butterfly.pb.h"
#include "host/intent/intent.h"

namespace butterfly {

// Refuses what the change itself can tell (malformed texts, an object that does not exist, a group
// still in use); the result as a whole still has to pass validate(). On an error `intent` may be
// half changed: work on a copy.
Status make_change(const v1::Change& change, Intent& intent);

}  // namespace butterfly
