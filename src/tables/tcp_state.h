// SPDX-License-Identifier: Apache-2.0
// TCP as a firewall in the middle sees it: which segments can belong to a connection.
// Sources: RFC 9293; van Rooij, "Real Stateful TCP Packet Filtering in IP Filter" (2000), the four
// bounds; RFC 7323 (window scale), 5961 (blind RST and SYN), 7413 (data with SYN).
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "wire/headers.h"

namespace butterfly {

// Who sent the first packet of a flow, and who answers.
enum class Role : uint8_t { initiator, responder };
constexpr Role other(Role role) {
  return role == Role::initiator ? Role::responder : Role::initiator;
}

namespace tcp {

enum class State : uint8_t {
  none,          // not TCP
  syn_sent,      // a SYN from the initiator
  simultaneous,  // a SYN from both, none of them acknowledged yet
  syn_received,  // SYN-ACK seen, its acknowledgement not
  established,
  half_closed,  // one side has sent FIN
  closing,      // both have, not both are acknowledged
  time_wait,    // both FINs acknowledged
  closed,       // ended by a RST
};

enum class Verdict : uint8_t {
  ok,             // part of the connection: pass, then advance()
  ignored,        // pass and change nothing, not even the idle time
  out_of_window,  // sequence numbers outside what the receiver offered or still remembers
  bad_ack,        // acknowledges data never sent, or far too old
  bad_rst,        // a RST that does not hit the expected sequence number (RFC 5961 §3.2)
  illegal_flags,  // a combination of flags that no TCP sends
  mid_stream,     // no connection, and not a plain SYN
  reopens,        // a SYN on a connection that is over: a new one, if the rules allow it
};

// PSH, URG and the ECN bits say nothing of where a connection is.
inline constexpr uint8_t kFlagsThatCount =
    wire::kTcpSyn | wire::kTcpFin | wire::kTcpRst | wire::kTcpAck;

// The scale of a SYN without the window scale option.
inline constexpr uint8_t kNoScale = 15;

// What tracking needs of a segment.
struct Segment {
  uint32_t sequence = 0;
  uint32_t acknowledgement = 0;
  uint32_t end = 0;     // sequence + payload + one for SYN + one for FIN
  uint16_t window = 0;  // as in the header, unscaled
  uint8_t flags = 0;
  uint8_t scale = kNoScale;  // offered by a SYN, at most 14

  bool is_plain_syn() const { return (flags & kFlagsThatCount) == wire::kTcpSyn; }
};

// Reads a segment of `length` bytes whose first ones are `bytes`: the header at least, else the
// result has no flags, which is illegal.
Segment read_segment(std::span<const uint8_t> bytes, uint16_t length);

// Per role of the sender. Sequence numbers wrap (RFC 9293 §3.4).
struct Track {
  uint32_t end[2];      // highest sequence number sent, plus one
  uint32_t max_end[2];  // up to where its peer's windows let it send
  uint16_t
      last_ack[2];  // low half of its highest acknowledgement; of its peer's first number before
};
static_assert(sizeof(Track) == 20);

// The largest window that a side has offered is kept as a power of two: 2 << log, in units of its
// scale. It bounds only how old a segment may be, where up to twice too lenient does no harm; how
// far a side may send is exact (Track::max_end).
struct Window {
  uint8_t log : 4;
  uint8_t scale : 4;  // an offer while syn_sent, then what counts

  static Window of(unsigned scale) {
    Window window{};
    window.scale = scale & 0x0f;
    return window;
  }
  uint32_t units() const { return 2U << log; }
  uint32_t bytes() const { return units() << scale; }
};

struct Progress {
  State state;
  uint8_t seen;  // bits: SYN acknowledged, FIN sent, FIN acknowledged, two each; picked up; reset
                 // unanswered
  Window windows[2];  // by Role of who offers

