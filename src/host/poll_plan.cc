// SPDX-License-Identifier: Apache-2.0
#include "host/poll_plan.h"

namespace butterfly {

void PollPlan::add(const PolledPort& port, bool can_wake) {
  const auto place = static_cast<uint16_t>(ports_.size());
  ports_.push_back(port);
  turns_.push_back({.is_never_idle = port.is_uplink || !can_wake});
  places_.resize(std::max<size_t>(places_.size(), port.id.value + 1u), kNowhere);
  places_[port.id.value] = place;
  busy_.push_back(place);
  has_unwakeable_ = has_unwakeable_ || !can_wake;
  asked_.reserve(ports_.capacity());
  waiting_.reserve(ports_.capacity());
}

void PollPlan::reserve(size_t ports) {
  ports_.reserve(ports);
  turns_.reserve(ports);
  busy_.reserve(ports);
}

bool PollPlan::arm(uint16_t lcore) {
  bool is_empty = true;
  asked_.clear();
  for (uint16_t place = 0; place < ports_.size(); ++place) {
    Turn& turn = turns_[place];
    if (turn.is_armed) continue;
    asked_.push_back(place);
    switch (ports_[place].port->arm_for(lcore)) {
      case Port::Armed::yes:
        turn.is_armed = true;
        break;
      case Port::Armed::nobody_there:
        break;
      case Port::Armed::packets_wait:
        is_empty = false;
        wake(ports_[place].id);
        break;
    }
  }
  return is_empty;
}

void PollPlan::wake(PortId id) {
  const uint16_t place = id.value < places_.size() ? places_[id.value] : kNowhere;
  if (place == kNowhere) return;
  turns_[place].empty = 0;
  turns_[place].is_armed = false;
  if (turns_[place].is_idle) make_busy(place);
}

// A round's turn is a burst: so much of a debt is worked off by not having it.
bool PollPlan::has_to_wait(Turn& turn, uint32_t charge) const {
  turn.debt += std::min(charge, kMostDebt - turn.debt);
  if (turn.debt < kBurst || turn.is_never_idle) return false;
  turn.debt -= kBurst;
  return true;
}

void PollPlan::make_busy(uint16_t place) {
  turns_[place].is_idle = false;
  busy_.push_back(place);
}

}  // namespace butterfly
