// SPDX-License-Identifier: Apache-2.0
// Where intent survives a restart.
#pragma once

#include "host/intent/intent.h"

namespace butterfly {

class Store {
 public:
  virtual ~Store() = default;
  virtual StatusOr<Intent> load() = 0;
  // Turns the stored `before` into `next`, durably when it returns ok; on an error nothing has
  // changed.
  virtual Status save(const Intent& before, const Intent& next) = 0;
};

}  // namespace butterfly
