// SPDX-License-Identifier: Apache-2.0
// Where the switch is known to differ from the reference, which is right: packets that show it are
// not sent. To be removed with the fault.
#pragma once

namespace butterfly::model {

// A query whose id is the type of a query has the key of a query the other way.
inline constexpr bool kIdIsQueryType = true;

}  // namespace butterfly::model