  bool is_over() const { return state == State::time_wait || state == State::closed; }
};
static_assert(sizeof(Progress) == 4);

// What a segment that is no plain SYN is as a first one: illegal_flags or mid_stream.
Verdict check_first_but_syn(const Segment& segment);
// What a first segment is: ok, illegal_flags or mid_stream.
inline Verdict check_first(const Segment& segment) {
  return segment.is_plain_syn() ? Verdict::ok : check_first_but_syn(segment);
}
// Begins a connection. REQUIRES: check_first() was ok.
inline void start(Progress& progress, Track& track, const Segment& syn) {
  track = {};
  track.end[0] = track.max_end[0] = syn.end;
  track.end[1] = syn.sequence;
  track.max_end[1] = syn.window;
  track.last_ack[1] = static_cast<uint16_t>(syn.sequence);
  progress = {State::syn_sent, 0, {Window::of(syn.scale), {}}};
}

// Whether a segment that is mid_stream can tell where its connection is: neither a reset nor an
// answer to a SYN.
bool may_pick_up(const Segment& segment);
// Takes up a connection whose beginning nobody has seen; the sender counts as its initiator. Until
// the other side answers it is syn_received. Scales are unknown: the largest are assumed, and
// acknowledgements of what was sent before may come. REQUIRES: may_pick_up().
void pick_up(Progress& progress, Track& track, const Segment& segment);

// What the segment is to the connection. Changes nothing.
Verdict check(const Progress& progress, const Track& track, Role from, const Segment& segment);
// Takes the segment into account. REQUIRES: check() was ok.
void advance(Progress& progress, Track& track, Role from, const Segment& segment);

// Whether all up to `end` has been taken into account: a first fragment that ends there was, or
// brought nothing new. (One that was refused and brought nothing new looks the same: what follows
// it is of no use to its receiver, who lacks the first.)
inline bool has_reached(const Track& track, Role from, uint32_t end) {
  return static_cast<int32_t>(end - track.end[static_cast<size_t>(from)]) <= 0;
}
// A segment that came in fragments, the first of which was taken into account, reaches at least to
// `end`: as far as its receiver has room for it.
inline void extend(Track& track, Role from, uint32_t end) {
  const auto self = static_cast<size_t>(from);
  const auto is_more = static_cast<int32_t>(end - track.end[self]) > 0;
  const auto fits = static_cast<int32_t>(track.max_end[self] - end) >= 0;
  if (is_more && fits) track.end[self] = end;
}

// The same two for what nearly all segments are: data or an acknowledgement, not older than what
// its sender sent before, inside the windows of an established connection. True when it was one and
// is taken into account; else nothing has changed, and check() must be asked. `length` is that of
// header and payload, as IP states it. REQUIRES: the header is whole (parse has seen that).
[[gnu::always_inline]] inline bool take_usual(const Progress& progress, Track& track, Role from,
                                              const wire::TcpHeader& header, uint16_t length);

// Whether the segment would begin a new connection in place of this one: port reuse.
inline bool would_reopen(const Progress& progress, const Segment& segment) {
  return progress.is_over() && segment.is_plain_syn();
}

// Whether `from` may have sent a segment with this number lately: for ICMP errors (RFC 5927 §4).
bool may_have_sent(const Progress& progress, const Track& track, Role from, uint32_t sequence);

// Beyond this line: how the above is done.

inline bool is_after(uint32_t a, uint32_t b) { return static_cast<int32_t>(a - b) > 0; }

// How far an acknowledgement may lag at least: 64 KiB and a bit (van Rooij §4.3), as segments of
// the largest unscaled window may still be on their way.
inline constexpr uint32_t kMinAckLag = 66'000;

// An acknowledgement that is a little behind was overtaken on its way, and is not the latest.
// 16 bits tell neither from one that is nearly 64 KiB ahead; the next one will.
inline constexpr uint16_t kOvertaken = 16'384;
inline void note_ack(uint16_t& last_ack, uint32_t acknowledgement) {
  const auto now = static_cast<uint16_t>(acknowledgement);
  const auto behind = static_cast<uint16_t>(last_ack - now);
  last_ack = behind < kOvertaken ? last_ack : now;
}

bool take_usual(const Progress& progress, Track& track, Role from, const wire::TcpHeader& header,
                uint16_t length) {
  if (progress.state != State::established || (header.flags & kFlagsThatCount) != wire::kTcpAck)
      [[unlikely]]
    return false;
  const auto self = static_cast<size_t>(from);
  const size_t peer = self ^ 1;
  const Window own = progress.windows[self];
  const uint32_t acknowledgement = header.acknowledgement;
  const uint32_t window = header.window;
  const uint32_t end = header.sequence + length - static_cast<uint32_t>(header.header_length());
  const uint32_t ahead = end - track.end[self];            // of what it sent before
  const uint32_t room = track.max_end[self] - end;         // that its peer has left
  const uint32_t lag = track.end[peer] - acknowledgement;  // behind what its peer has sent
  // None of the three may be negative.
  if (static_cast<int32_t>(ahead | room | lag) < 0 || window > own.units()) [[unlikely]]
    return false;
  if (lag > kMinAckLag && lag > own.bytes()) [[unlikely]]
    return false;
  // One byte beyond a closed window is the probe (RFC 9293 §3.8.6.1).
  const uint32_t edge = acknowledgement + std::max(window << own.scale, 1U);
  if (is_after(edge, track.max_end[peer])) track.max_end[peer] = edge;
  track.end[self] = end;
  note_ack(track.last_ack[self], acknowledgement);
  return true;
}

}  // namespace tcp
}  // namespace butterfly
