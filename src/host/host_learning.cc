// SPDX-License-Identifier: Apache-2.0
// How the host comes to peers that nobody has configured.
#include <chrono>

#include "host/host_impl.h"

namespace butterfly {

using namespace std::chrono_literals;

namespace {

// How soon a stranger is a peer; and how often those that are not in use are looked for.
constexpr auto kLook = 200ms;
constexpr uint32_t kForgetMs = 10'000;

}  // namespace

// Whatever was learnt behind it is not forgotten yet.
bool HostImpl::is_peer_in_use(const IpAddress& address) const {
  const auto slot = state_.slots.peers.find(address);
  if (!slot) return false;
  bool is_used = false;
  Fdb::Filter behind;
  behind.place = Place{kUplinkPort, PeerId{*slot}};
  fdb_.for_each(behind, now(), [&is_used](const Fdb::Station&) {
    is_used = true;
    return false;
  });
  return is_used;
}

void HostImpl::learn_peers() {
  const TimeMs when = now();
  const bool forgets = age_ms(when, forgot_at_) >= kForgetMs;
  if (!strangers_.has_any() && !forgets) return;
  const std::lock_guard one_at_a_time(apply_mutex_);
  LearntPeers next = learnt_peers_;
  const Vtep& vtep = state_.snapshot.vtep;
  bool has_changed = next.take(
      strangers_.take(), *intent_,
      [&](const IpAddress& address) {
        return validate_peer_here(address, options_.vtep.has_value(), vtep).ok();
      },
      when);
  if (forgets) {
    forgot_at_ = when;
    has_changed =
        next.forget(
            *intent_, [this](const IpAddress& peer) { return is_peer_in_use(peer); }, when) ||
        has_changed;
  }
  // What there is no room for is a stranger as before.
  if (has_changed && put_in_force(next.add_to(*intent_), /*is_restored=*/false).ok()) {
    learnt_peers_ = std::move(next);
  }
}

void HostImpl::follow_learning() {
  {
    const std::lock_guard lock(learner_mutex_);
    is_learning_ = learns_peers(*intent_) || !learnt_peers_.empty();
  }
  learner_wake_.notify_one();
}

void HostImpl::learn_until_stopped() {
  std::unique_lock lock(learner_mutex_);
  while (!is_stopping_) {
    if (!is_learning_) {
      learner_wake_.wait(lock, [this] { return is_stopping_ || is_learning_; });
      continue;
    }
    if (learner_wake_.wait_for(lock, kLook, [this] { return is_stopping_; })) return;
    lock.unlock();
    learn_peers();
    lock.lock();
  }
}

void HostImpl::stop_learning() {
  {
    const std::lock_guard lock(learner_mutex_);
    is_stopping_ = true;
  }
  learner_wake_.notify_one();
  if (learner_.joinable()) learner_.join();
}

}  // namespace butterfly
