// SPDX-License-Identifier: Apache-2.0
// The one place where intent changes.
#include "control/intent_keeper.h"

#include "host/intent/limits.h"
#include "tables/segment_table.h"

namespace butterfly {

// validate() bounds what the segment table must hold, without seeing it.
static_assert(kMaxVnis < kMaxSegments);

StatusOr<std::unique_ptr<IntentKeeper>> IntentKeeper::start(Host& host, Store& store) {
  auto intent = store.load();
  if (!intent.ok()) return intent.status();
  if (auto status = host.apply(*intent); !status.ok()) {
    return Status(status.code(), "stored intent cannot be run: " + std::string(status.message()));
  }
  auto shared = std::make_shared<const Intent>(*std::move(intent));
  return std::unique_ptr<IntentKeeper>(new IntentKeeper(host, store, std::move(shared)));
}

StatusOr<IntentKeeper::Outcome> IntentKeeper::change(const Edit& edit, bool dry_run) {
  const std::lock_guard guard(changing_);
  const std::shared_ptr<const Intent> before = intent();
  auto next = std::make_shared<Intent>(*before);
  RETURN_IF_ERROR(edit(*next));
  auto actions = plan(*before, *next);
  if (!actions.ok()) return actions.status();
  // Beyond this line things happen.
  if (!dry_run && !actions->empty()) {
    RETURN_IF_ERROR(carry_out(*before, *next));
    const std::lock_guard lock(mutex_);
    intent_ = next;
  }
  return Outcome{std::move(next), *std::move(actions)};
}

Status IntentKeeper::carry_out(const Intent& before, const Intent& next) {
  // The host first: only it knows whether a port can be made. What is stored has run.
  RETURN_IF_ERROR(host_.apply(next));
  Status saved = store_.save(before, next);
  if (saved.ok()) return saved;
  if (const Status undone = host_.apply(before); !undone.ok()) {
    return absl::InternalError(std::string(saved.message()) +
                               "; and the host cannot go back, it runs the change until it "
                               "restarts: " +
                               std::string(undone.message()));
  }
  return saved;
}

std::shared_ptr<const Intent> IntentKeeper::intent() const {
  const std::lock_guard lock(mutex_);
  return intent_;
}

}  // namespace butterfly
