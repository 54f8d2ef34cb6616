// SPDX-License-Identifier: Apache-2.0
// Which of its ports an lcore looks at in a round, and which it has asked to wake it. Hundreds of
// idle nics must cost next to nothing: a round looks at the busy ones and, in turn, at so many of
// the idle ones as fits what the busy ones brought; a sleep costs what has changed since the last
// one.
//
// Busy ports have equal turns by what their packets cost: a guest whose packets are copied to many,
// or each begin a flow, waits until the others have had as much. When nobody else wants to work,
// nobody waits.
//
// Made by the control side for the views of one set of ports (add()), then the lcore's alone.
// Nothing allocates after add().
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "base/cache_line.h"
#include "base/ids.h"
#include "graph/port.h"

namespace butterfly {

struct PolledPort {
  Port* port;
  PortId id;
  Vni vni;  // 0 for the uplink
  uint16_t segment;
  bool is_uplink;
};

class PollPlan {
 public:
  // A port that was empty in so many rounds in a row is idle.
  static constexpr uint8_t kEmptyToIdle = 64;
  // Of the idle ports a round looks at this many, and one more for each kPacketsALook that came: an
  // idle one costs a fifth of a packet, so they take some percent of a busy lcore's time, however
  // many they are. Never more than one in kIdleTurns: with a few idle ports less is enough.
  static constexpr uint32_t kIdleLooks = 4;
  static constexpr uint32_t kPacketsALook = 8;
  static constexpr uint32_t kIdleTurns = 8;
  // The most that a port can owe: a burst copied to everybody on the host.
  static constexpr uint32_t kMostDebt = 1 << 17;

  // All are busy at first, and asked for nothing. The uplink serves everybody, and what cannot wake
  // the lcore must not be overlooked: these are never idle.
  void add(const PolledPort& port, bool can_wake);
  // Room for so many, to add them faster.
  void reserve(size_t ports);
  // A port that must be looked at every millisecond.
  bool has_unwakeable() const { return has_unwakeable_; }

  std::span<const PolledPort> ports() const { return ports_; }

  // look(port) receives from it and says how many packets came; charge(id) says what the port's
  // packets have cost beyond their number since it was last asked; the first answer is not
  // counted, it may be about an earlier nic of that number. Each of these says how many
  // packets came in all.
  template <typename Look>
  uint32_t look_at_all(const Look& look);
  template <typename Look, typename Charge>
  uint32_t look_at_busy(const Look& look, const Charge& charge);
  // Those that the last arm() has asked: a packet that came just before would be overslept.
  template <typename Look>
  uint32_t look_at_armed(const Look& look);

  // Asks each port that may have stopped waking us since it was last asked. False when packets
  // already wait somewhere.
  bool arm(uint16_t lcore);
  // The port has woken the lcore: it is busy, and must be asked again.
  void wake(PortId id);

 private:
  static constexpr uint16_t kNowhere = 0xffff;
  struct Turn {
    uint32_t debt = 0;  // packets that the others may have before it has its turn
    uint8_t empty = 0;  // rounds in a row
    bool is_idle = false;
    bool is_never_idle = false;
    bool is_armed = false;  // it will wake us at its next packet
  };

  template <typename Look>
  uint32_t look_at(uint16_t place, const Look& look);
  template <typename Look>
  uint32_t look_at_idle(uint32_t moved, const Look& look);
  bool has_to_wait(Turn& turn, uint32_t charge) const;
  void make_busy(uint16_t place);

  std::vector<PolledPort> ports_;
  LineVector<Turn> turns_;        // by place in ports_
  std::vector<uint16_t> places_;  // by PortId
  LineVector<uint16_t> busy_;     // places
  LineVector<uint16_t> waiting_;  // places, of the busy ones in this round
  LineVector<uint16_t> asked_;    // places, by the last arm()
  uint16_t next_idle_ = 0;        // place
  bool has_unwakeable_ = false;
  bool has_begun_ = false;  // what was charged before that is another plan's affair
};

template <typename Look>
uint32_t PollPlan::look_at(uint16_t place, const Look& look) {
  const uint32_t count = look(ports_[place]);
  if (count == 0) return 0;
  turns_[place].empty = 0;
  turns_[place].is_armed = false;
  if (turns_[place].is_idle) make_busy(place);
  return count;
}

template <typename Look>
uint32_t PollPlan::look_at_all(const Look& look) {
  uint32_t moved = 0;
  for (uint16_t place = 0; place < ports_.size(); ++place) moved += look_at(place, look);
  return moved;
}

template <typename Look>
uint32_t PollPlan::look_at_armed(const Look& look) {
  uint32_t moved = 0;
  for (const uint16_t place : asked_) moved += look_at(place, look);
  return moved;
}

template <typename Look, typename Charge>
uint32_t PollPlan::look_at_busy(const Look& look, const Charge& charge) {
  uint32_t moved = 0;
  size_t kept = 0;
  waiting_.clear();
  for (const uint16_t place : busy_) {
    Turn& turn = turns_[place];
    const uint32_t charged = charge(ports_[place].id);
    if (has_to_wait(turn, has_begun_ ? charged : 0)) {
      waiting_.push_back(place);
      busy_[kept++] = place;
      continue;
    }
    const uint32_t count = look_at(place, look);
    moved += count;
    turn.is_idle = count == 0 && !turn.is_never_idle && ++turn.empty >= kEmptyToIdle;
    if (!turn.is_idle) busy_[kept++] = place;
  }
  busy_.resize(kept);
  has_begun_ = true;
  if (moved == 0) {  // nobody to wait for
    for (const uint16_t place : waiting_) {
      turns_[place].debt = 0;
      moved += look_at(place, look);
    }
  }
  return moved + look_at_idle(moved, look);
}

template <typename Look>
uint32_t PollPlan::look_at_idle(uint32_t moved, const Look& look) {
  const auto idle = static_cast<uint32_t>(ports_.size() - busy_.size());
  uint32_t looks =
      std::min((idle + kIdleTurns - 1) / kIdleTurns, kIdleLooks + moved / kPacketsALook);
  uint32_t found = 0;
  // Busy ones do not use up looks: one idle port among hundreds of them has its turn, too.
  for (size_t places = ports_.size(); looks != 0 && places != 0; --places) {
    next_idle_ = next_idle_ + 1u < ports_.size() ? static_cast<uint16_t>(next_idle_ + 1) : 0;
    if (!turns_[next_idle_].is_idle) continue;
    --looks;
    found += look_at(next_idle_, look);
  }
  return found;
}

}  // namespace butterfly
