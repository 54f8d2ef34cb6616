// SPDX-License-Identifier: Apache-2.0
// Of TcpReference: the segments about which it has no opinion.
#include <algorithm>
#include <bit>
#include <cstdlib>

#include "model/tcp_reference.h"

namespace butterfly::model {
namespace {

constexpr int64_t kClear = int64_t{1} << 29;  // distances up to here surely do not wrap

// How far the switch may be too lenient about the past: windows are kept as powers of two, in units
// of the scale, and two units at least.
int64_t rounded_up(const TcpReference::Side& side) {
  const int64_t unit = int64_t{1} << std::max(side.scale, 0);
  return static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(side.widest + unit))) * 2;
}

}  // namespace

const char* TcpReference::doubt(bool by_initiator, const TcpSegment& segment) const {
  if (!has_legal_flags(segment) || (segment.is_plain_syn() && phase_ != Phase::syn_sent)) {
    return nullptr;
  }
  const Side& self = side(by_initiator);
  const Side& peer = side(!by_initiator);
  const Numbers numbers = unwrap(by_initiator, segment);
  if (segment.has(kAck) && std::abs(numbers.acknowledgement - peer.end) > kClear) {
    return "the acknowledgement may wrap";
  }
  if (phase_ == Phase::syn_sent) return nullptr;
  if (std::abs(numbers.sequence - self.end) > kClear) return "the sequence number may wrap";
  if (!segment.has(kRst)) return doubt_window(self, peer, numbers, segment);
  if (numbers.sequence == self.end) return nullptr;
  if (peer.has_leapt) return "a reset after acknowledgements far apart";
  const int64_t expected = peer.has_acked ? peer.acked : self.first;
  const bool looks_alike =
      static_cast<uint16_t>(numbers.sequence) == static_cast<uint16_t>(expected);
  if (!looks_alike || (peer.has_acked && numbers.sequence == peer.acked)) return nullptr;
  return "a reset that has the low bits of what its receiver expects";
}

const char* TcpReference::doubt_window(const Side& self, const Side& peer, const Numbers& numbers,
                                       const TcpSegment& segment) const {
  const int64_t past = self.end - numbers.end;
  if (past > peer.widest && past <= rounded_up(peer)) return "just older than a window";
  const int64_t lag = peer.end - numbers.acknowledgement;
  const int64_t least = std::max(self.widest, kLeastLag);
  if (lag > least && lag <= std::max(rounded_up(self), kLeastLag)) {
    return "acknowledges what is just older than a window";
  }
  const bool opens = phase_ == Phase::syn_received || phase_ == Phase::simultaneous;
  if (segment.has(kSyn) && is_picked_up_) return "a SYN in a connection that was picked up";
  const bool is_first = numbers.sequence == self.first;
  if (segment.has(kSyn) && opens && peer.has_acked && is_first != (numbers.end == self.end)) {
    return "a SYN whose number was acknowledged, and data after it";
  }
  return nullptr;
}

const char* TcpReference::doubt_quote(bool by_initiator, uint32_t sequence) const {
  if (is_picked_up_) return "windows that nobody knows";
  const Side& self = side(by_initiator);
  const Side& peer = side(!by_initiator);
  const int64_t number = unwrapped(self.end, sequence);
  if (std::abs(number - self.end) > kClear) return "the sequence number may wrap";
  if (phase_ == Phase::syn_sent) return nullptr;
  // Numbers below are acknowledged, but may be in flight once more.
  const int64_t oldest = peer.has_acked ? peer.acked : self.first;
  const int64_t latest = peer.has_acked ? peer.last_acked : self.first;
  return number < oldest && number >= std::min(oldest, latest) - rounded_up(peer)
             ? "just older than what is not acknowledged"
             : nullptr;
}

}  // namespace butterfly::model
