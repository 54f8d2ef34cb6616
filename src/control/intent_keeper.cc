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
  if (auto status = host.restore(*intent); !status.ok()) {
    return Status(status.code(), "stored intent cannot be run: " + std::string(status.message()));
  }
  auto shared = std::make_shared<const Intent>(*std::move(intent));
  return std::unique_ptr<IntentKeeper>(new IntentKeeper(host, store, std::move(shared)));
}

StatusOr<IntentKeeper::Outcome> IntentKeeper::change(const Edit& edit, bool dry_run) {
  if (dry_run) return plan_one(edit, *intent());
  Request request{.edit = edit};
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(&request);
  }
  const std::lock_guard guard(changing_);
  // Whoever comes in first does the work of all who wait; the others find it done.
  if (!request.is_done) {
    std::vector<Request*> requests;
    {
      const std::lock_guard lock(mutex_);
      requests.swap(waiting_);
    }
    carry_out(requests);
  }
  return std::move(request.outcome);
}

StatusOr<IntentKeeper::Outcome> IntentKeeper::plan_one(const Edit& edit, const Intent& before) {
  auto next = std::make_shared<Intent>(before);
  RETURN_IF_ERROR(edit(*next));
  auto actions = plan(before, *next);
  if (!actions.ok()) return actions.status();
  RETURN_IF_ERROR(host_.check_expressions(before, *next));
  return Outcome{std::move(next), *std::move(actions)};
}

// Each is planned upon those before it. When they cannot be carried out together, each has its try.
void IntentKeeper::carry_out(const std::vector<Request*>& requests) {
  std::shared_ptr<const Intent> next = intent();
  for (Request* request : requests) {
    request->is_done = true;
    request->outcome = plan_one(request->edit, *next);
    if (request->outcome.ok()) next = request->outcome->intent;
  }
  const Status status = carry_out(next);
  if (status.ok()) return;
  if (requests.size() == 1) {
    requests.front()->outcome = status;
    return;
  }
  // Those that could not be planned, too: what stood in their way may not come.
  for (Request* request : requests) carry_out({request});
}

Status IntentKeeper::carry_out(const std::shared_ptr<const Intent>& next) {
  const std::shared_ptr<const Intent> before = intent();
  if (*next == *before) return ok_status();
  // The host first: only it knows whether a port can be made. What is stored has run.
  RETURN_IF_ERROR(host_.apply(*next));
  Status saved = store_.save(*before, *next);
  if (saved.ok()) {
    const std::lock_guard lock(mutex_);
    intent_ = next;
    return saved;
  }
  if (const Status undone = host_.restore(*before); !undone.ok()) {
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

size_t IntentKeeper::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

}  // namespace butterfly
