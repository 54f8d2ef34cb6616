// SPDX-License-Identifier: Apache-2.0
// Where a captured packet was seen.
#pragma once

#include <cstdint>

namespace butterfly {

enum class CapturePoint : uint8_t {
  from_nic,  // as its guest sent it
  to_nic,    // as it went to its guest
  dropped,   // as it was where it was dropped, on its way from or to the nic
};

}  // namespace butterfly
