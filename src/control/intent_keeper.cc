// SPDX-License-Identifier: Apache-2.0
// The one place where intent changes.
#include "control/intent_keeper.h"

#include "host/intent/limits.h"
#include "tables/segment_table.h"

namespace butterfly {

// validate() bounds what the segment table must hold, without seeing it.
static_assert(kMaxVnis < kMaxSegments);

StatusOr<std::unique_ptr<IntentKeeper>> IntentKeeper::start(Host& host, Store& store) {
  auto stored = store.load();
  if (!stored.ok()) return stored.status();
  if (auto status = host.restore(stored->intent); !status.ok()) {
    return Status(status.code(), "stored intent cannot be run: " + std::string(status.message()));
  }
  Version version{std::make_shared<const Intent>(std::move(stored->intent)), stored->revision};
  return std::unique_ptr<IntentKeeper>(new IntentKeeper(host, store, std::move(version)));
}

StatusOr<IntentKeeper::Outcome> IntentKeeper::change(const Edit& edit, const Terms& terms) {
  if (terms.dry_run) {
    const Version now = version();
    auto outcome = plan_one(edit, terms.expected, now);
    if (outcome.ok()) outcome->version.revision = now.revision;
    return outcome;
  }
  Request request{.edit = edit, .expected = terms.expected};
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
      changing_since_ = std::chrono::steady_clock::now();
    }
    carry_out(requests);
    const std::lock_guard lock(mutex_);
    changing_since_ = {};
  }
  return std::move(request.outcome);
}

StatusOr<IntentKeeper::Outcome> IntentKeeper::plan_one(const Edit& edit,
                                                       std::optional<Revision> expected,
                                                       const Version& before) {
  if (expected && *expected != before.revision) {
    return absl::AbortedError("intent: is at revision " + std::to_string(before.revision) +
                              ", expected was " + std::to_string(*expected) +
                              " (wanted a change made from the intent of now)");
  }
  auto next = std::make_shared<Intent>(*before.intent);
  RETURN_IF_ERROR(edit(*next));
  auto actions = plan(*before.intent, *next);
  if (!actions.ok()) return actions.status();
  RETURN_IF_ERROR(host_.check_expressions(*before.intent, *next));
  if (*next == *before.intent) return Outcome{before, *std::move(actions)};
  return Outcome{{std::move(next), before.revision + 1}, *std::move(actions)};
}

// Each is planned upon those before it. When they cannot be carried out together, each has its try.
void IntentKeeper::carry_out(const std::vector<Request*>& requests) {
  Version next = version();
  for (Request* request : requests) {
    request->is_done = true;
    request->outcome = plan_one(request->edit, request->expected, next);
    if (request->outcome.ok()) next = request->outcome->version;
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

Status IntentKeeper::carry_out(const Version& next) {
  const Version before = version();
  if (next.revision == before.revision) return ok_status();
  // Changes that went together may undo each other: they have happened, the host need not know.
  if (*next.intent == *before.intent) return save(before, next);
  // The host first: only it knows whether a port can be made. What is stored has run.
  RETURN_IF_ERROR(host_.apply(*next.intent));
  Status saved = save(before, next);
  if (saved.ok()) return saved;
  if (const Status undone = host_.restore(*before.intent); !undone.ok()) {
    return absl::InternalError(std::string(saved.message()) +
                               "; and the host cannot go back, it runs the change until it "
                               "restarts: " +
                               std::string(undone.message()));
  }
  return saved;
}

Status IntentKeeper::save(const Version& before, const Version& next) {
  RETURN_IF_ERROR(store_.save(*before.intent, *next.intent, next.revision));
  {
    const std::lock_guard lock(mutex_);
    version_ = next;
  }
  host_.note_revision(next.revision);
  return ok_status();
}

IntentKeeper::Version IntentKeeper::version() const {
  const std::lock_guard lock(mutex_);
  return version_;
}

size_t IntentKeeper::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

std::chrono::nanoseconds IntentKeeper::time_of_change() const {
  const std::lock_guard lock(mutex_);
  if (changing_since_ == std::chrono::steady_clock::time_point{}) return {};
  return std::chrono::steady_clock::now() - changing_since_;
}

}  // namespace butterfly
