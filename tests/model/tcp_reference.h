// SPDX-License-Identifier: Apache-2.0
// One TCP connection as a firewall in the middle should see it, written to be read: numbers are
// unwrapped to 64 bits, nothing is packed, rounded or remembered in part.
// Sources: RFC 9293; van Rooij, "Real Stateful TCP Packet Filtering in IP Filter" (2000); RFC 7323,
// 5961, 5927, 7413.
//
// Where a documented leniency makes the switch's answer depend on how it keeps its numbers, the
// reference has no opinion and says so (doubt()): up to twice the window in the past, a reset
// that has the low bits of the expected number or comes after acknowledgements far apart, distances
// that wrap.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "model/packet.h"

namespace butterfly::model {

// How far an acknowledgement may lag at least (van Rooij §4.3).
inline constexpr int64_t kLeastLag = 66'000;

// The number nearest to `near` that looks like `number` on the wire.
inline int64_t unwrapped(int64_t near, uint32_t number) {
  return near + static_cast<int32_t>(number - static_cast<uint32_t>(near));
}

enum class TcpFate : uint8_t {
  pass,
  ignored,  // passes and changes nothing
  illegal_flags,
  outside_window,
  bad_reset,
};

// Deliberate mistakes, to see that they are found.
struct TcpMistakes {
  bool forget_rst_check = false;
};

class TcpReference {
 public:
  enum class Phase : uint8_t {
    syn_sent,
    simultaneous,
    syn_received,
    established,
    half_closed,
    closing,
    time_wait,
    reset,
  };
  struct Side {
    int64_t first = 0;       // of its SYN
    int64_t end = 0;         // the highest number sent, plus one
    int64_t limit = 0;       // up to where its peer lets it send
    int64_t widest = 0;      // largest window that it has offered, in bytes
    int scale = -1;          // of its windows; while syn_sent as offered
    bool has_acked = false;  // its peer's SYN
    int64_t acked = 0;       // highest acknowledgement that it has sent
    int64_t last_acked = 0;  // latest
    bool has_leapt = false;  // one of its acknowledgements was 16 KiB behind, or nearly 64 ahead
    std::optional<int64_t> fin;  // the number after its FIN
    bool fin_is_acked = false;
  };

  static bool has_legal_flags(const TcpSegment& segment);
  static bool may_pick_up(const TcpSegment& segment);
  // A connection that begins with this SYN, or is taken up with this segment.
  static TcpReference started(const TcpSegment& syn);
  static TcpReference picked_up(const TcpSegment& segment);

  TcpFate check(bool by_initiator, const TcpSegment& segment, const TcpMistakes& mistakes) const;
  // REQUIRES: check() says pass.
  void advance(bool by_initiator, const TcpSegment& segment);
  // Whether that side may have sent a segment with this number lately.
  bool may_have_sent(bool by_initiator, uint32_t sequence) const;
  // Why the reference has no opinion about the segment; null: it has.
  const char* doubt(bool by_initiator, const TcpSegment& segment) const;
  const char* doubt_quote(bool by_initiator, uint32_t sequence) const;

  Phase phase() const { return phase_; }
  bool is_over() const { return phase_ == Phase::time_wait || phase_ == Phase::reset; }
  bool is_picked_up() const { return is_picked_up_; }
  const Side& side(bool initiator) const { return sides_[initiator ? 0 : 1]; }

 private:
  // A segment with its numbers unwrapped.
  struct Numbers {
    int64_t sequence;
    int64_t end;
    int64_t acknowledgement;
  };
  Side& side(bool initiator) { return sides_[initiator ? 0 : 1]; }
  Numbers unwrap(bool by_initiator, const TcpSegment& segment) const;
  TcpFate check_reset(bool by_initiator, const TcpSegment& segment) const;
  TcpFate check_before_answer(bool by_initiator, const TcpSegment& segment) const;
  TcpFate check_window(bool by_initiator, const TcpSegment& segment) const;
  const char* doubt_window(const Side& self, const Side& peer, const Numbers& numbers,
                           const TcpSegment& segment) const;
  bool answers_syn(const TcpSegment& segment) const;
  void answer(const TcpSegment& syn);
  void settle_phase();

  std::array<Side, 2> sides_;
  Phase phase_ = Phase::syn_sent;
  bool is_answered_ = false;  // the responder's numbers are known
  bool is_picked_up_ = false;
};

}  // namespace butterfly::model
