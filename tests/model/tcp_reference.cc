// SPDX-License-Identifier: Apache-2.0
#include "model/tcp_reference.h"

#include <algorithm>

namespace butterfly::model {
namespace {

constexpr int64_t kFar = int64_t{1} << 40;  // where the numbers of a connection begin
constexpr int64_t kLargestWindow = int64_t{65'535} << 14;
constexpr int64_t kMaxScale = 14;  // RFC 7323 §2.3

int64_t length_of(const TcpSegment& segment) {
  return segment.length + (segment.has(kSyn) ? 1 : 0) + (segment.has(kFin) ? 1 : 0);
}

int scale_of(const TcpSegment& syn) {
  return syn.scale < 0 ? -1 : static_cast<int>(std::min<int64_t>(syn.scale, kMaxScale));
}

}  // namespace

bool TcpReference::has_legal_flags(const TcpSegment& segment) {
  const unsigned counting = segment.flags & (kSyn | kAck | kFin | kRst);
  for (const unsigned legal : {unsigned{kSyn}, unsigned{kSyn | kAck}, unsigned{kAck},
                               unsigned{kFin | kAck}, unsigned{kRst}, unsigned{kRst | kAck}}) {
    if (counting == legal) return true;
  }
  return false;
}

bool TcpReference::may_pick_up(const TcpSegment& segment) {
  return has_legal_flags(segment) && segment.has(kAck) && !segment.has(kSyn) && !segment.has(kRst);
}

TcpReference TcpReference::started(const TcpSegment& syn) {
  TcpReference connection;
  Side& initiator = connection.sides_[0];
  initiator.first = unwrapped(kFar, syn.sequence);
  initiator.end = initiator.limit = initiator.first + length_of(syn);
  initiator.widest = syn.window;
  initiator.scale = scale_of(syn);
  return connection;
}

TcpReference TcpReference::picked_up(const TcpSegment& segment) {
  TcpReference connection;
  connection.is_picked_up_ = connection.is_answered_ = true;
  auto& [initiator, responder] = connection.sides_;
  initiator.first = unwrapped(kFar, segment.sequence);
  initiator.end = initiator.first + length_of(segment);
  initiator.limit = initiator.end + kLargestWindow;
  responder.end = responder.first = unwrapped(kFar, segment.acknowledgement);
  responder.limit = responder.end + std::max<int64_t>(int64_t{segment.window} << kMaxScale, 1);
  initiator.widest = responder.widest = kLargestWindow;
  initiator.scale = responder.scale = kMaxScale;
  initiator.has_acked = true;
  initiator.acked = initiator.last_acked = responder.end;
  if (segment.has(kFin)) initiator.fin = initiator.end;
  connection.phase_ = Phase::syn_received;
  return connection;
}

TcpReference::Numbers TcpReference::unwrap(bool by_initiator, const TcpSegment& segment) const {
  const int64_t sequence = unwrapped(side(by_initiator).end, segment.sequence);
  return {sequence, sequence + length_of(segment),
          unwrapped(side(!by_initiator).end, segment.acknowledgement)};
}

TcpFate TcpReference::check(bool by_initiator, const TcpSegment& segment,
                            const TcpMistakes& mistakes) const {
  if (!has_legal_flags(segment)) return TcpFate::illegal_flags;
  if (segment.has(kRst)) {
    return mistakes.forget_rst_check ? TcpFate::pass : check_reset(by_initiator, segment);
  }
  if (!is_answered_) return check_before_answer(by_initiator, segment);
  // RFC 5961 §4: its receiver answers with an acknowledgement, whatever the number.
  if (segment.is_plain_syn()) return TcpFate::ignored;
  const TcpFate fate = check_window(by_initiator, segment);
  if (fate != TcpFate::pass || !segment.has(kSyn)) return fate;
  // A SYN-ACK sent again belongs to the handshake; any other is no more than a question.
  const bool opens = phase_ == Phase::syn_received || phase_ == Phase::simultaneous;
  const bool is_again = unwrap(by_initiator, segment).sequence == side(by_initiator).first;
  return opens && is_again ? TcpFate::pass : TcpFate::ignored;
}

// RFC 9293 §3.10.7.3: acknowledges the SYN, or data sent with it.
bool TcpReference::answers_syn(const TcpSegment& segment) const {
  const int64_t acknowledgement = unwrapped(sides_[0].end, segment.acknowledgement);
  return segment.has(kAck) && acknowledgement > sides_[0].first && acknowledgement <= sides_[0].end;
}

// RFC 5961 §3.2: exactly what the receiver expects next, which is what it has acknowledged, or all
// that was sent if that has arrived.
TcpFate TcpReference::check_reset(bool by_initiator, const TcpSegment& segment) const {
  const Side& self = side(by_initiator);
  const Side& peer = side(!by_initiator);
  const int64_t sequence = unwrap(by_initiator, segment).sequence;
  if (!is_answered_) {
    // §3.5.1 of RFC 9293: the initiator resets an old connection that its peer still has.
    if (by_initiator) return sequence == self.end ? TcpFate::pass : TcpFate::ignored;
    return answers_syn(segment) ? TcpFate::pass : TcpFate::bad_reset;
  }
  const bool is_exact = sequence == self.end || (peer.has_acked && sequence == peer.acked);
  return is_exact ? TcpFate::pass : TcpFate::bad_reset;
}

TcpFate TcpReference::check_before_answer(bool by_initiator, const TcpSegment& segment) const {
  if (segment.is_plain_syn()) return TcpFate::pass;
  if (by_initiator || phase_ == Phase::reset) return TcpFate::outside_window;
  if (segment.has(kSyn)) {
    return answers_syn(segment) ? TcpFate::pass : TcpFate::outside_window;
  }
  // §3.5.1 of RFC 9293: the acknowledgement of an old connection.
  return length_of(segment) == 0 ? TcpFate::ignored : TcpFate::outside_window;
}

// Van Rooij's bounds.
TcpFate TcpReference::check_window(bool by_initiator, const TcpSegment& segment) const {
  const Side& self = side(by_initiator);
  const Side& peer = side(!by_initiator);
  const Numbers numbers = unwrap(by_initiator, segment);
  if (numbers.end > self.limit) return TcpFate::outside_window;
  if (numbers.end < self.end - peer.widest) return TcpFate::outside_window;
  if (self.fin && numbers.end > *self.fin) return TcpFate::outside_window;
  // What a side had on its way when its connection was picked up, nobody has seen.
  const int64_t sent = is_picked_up_ && !peer.fin ? peer.limit : peer.end;
  if (numbers.acknowledgement > sent) return TcpFate::outside_window;
  // RFC 9293 §3.10.7.4: the handshake ends with an acknowledgement of the SYN, nothing less.
  if (!is_picked_up_ && !self.has_acked && numbers.acknowledgement <= peer.first) {
    return TcpFate::outside_window;
  }
  if (numbers.acknowledgement < peer.end - std::max(self.widest, kLeastLag)) {
    return TcpFate::outside_window;
  }
  return TcpFate::pass;
}

// The responder's SYN. Scales count if both sides offer one, and never for a SYN itself.
void TcpReference::answer(const TcpSegment& syn) {
  is_answered_ = true;
  auto& [initiator, responder] = sides_;
  const bool is_scaled = initiator.scale >= 0 && scale_of(syn) >= 0;
  if (!is_scaled) initiator.scale = 0;
  responder.scale = is_scaled ? scale_of(syn) : 0;
  responder.first = unwrapped(kFar, syn.sequence);
  responder.end = responder.first + length_of(syn);
  responder.limit =
      std::max(responder.end, responder.first + 1 + std::max<int64_t>(initiator.widest, 1));
  responder.widest = syn.window;
  int64_t from = initiator.end;
  phase_ = Phase::simultaneous;
  if (syn.has(kAck)) {
    from = unwrapped(initiator.end, syn.acknowledgement);
    responder.has_acked = true;
    responder.acked = responder.last_acked = from;
    phase_ = Phase::syn_received;
  }
  initiator.limit = std::max(initiator.limit, from + std::max<int64_t>(syn.window, 1));
}

void TcpReference::advance(bool by_initiator, const TcpSegment& segment) {
  if (segment.has(kRst)) {
    phase_ = Phase::reset;
    return;
  }
  if (phase_ == Phase::syn_sent) {
    if (by_initiator) {
      *this = started(segment);
    } else {
      answer(segment);
    }
    return;
  }
  Side& self = side(by_initiator);
  Side& peer = side(!by_initiator);
  const Numbers numbers = unwrap(by_initiator, segment);
  const int64_t window = int64_t{segment.window} << (segment.has(kSyn) ? 0 : self.scale);
  self.end = std::max(self.end, numbers.end);
  self.widest = std::max(self.widest, window);
  // One byte beyond a closed window is the probe (RFC 9293 §3.8.6.1).
  peer.limit = std::max(peer.limit, numbers.acknowledgement + std::max<int64_t>(window, 1));
  if (is_picked_up_) peer.end = std::max(peer.end, numbers.acknowledgement);
  const auto behind = static_cast<uint16_t>(self.acked - numbers.acknowledgement);
  const bool is_higher = numbers.acknowledgement > self.acked;
  if (self.has_acked && (behind < 16'384) == is_higher) self.has_leapt = true;
  self.acked =
      self.has_acked ? std::max(self.acked, numbers.acknowledgement) : numbers.acknowledgement;
  self.last_acked = numbers.acknowledgement;
  self.has_acked = true;
  if (phase_ == Phase::reset) return;
  // One that lies behind data is not its sender's last, whoever sent it.
  if (segment.has(kFin) && numbers.end == self.end) self.fin = self.end;
  if (peer.fin && numbers.acknowledgement >= *peer.fin) peer.fin_is_acked = true;
  settle_phase();
}

void TcpReference::settle_phase() {
  const auto& [initiator, responder] = sides_;
  if (!initiator.has_acked || !responder.has_acked) return;
  if (!initiator.fin && !responder.fin) {
    phase_ = Phase::established;
  } else if (!initiator.fin || !responder.fin) {
    phase_ = Phase::half_closed;
  } else {
    phase_ = initiator.fin_is_acked && responder.fin_is_acked ? Phase::time_wait : Phase::closing;
  }
}

// RFC 5927 §4: between what is not acknowledged and what was sent.
bool TcpReference::may_have_sent(bool by_initiator, uint32_t sequence) const {
  const Side& self = side(by_initiator);
  const Side& peer = side(!by_initiator);
  if (!is_answered_ && !by_initiator) return false;
  const int64_t number = unwrapped(self.end, sequence);
  const int64_t oldest = peer.has_acked ? peer.acked : self.first;
  return number >= oldest && number <= self.end;
}

}  // namespace butterfly::model
