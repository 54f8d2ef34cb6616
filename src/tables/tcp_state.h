// SPDX-License-Identifier: Apache-2.0
// TCP as a firewall in the middle sees it: which segments can belong to a connection.
// Sources: RFC 9293; van Rooij, "Real Stateful TCP Packet Filtering in IP Filter" (2000), the four
// bounds; RFC 7323 (window scale), 5961 (blind RST and SYN), 7413 (data with SYN).
#pragma once

#include <cstdint>
#include <span>

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

  bool is_plain_syn() const;
};

// Reads a segment of `length` bytes whose first ones are `bytes`: the header at least, else the
// result has no flags, which is illegal.
Segment read_segment(std::span<const uint8_t> bytes, uint16_t length);

// Per role: sequence numbers of what that side sends.
struct Track {
  uint32_t end[2];      // highest sequence number sent, plus one
  uint32_t max_end[2];  // up to where its peer's windows let it send
  uint32_t max_ack[2];  // highest acknowledgement that it sent; the peer's first number before any
  uint16_t max_win[2];  // largest window that it offered, in units of its scale
};
static_assert(sizeof(Track) == 28);

struct Progress {
  State state;
  uint8_t seen;    // bits: SYN acknowledged, FIN sent, FIN acknowledged, two each
  uint8_t scales;  // initiator's in the low half; offers while syn_sent, then what counts

  bool is_over() const { return state == State::time_wait || state == State::closed; }
};
static_assert(sizeof(Progress) == 3);

// What a first segment is: ok, illegal_flags or mid_stream.
Verdict check_first(const Segment& segment);
// Begins a connection. REQUIRES: check_first() was ok.
void start(Progress& progress, Track& track, const Segment& syn);

// What the segment is to the connection. Changes nothing.
Verdict check(const Progress& progress, const Track& track, Role from, const Segment& segment);
// Takes the segment into account. REQUIRES: check() was ok.
void advance(Progress& progress, Track& track, Role from, const Segment& segment);

// Whether the segment would begin a new connection in place of this one: port reuse.
inline bool would_reopen(const Progress& progress, const Segment& segment) {
  return progress.is_over() && segment.is_plain_syn();
}

// Whether `from` may have sent a segment with this number lately: for ICMP errors (RFC 5927 §4).
bool may_have_sent(const Progress& progress, const Track& track, Role from, uint32_t sequence);

}  // namespace tcp
}  // namespace butterfly
