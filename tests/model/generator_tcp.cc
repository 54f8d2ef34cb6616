// SPDX-License-Identifier: Apache-2.0
// Of Generator: TCP segments, honest and not, around what the reference knows of the connection.
#include <algorithm>

#include "model/generator.h"

namespace butterfly::model {
namespace {

constexpr uint32_t kFarAway = 1U << 28;

}  // namespace

TcpSegment Generator::segment(const TcpReference* tcp, bool by_initiator) {
  if (!tcp || (tcp->is_over() && dice_.percent(60))) return opening();
  if (tcp->phase() == TcpReference::Phase::syn_sent) return before_answer(*tcp, by_initiator);
  return going_on(*tcp, by_initiator);
}

uint16_t Generator::some_window() {
  static constexpr uint16_t kWindows[] = {0, 1, 200, 4'000, 4'000, 30'000, 30'000, 65'535, 65'535};
  return dice_.percent(85) ? dice_.pick(kWindows) : static_cast<uint16_t>(dice_.below(65'536));
}

int Generator::some_scale() {
  return dice_.percent(35) ? -1 : static_cast<int>(dice_.below(dice_.percent(80) ? 5 : 16));
}

int64_t Generator::around(int64_t number, uint32_t distance) {
  return number + static_cast<int64_t>(dice_.below(2 * distance + 1)) - distance;
}

// What comes first: mostly a SYN.
TcpSegment Generator::opening() {
  static constexpr uint8_t kOthers[] = {kAck, kAck,        kAck | kPsh, kSyn | kAck,
                                        kRst, kRst | kAck, kFin | kAck, kFin,
                                        0,    kSyn | kFin, kSyn | kRst};
  TcpSegment segment;
  segment.flags = dice_.percent(82) ? uint8_t{kSyn} : dice_.pick(kOthers);
  // Now and then numbers wrap soon.
  segment.sequence = dice_.percent(20) ? 0xffff'ffff - dice_.below(20'000) : dice_.word();
  segment.acknowledgement = segment.has(kAck) ? dice_.word() : 0;
  segment.window = some_window();
  if (segment.has(kSyn)) segment.scale = some_scale();
  if (dice_.percent(segment.has(kSyn) ? 8 : 50)) {
    segment.length = static_cast<uint16_t>(dice_.below(600));  // RFC 7413 with a SYN
  }
  return segment;
}

TcpSegment Generator::before_answer(const TcpReference& tcp, bool by_initiator) {
  const TcpReference::Side& initiator = tcp.side(true);
  TcpSegment segment;
  segment.window = some_window();
  segment.sequence = dice_.percent(20) ? 0xffff'ffff - dice_.below(20'000) : dice_.word();
  const uint32_t chance = dice_.below(100);
  if (by_initiator) {
    const bool is_again = dice_.percent(60);
    if (is_again) segment.sequence = static_cast<uint32_t>(initiator.first);
    segment.flags = chance < 60 ? kSyn : chance < 75 ? kAck : chance < 90 ? kRst : kFin | kAck;
    if (segment.has(kSyn)) segment.scale = some_scale();
    if (segment.flags != kSyn && dice_.percent(70)) {
      segment.sequence = static_cast<uint32_t>(initiator.end);
    }
    return segment;
  }
  segment.acknowledgement = static_cast<uint32_t>(
      dice_.percent(85) ? initiator.end
                        : around(initiator.first, dice_.percent(70) ? 3 : kFarAway));
  segment.flags = chance < 74   ? kSyn | kAck
                  : chance < 82 ? kSyn
                  : chance < 87 ? kRst | kAck
                  : chance < 89 ? kRst
                                : kAck;
  if (segment.has(kSyn)) segment.scale = some_scale();
  if (segment.flags == kAck && dice_.percent(40)) segment.length = 10;
  return segment;
}

uint8_t Generator::flags_going_on(const TcpReference& tcp, bool by_initiator) {
  const uint32_t chance = dice_.below(1000);
  if (chance < 50) return kFin | kAck;
  if (chance < 75) return dice_.percent(50) ? uint8_t{kRst} : uint8_t{kRst | kAck};
  if (chance < 95) return kSyn;
  if (chance < 115) return kSyn | kAck;
  if (chance < 125) return static_cast<uint8_t>(dice_.below(256));
  // A simultaneous start goes on with these.
  const bool opens =
      tcp.phase() == TcpReference::Phase::simultaneous && !tcp.side(by_initiator).has_acked;
  if (opens && dice_.percent(60)) return kSyn | kAck;
  return dice_.percent(50) ? uint8_t{kAck} : uint8_t{kAck | kPsh};
}

int64_t Generator::sequence_going_on(const TcpReference& tcp, bool by_initiator,
                                     const TcpSegment& segment) {
  const TcpReference::Side& self = tcp.side(by_initiator);
  const TcpReference::Side& peer = tcp.side(!by_initiator);
  const bool is_handshake = segment.has(kSyn) && dice_.percent(80);
  if (is_handshake) return self.first;
  const uint32_t chance = dice_.below(100);
  if (chance < 58) return self.end;
  if (chance < 66) return self.end - segment.length;  // sent again
  if (chance < 70) return peer.has_acked ? peer.acked : self.first;
  if (chance < 73) return self.end - 1;  // keep-alive
  if (chance < 78) return self.limit - segment.length;
  if (chance < 82) return self.limit - segment.length + 1;
  if (chance < 90) {  // something before it was lost
    const int64_t room = std::clamp<int64_t>(self.limit - self.end, 0, kFarAway);
    return self.end + dice_.below(static_cast<uint32_t>(room) + 1);
  }
  if (chance < 93) return self.end - peer.widest;
  if (chance < 96) return self.end - 3 * peer.widest - 40'000;
  return around(self.end, dice_.percent(50) ? 100'000 : kFarAway);
}

int64_t Generator::acknowledgement_going_on(const TcpReference& tcp, bool by_initiator) {
  const TcpReference::Side& self = tcp.side(by_initiator);
  const TcpReference::Side& peer = tcp.side(!by_initiator);
  const uint32_t chance = dice_.below(100);
  if (chance < 70) return peer.end;
  if (chance < 78) return self.has_acked ? self.acked : peer.first;
  if (chance < 84) return peer.first + 1;
  if (chance < 90) return peer.end - dice_.below(3'000);
  if (chance < 93) return peer.end + 1;
  if (chance < 96) return peer.end - 70'000;
  return around(peer.end, dice_.percent(50) ? 200'000 : kFarAway);
}

TcpSegment Generator::going_on(const TcpReference& tcp, bool by_initiator) {
  TcpSegment segment;
  segment.flags = flags_going_on(tcp, by_initiator);
  segment.window = some_window();
  if (segment.has(kSyn)) segment.scale = some_scale();
  const bool carries_data = !segment.has(kSyn) && !segment.has(kRst) && dice_.percent(50);
  if (carries_data) segment.length = static_cast<uint16_t>(1 + dice_.below(1'300));
  segment.sequence = static_cast<uint32_t>(sequence_going_on(tcp, by_initiator, segment));
  if (segment.has(kAck)) {
    segment.acknowledgement = static_cast<uint32_t>(acknowledgement_going_on(tcp, by_initiator));
  }
  return segment;
}

}  // namespace butterfly::model
