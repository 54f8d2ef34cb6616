// SPDX-License-Identifier: Apache-2.0
// The one place where intent changes: planned, then running on the host, then on disk, then
// answered. Changes that come while another is on its way wait and go together: one snapshot, one
// write to disk for all of them.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "control/store.h"
#include "host/host.h"
#include "host/intent/plan.h"

namespace butterfly {

class IntentKeeper {
 public:
  // Makes the host run what the store holds. Both must outlive the keeper.
  static StatusOr<std::unique_ptr<IntentKeeper>> start(Host& host, Store& store);

  struct Version {
    std::shared_ptr<const Intent> intent;
    Revision revision = 0;
  };
  struct Outcome {
    Version version;  // with the change; of a dry run the revision without it, to be expected later
    std::vector<Action> actions;  // empty: it was already so
  };
  struct Terms {
    bool dry_run = false;  // only planned
    // aborted unless the change meets this revision
    std::optional<Revision> expected = std::nullopt;
  };
  // Gets a copy of the intent to work on. Maybe more than once, each time another.
  using Edit = std::function<Status(Intent&)>;
  // All or nothing, in the order in which they came; one that fails takes no other with it. On an
  // error the host runs what it ran before, and the store holds it. Any thread; returns when it is
  // done.
  StatusOr<Outcome> change(const Edit& edit, const Terms& terms);

  std::shared_ptr<const Intent> intent() const { return version().intent; }
  Version version() const;
  // How many changes wait for the one that is on its way.
  size_t waiting() const;
  // For how long that one has been on its way; zero: there is none.
  std::chrono::nanoseconds time_of_change() const;

 private:
  struct Request {
    const Edit& edit;
    std::optional<Revision> expected;
    StatusOr<Outcome> outcome = absl::UnknownError("not done yet");
    bool is_done = false;
  };

  IntentKeeper(Host& host, Store& store, Version version)
      : host_(host), store_(store), version_(std::move(version)) {}
  StatusOr<Outcome> plan_one(const Edit& edit, std::optional<Revision> expected,
                             const Version& before);
  void carry_out(const std::vector<Request*>& requests);
  Status carry_out(const Version& next);
  Status save(const Version& before, const Version& next);

  Host& host_;
  Store& store_;
  std::mutex changing_;       // held while changes are carried out
  mutable std::mutex mutex_;  // guards what follows
  std::vector<Request*> waiting_;
  std::chrono::steady_clock::time_point changing_since_{};  // zero: no change is carried out
  Version version_;
};

}  // namespace butterfly
