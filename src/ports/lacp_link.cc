// SPDX-License-Identifier: Apache-2.0
#include "ports/lacp_link.h"

namespace butterfly {
namespace {

constexpr uint16_t kPriority = 0x8000;  // of system and port: the middle
constexpr uint16_t kKey = 1;            // all our links are alike
// What a partner knows of us if it has heard us (§6.4.9, update_NTT).
constexpr uint8_t kKnownOfUs = wire::kLacpActive | wire::kLacpShortTimeout |
                               wire::kLacpAggregation | wire::kLacpSynchronization;

}  // namespace

LacpLink::LacpLink(const Mac& system, uint16_t port, bool is_fast) {
  actor_.system_priority = kPriority;
  actor_.system = system;
  actor_.key = kKey;
  actor_.port_priority = kPriority;
  actor_.port = port;
  actor_.state = wire::kLacpActive | wire::kLacpAggregation;
  if (is_fast) actor_.state |= wire::kLacpShortTimeout;
}

TimeMs LacpLink::patience() const {
  const bool is_fast = (actor_.state & wire::kLacpShortTimeout) != 0;
  return kMissed * (receive_ == Receive::expired || is_fast ? kFastMs : kSlowMs);
}

// The partner keeps its place for a while, but nothing is carried (§6.4.12, EXPIRED).
void LacpLink::expire(TimeMs now) {
  receive_ = Receive::expired;
  since_ = now;
  partner_.state &= static_cast<uint8_t>(~wire::kLacpSynchronization);
  partner_.state |= wire::kLacpShortTimeout;
  must_tell_ = true;
}

void LacpLink::look(bool has_carrier, TimeMs now) {
  if (!has_carrier) {
    receive_ = Receive::no_carrier;
    partner_.state &= static_cast<uint8_t>(~wire::kLacpSynchronization);
  } else if (receive_ == Receive::no_carrier) {
    expire(now);
  } else if (receive_ == Receive::current && age_ms(now, since_) >= patience()) {
    expire(now);
  } else if (receive_ == Receive::expired && age_ms(now, since_) >= patience()) {
    receive_ = Receive::defaulted;
    partner_ = {};
    partner_.state = wire::kLacpShortTimeout;  // until somebody says else we speak every second
    has_heard_ = false;
  }
  settle();
}

void LacpLink::take(const wire::LacpFrame& frame, TimeMs now) {
  if (receive_ == Receive::no_carrier) return;
  if (frame.actor.system == actor_.system) return;  // two of our own links are one cable
  const wire::LacpParty& seen = frame.partner;      // us, as the partner knows us
  const bool is_known =
      seen.is_same_port(actor_) && ((seen.state ^ actor_.state) & wire::kLacpAggregation) == 0;
  if (!is_known || ((seen.state ^ actor_.state) & kKnownOfUs) != 0) must_tell_ = true;
  partner_ = frame.actor;
  if (!is_known) partner_.state &= static_cast<uint8_t>(~wire::kLacpSynchronization);
  receive_ = Receive::current;
  has_heard_ = true;
  since_ = now;
  settle();
}

void LacpLink::select(bool is_selected) {
  is_selected_ = is_selected;
  settle();
}

void LacpLink::settle() {
  constexpr uint8_t kFixed = wire::kLacpActive | wire::kLacpShortTimeout | wire::kLacpAggregation;
  const uint8_t theirs = partner_.state;
  uint8_t state = actor_.state & kFixed;
  if (is_selected_ && has_partner()) {
    state |= wire::kLacpSynchronization;
    if ((theirs & wire::kLacpSynchronization) != 0) {
      state |= wire::kLacpCollecting;
      if ((theirs & wire::kLacpCollecting) != 0) state |= wire::kLacpDistributing;
    }
  }
  if (!has_heard_) state |= wire::kLacpDefaulted;
  if (receive_ == Receive::expired) state |= wire::kLacpExpired;
  if (state != actor_.state) must_tell_ = true;
  actor_.state = state;
}

std::optional<wire::LacpFrame> LacpLink::next_frame(const Mac& source, TimeMs now) {
  if (receive_ == Receive::no_carrier) return std::nullopt;
  const TimeMs interval = (partner_.state & wire::kLacpShortTimeout) != 0 ? kFastMs : kSlowMs;
  if (!must_tell_ && age_ms(now, sent_at_) < interval) return std::nullopt;
  if (age_ms(now, second_began_) >= kFastMs) {
    second_began_ = now;
    sent_in_second_ = 0;
  }
  if (sent_in_second_ == kMaxPerSecond) return std::nullopt;
  ++sent_in_second_;
  sent_at_ = now;
  must_tell_ = false;
  return wire::make_lacp(source, actor_, partner_);
}

}  // namespace butterfly
