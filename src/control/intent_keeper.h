// SPDX-License-Identifier: Apache-2.0
// The one place where intent changes: planned, then running on the host, then on disk, then
// answered.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "control/store.h"
#include "host/host.h"
#include "host/intent/plan.h"

namespace butterfly {

class IntentKeeper {
 public:
  // Makes the host run what the store holds. Both must outlive the keeper.
  static StatusOr<std::unique_ptr<IntentKeeper>> start(Host& host, Store& store);

  struct Outcome {
    std::shared_ptr<const Intent> intent;  // with the change
    std::vector<Action> actions;           // empty: it was already so
  };
  // Gets a copy of the intent to work on.
  using Edit = std::function<Status(Intent&)>;
  // All or nothing; changes are serialised. With `dry_run` only planned. On an error the host runs
  // what it ran before, and the store holds it.
  StatusOr<Outcome> change(const Edit& edit, bool dry_run);

  std::shared_ptr<const Intent> intent() const;

 private:
  IntentKeeper(Host& host, Store& store, std::shared_ptr<const Intent> intent)
      : host_(host), store_(store), intent_(std::move(intent)) {}
  Status carry_out(const Intent& before, const Intent& next);

  Host& host_;
  Store& store_;
  std::mutex changing_;       // held over a whole change
  mutable std::mutex mutex_;  // guards intent_
  std::shared_ptr<const Intent> intent_;
};

}  // namespace butterfly
