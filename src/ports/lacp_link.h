// SPDX-License-Identifier: Apache-2.0
// One link of an aggregate: what we and the partner at its other end have agreed on.
// Source: IEEE 802.1AX-2020 §6.4.12 (receive), §6.4.13 (periodic), §6.4.15 (mux, with independent
// control), §6.4.16 (transmit). Without churn detection; nothing waits for further links, since
// there is one aggregate for all.
#pragma once

#include <optional>

#include "base/clock.h"
#include "base/mac.h"
#include "wire/lacp.h"

namespace butterfly {

// Has no thread and no clock of its own.
class LacpLink {
 public:
  static constexpr TimeMs kFastMs = 1'000, kSlowMs = 30'000;
  // A partner that has not been heard for so many of its intervals is gone.
  static constexpr TimeMs kMissed = 3;
  // LACPDUs in any second, at most (§6.4.16).
  static constexpr uint8_t kMaxPerSecond = 3;

  // `system` is the same at all links of the aggregate, `port` is not. With `is_fast` the partner
  // is asked to speak every second, else every 30 s.
  LacpLink(const Mac& system, uint16_t port, bool is_fast);

  // What came by the link.
  void take(const wire::LacpFrame& frame, TimeMs now);
  // Carrier and time.
  void look(bool has_carrier, TimeMs now);
  // Whether the link may be in the aggregate, of which `partner()` is then the other end.
  void select(bool is_selected);
  // What is to be sent now, from `source`.
  std::optional<wire::LacpFrame> next_frame(const Mac& source, TimeMs now);

  // Whether somebody who aggregates speaks at the other end.
  bool has_partner() const {
    return (receive_ == Receive::current || receive_ == Receive::expired) && has_heard_ &&
           (partner_.state & wire::kLacpAggregation) != 0;
  }
  const wire::LacpParty& partner() const { return partner_; }
  // Frames may be received, and sent.
  bool collects() const { return (actor_.state & wire::kLacpCollecting) != 0; }
  bool distributes() const { return (actor_.state & wire::kLacpDistributing) != 0; }

 private:
  enum class Receive : uint8_t { no_carrier, expired, defaulted, current };
  void expire(TimeMs now);
  // The bits that follow from everything else.
  void settle();
  TimeMs patience() const;

  wire::LacpParty actor_{};
  wire::LacpParty partner_{};
  Receive receive_ = Receive::no_carrier;
  bool has_heard_ = false;  // the partner is not made up
  bool is_selected_ = false;
  TimeMs since_ = 0;       // that the state lasts; of `current`: that the partner was heard
  bool must_tell_ = true;  // the partner does not know what we are
  TimeMs sent_at_ = 0;
  TimeMs second_began_ = 0;
  uint8_t sent_in_second_ = 0;
};

}  // namespace butterfly
