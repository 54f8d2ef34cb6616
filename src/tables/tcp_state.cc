// SPDX-License-Identifier: Apache-2.0
#include "tables/tcp_state.h"

#include <algorithm>
#include <bit>

#include "wire/headers.h"

namespace butterfly::tcp {
namespace {

using wire::kTcpAck;
using wire::kTcpFin;
using wire::kTcpRst;
using wire::kTcpSyn;

constexpr uint8_t kMaxScale = 14;  // RFC 7323 §2.3

bool after(uint32_t a, uint32_t b) { return is_after(a, b); }
bool before(uint32_t a, uint32_t b) { return after(b, a); }
void raise(uint32_t& value, uint32_t to) {
  if (after(to, value)) value = to;
}

size_t index_of(Role role) { return static_cast<size_t>(role); }
uint8_t syn_acked(Role role) { return static_cast<uint8_t>(0x01 << index_of(role)); }
uint8_t fin_sent(Role role) { return static_cast<uint8_t>(0x04 << index_of(role)); }
uint8_t fin_acked(Role role) { return static_cast<uint8_t>(0x10 << index_of(role)); }
constexpr uint8_t kBothSynsAcked = 0x03;
constexpr uint8_t kFinsSent = 0x0c;
constexpr uint8_t kBothFinsAcked = 0x30;
constexpr uint8_t kPickedUp = 0x40;
constexpr uint8_t kUnanswered = 0x80;  // reset before its SYN was answered

bool has(const Segment& segment, uint8_t flag) { return (segment.flags & flag) != 0; }

// A FIN always carries an ACK, so the "xmas" scan is out.
bool has_legal_flags(const Segment& segment) {
  switch (segment.flags & kFlagsThatCount) {
    case kTcpSyn:
    case kTcpSyn | kTcpAck:
    case kTcpAck:
    case kTcpFin | kTcpAck:
    case kTcpRst:
    case kTcpRst | kTcpAck:
      return true;
    default:
      return false;
  }
}

// Of the options of a SYN; kNoScale when they end, or make no sense, before they offer one.
uint8_t scale_offered_in(std::span<const uint8_t> options) {
  constexpr uint8_t kEnd = 0, kPadding = 1, kWindowScale = 3;
  uint8_t scale = kNoScale;
  const uint8_t* option = options.data();
  for (size_t left = options.size(); left > 0 && *option != kEnd;) {
    size_t length = 1;
    if (*option != kPadding) {
      if (left < 2) break;
      length = option[1];
      if (length < 2 || length > left) break;
      if (*option == kWindowScale && length == 3) scale = std::min(option[2], kMaxScale);
    }
    option += length;
    left -= length;
  }
  return scale;
}

// While syn_sent nothing is known of the responder, so its numbers hold what the answer will be
// measured by.
uint32_t first_number(const Track& track) { return track.end[1]; }
uint16_t window_of_syn(const Track& track) { return static_cast<uint16_t>(track.max_end[1]); }

void raise_window(Window& window, uint16_t units) {
  if (units <= 2) return;
  const auto log = static_cast<unsigned>(std::bit_width(units - 1U) - 1);
  if (log > window.log) window.log = log & 0x0f;
}
// The window of a SYN is never scaled (RFC 7323 §2.2): in units of `scale`, rounded up.
uint16_t scaled_up(uint16_t window, unsigned scale) {
  return static_cast<uint16_t>((window + (1U << scale) - 1) >> scale);
}

// Of the responder no number is known.
bool is_unanswered(const Progress& progress) { return (progress.seen & kUnanswered) != 0; }

Verdict check_reset(const Progress& progress, const Track& track, Role from,
                    const Segment& segment) {
  const size_t self = index_of(from);
  const size_t peer = index_of(other(from));
  if (progress.state == State::syn_sent || is_unanswered(progress)) {
    if (from == Role::initiator) {
      // RFC 9293 §3.5.1: it answers the acknowledgement of a connection that it no longer knows.
      return segment.sequence == track.end[self] ? Verdict::ok : Verdict::ignored;
    }
    const bool answers = has(segment, kTcpAck) &&
                         after(segment.acknowledgement, first_number(track)) &&
                         !after(segment.acknowledgement, track.end[peer]);
    return answers ? Verdict::ok : Verdict::bad_rst;
  }
  // What the receiver expects next is what it acknowledged last or, when all data arrived, the end
  // of it: a closing socket sends the latter, one that is gone echoes the former. Of the former we
  // know the low half, and that it lies within a window: who guesses blindly hits it no more often
  // than one number in each 64 KiB of that window.
  const uint32_t behind = track.end[self] - segment.sequence;
  const bool exact =
      behind == 0 || (behind <= progress.windows[peer].bytes() &&
                      static_cast<uint16_t>(segment.sequence) == track.last_ack[peer]);
  return exact ? Verdict::ok : Verdict::bad_rst;
}

Verdict check_before_answer(const Track& track, Role from, const Segment& segment) {
  if (from == Role::initiator) return segment.is_plain_syn() ? Verdict::ok : Verdict::bad_ack;
  if (segment.is_plain_syn()) return Verdict::ok;
  if (has(segment, kTcpSyn)) {
    const bool answers = after(segment.acknowledgement, first_number(track)) &&
                         !after(segment.acknowledgement, track.end[0]);
    return answers ? Verdict::ok : Verdict::bad_ack;
  }
  // RFC 9293 §3.5.1: the responder still has an older connection and says so; the initiator will
  // reset it. Nothing but the bare acknowledgement may pass.
  return segment.end == segment.sequence ? Verdict::ignored : Verdict::bad_ack;
}

// The number of the SYN that a side has sent. REQUIRES: nobody has acknowledged it; its peer's
// last_ack is then the low half. A SYN lies behind `end`, by at most the first window.
uint32_t unacknowledged_syn(const Track& track, size_t self) {
  const auto behind =
      static_cast<uint16_t>(static_cast<uint16_t>(track.end[self]) - track.last_ack[self ^ 1]);
  return track.end[self] - (behind == 0 ? 0x10000U : behind);
}

// Van Rooij's bounds I to IV.
Verdict check_window(const Progress& progress, const Track& track, Role from,
                     const Segment& segment) {
  const size_t self = index_of(from);
  const size_t peer = index_of(other(from));
  const uint32_t end = track.end[self];
  if (after(segment.end, track.max_end[self])) return Verdict::out_of_window;
  if (before(segment.end, end - progress.windows[peer].bytes())) return Verdict::out_of_window;
  if ((progress.seen & fin_sent(from)) && after(segment.end, end)) return Verdict::out_of_window;

  // What a side had on its way when its connection was picked up, we have not seen; nothing comes
  // after its FIN.
  const uint8_t sent_fin = progress.seen & fin_sent(other(from));
  const bool sent_more = (progress.seen & kPickedUp) && sent_fin == 0;
  const uint32_t sent = sent_more ? track.max_end[peer] : track.end[peer];
  if (after(segment.acknowledgement, sent)) return Verdict::bad_ack;
  const uint32_t lag = std::max(progress.windows[self].bytes(), kMinAckLag);
  if (before(segment.acknowledgement, track.end[peer] - lag)) return Verdict::bad_ack;
  const bool completes = (progress.seen & (syn_acked(other(from)) | kPickedUp)) == 0;
  if (completes && !after(segment.acknowledgement, unacknowledged_syn(track, peer))) {
    return Verdict::bad_ack;  // RFC 9293 §3.10.7.4
  }
  return Verdict::ok;
}

// Whether a SYN with an answer may be that of its sender: once it was acknowledged its number is no
// more known than by where it ends. Any other changes nothing (RFC 5961 §4.2).
bool repeats_syn(const Progress& progress, const Track& track, Role from, const Segment& segment) {
  if (progress.state >= State::established) return false;
  const size_t self = index_of(from);
  if (progress.seen & syn_acked(from)) return segment.end == track.end[self];
  return segment.sequence == unacknowledged_syn(track, self);
}

// The second SYN of a connection settles the scales.
void answer(Progress& progress, Track& track, const Segment& syn) {
  auto& [initiator, responder] = progress.windows;
  const uint16_t window = window_of_syn(track);
  const bool scaled = initiator.scale != kNoScale && syn.scale != kNoScale;
  initiator = Window::of(scaled ? initiator.scale : 0);
  responder = Window::of(scaled ? syn.scale : 0);
  raise_window(initiator, scaled_up(window, initiator.scale));
  raise_window(responder, scaled_up(syn.window, responder.scale));

  const bool acknowledges = has(syn, kTcpAck);
  track.end[1] = syn.end;
  track.max_end[1] = syn.end;
  raise(track.max_end[1], syn.sequence + 1 + std::max<uint32_t>(window, 1));
  track.last_ack[0] = static_cast<uint16_t>(syn.sequence);
  raise(track.max_end[0],
        (acknowledges ? syn.acknowledgement : track.end[0]) + std::max<uint32_t>(syn.window, 1));
  if (acknowledges) {
    track.last_ack[1] = static_cast<uint16_t>(syn.acknowledgement);
    progress.seen |= syn_acked(Role::initiator);
  }
  progress.state = acknowledges ? State::syn_received : State::simultaneous;
}

State state_after(const Progress& progress) {
  if ((progress.seen & kBothSynsAcked) != kBothSynsAcked) return progress.state;
  if ((progress.seen & kFinsSent) == 0) return State::established;
  if ((progress.seen & kFinsSent) != kFinsSent) return State::half_closed;
  return (progress.seen & kBothFinsAcked) == kBothFinsAcked ? State::time_wait : State::closing;
}

void raise_windows(Progress& progress, Track& track, Role from, const Segment& segment) {
  const size_t self = index_of(from);
  const size_t peer = index_of(other(from));
  const unsigned scale = progress.windows[self].scale;
  const bool syn = has(segment, kTcpSyn);
  const uint16_t units = syn ? scaled_up(segment.window, scale) : segment.window;
  const uint32_t window = static_cast<uint32_t>(segment.window) << (syn ? 0 : scale);
  raise_window(progress.windows[self], units);
  raise(track.end[self], segment.end);
  // One byte beyond a closed window is the probe (RFC 9293 §3.8.6.1).
  raise(track.max_end[peer], segment.acknowledgement + std::max(window, 1U));
}

}  // namespace

Segment read_segment(std::span<const uint8_t> bytes, uint16_t length) {
  Segment segment;
  const auto* header = wire::view_at<wire::TcpHeader>(bytes, 0);
  if (!header) return segment;
  const size_t header_length = header->header_length();
  if (header_length < sizeof(wire::TcpHeader) || header_length > length ||
      header_length > bytes.size()) {
    return segment;
  }
  segment.sequence = header->sequence;
  segment.acknowledgement = header->acknowledgement;
  segment.window = header->window;
  segment.flags = header->flags;
  segment.end = segment.sequence + static_cast<uint32_t>(length - header_length) +
                (has(segment, kTcpSyn) ? 1 : 0) + (has(segment, kTcpFin) ? 1 : 0);
  if (has(segment, kTcpSyn)) {
    segment.scale = scale_offered_in(
        bytes.subspan(sizeof(wire::TcpHeader), header_length - sizeof(wire::TcpHeader)));
  }
  return segment;
}

Verdict check_first_but_syn(const Segment& segment) {
  return has_legal_flags(segment) ? Verdict::mid_stream : Verdict::illegal_flags;
}

bool may_pick_up(const Segment& segment) {
  return has_legal_flags(segment) && has(segment, kTcpAck) && !has(segment, kTcpSyn) &&
         !has(segment, kTcpRst);
}

void pick_up(Progress& progress, Track& track, const Segment& segment) {
  constexpr uint32_t kLargestWindow = uint32_t{0xffff} << kMaxScale;
  track = {};
  track.end[0] = segment.end;
  track.end[1] = segment.acknowledgement;
  track.max_end[0] = segment.end + kLargestWindow;
  track.max_end[1] =
      segment.acknowledgement + std::max(uint32_t{segment.window} << kMaxScale, uint32_t{1});
  track.last_ack[0] = static_cast<uint16_t>(segment.acknowledgement);
  track.last_ack[1] = static_cast<uint16_t>(segment.sequence);
  Window window = Window::of(kMaxScale);
  window.log = 0x0f;
  progress = {State::syn_received,
              static_cast<uint8_t>(kPickedUp | syn_acked(Role::responder)),
              {window, window}};
  if (has(segment, kTcpFin)) progress.seen |= fin_sent(Role::initiator);
}

Verdict check(const Progress& progress, const Track& track, Role from, const Segment& segment) {
  if (!has_legal_flags(segment)) return Verdict::illegal_flags;
  if (has(segment, kTcpRst)) return check_reset(progress, track, from, segment);
  if (progress.state == State::syn_sent) return check_before_answer(track, from, segment);
  if (segment.is_plain_syn()) {
    // RFC 5961 §4.2: whatever its number, a live connection answers it with an acknowledgement and
    // goes on. A peer that lost its memory resets the old connection on that answer.
    return progress.is_over() ? Verdict::reopens : Verdict::ignored;
  }
  if (is_unanswered(progress)) return Verdict::out_of_window;
  const Verdict verdict = check_window(progress, track, from, segment);
  const bool late_syn = has(segment, kTcpSyn) && !repeats_syn(progress, track, from, segment);
  return verdict == Verdict::ok && late_syn ? Verdict::ignored : verdict;
}

void advance(Progress& progress, Track& track, Role from, const Segment& segment) {
  if (has(segment, kTcpRst)) {
    if (progress.state == State::syn_sent) progress.seen |= kUnanswered;
    progress.state = State::closed;
    return;
  }
  if (progress.state == State::syn_sent) {
    if (from == Role::initiator) {
      start(progress, track, segment);
    } else {
      answer(progress, track, segment);
    }
    return;
  }
  raise_windows(progress, track, from, segment);
  const size_t self = index_of(from);
  const Role peer = other(from);
  if (progress.seen & kPickedUp) raise(track.end[index_of(peer)], segment.acknowledgement);
  if (progress.seen & syn_acked(peer)) {
    note_ack(track.last_ack[self], segment.acknowledgement);
  } else {
    progress.seen |= syn_acked(peer);  // else check() had refused it
    track.last_ack[self] = static_cast<uint16_t>(segment.acknowledgement);
  }
  if (progress.state == State::closed) return;
  // A FIN is the last that its sender sends: one before data that was sent already ends nothing.
  if (has(segment, kTcpFin) && segment.end == track.end[self]) progress.seen |= fin_sent(from);
  if ((progress.seen & fin_sent(peer)) && segment.acknowledgement == track.end[index_of(peer)]) {
    progress.seen |= fin_acked(peer);
  }
  progress.state = state_after(progress);
}

bool may_have_sent(const Progress& progress, const Track& track, Role from, uint32_t sequence) {
  const uint32_t end = track.end[index_of(from)];
  if (progress.state == State::syn_sent) {
    return from == Role::initiator && !before(sequence, first_number(track)) &&
           !after(sequence, end);
  }
  const Role peer = other(from);
  const auto unacknowledged =
      static_cast<uint16_t>(static_cast<uint16_t>(end) - track.last_ack[index_of(peer)]);
  const uint32_t oldest = end - unacknowledged - progress.windows[index_of(peer)].bytes();
  return !before(sequence, oldest) && !after(sequence, end);
}

}  // namespace butterfly::tcp
