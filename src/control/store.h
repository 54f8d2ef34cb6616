// SPDX-License-Identifier: Apache-2.0
// Where intent survives a restart.
#pragma once

#include <cstdint>

#include "host/intent/intent.h"

namespace butterfly {

// One more after every change of the intent. 0: none ever.
using Revision = uint64_t;

struct StoredIntent {
  Intent intent;
  Revision revision = 0;
};

class Store {
 public:
  virtual ~Store() = default;
  virtual StatusOr<StoredIntent> load() = 0;
  // Turns the stored `before` into `next` of `revision`, durably when it returns ok; on an error
  // nothing has changed.
  virtual Status save(const Intent& before, const Intent& next, Revision revision) = 0;
};

}  // namespace butterfly
