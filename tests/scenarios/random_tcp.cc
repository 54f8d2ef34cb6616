// SPDX-License-Identifier: Apache-2.0
#include "scenarios/random_tcp.h"

#include "wire/headers.h"

namespace butterfly::scenario {
namespace {

using wire::kTcpAck;
using wire::kTcpFin;
using wire::kTcpPsh;
using wire::kTcpRst;
using wire::kTcpSyn;
using wire::kTcpUrg;

}  // namespace

TcpSegment RandomTcp::next(bool from_client, bool hostile) {
  if (hostile && stage_ != Stage::closed && dice_->percent(30)) return trouble(from_client);
  switch (stage_) {
    case Stage::closed:
      return open_up();
    case Stage::syn_sent:
      return answer_syn();
    case Stage::syn_received:
      return end_handshake();
    case Stage::open:
      return go_on(from_client, hostile);
    case Stage::closing:
      return finish(from_client);
    case Stage::over:
      break;
  }
  if (dice_->percent(70)) return segment(from_client, kTcpAck, 0);
  return open_up();  // the same ports again
}

void RandomTcp::begin() {
  constexpr uint16_t kWindows[] = {4'000, 30'000, 64'000};
  for (Side& side : sides_) {
    // Now and then sequence numbers wrap soon.
    side.first = dice_->percent(20) ? 0xffff'ffff - dice_->below(20'000) : dice_->word();
    side.next = side.limit = side.first + 1;
    side.last = 0;
    side.window = dice_->pick(kWindows);
    side.scale = dice_->percent(70) ? static_cast<int>(dice_->below(8)) : -1;
    side.is_done = false;
  }
  left_ = 20 + dice_->below(400);
}

TcpSegment RandomTcp::syn(bool from_client, uint8_t flags) {
  TcpSegment syn = segment(from_client, flags, 0);
  syn.sequence = side(from_client).first;
  syn.scale = side(from_client).scale;
  return syn;
}

TcpSegment RandomTcp::open_up() {
  begin();
  stage_ = Stage::syn_sent;
  return syn(true, kTcpSyn);
}

TcpSegment RandomTcp::answer_syn() {
  const uint32_t chance = dice_->below(100);
  if (chance < 4) return syn(true, kTcpSyn);   // repeated
  if (chance < 5) return syn(false, kTcpSyn);  // both open at once
  if (chance < 7) {                            // nobody listens there
    stage_ = Stage::closed;
    TcpSegment reset = segment(false, kTcpRst | kTcpAck, 0);
    reset.sequence = 0;
    return reset;
  }
  stage_ = Stage::syn_received;
  return syn(false, kTcpSyn | kTcpAck);
}

TcpSegment RandomTcp::end_handshake() {
  if (dice_->percent(4)) return syn(false, kTcpSyn | kTcpAck);  // repeated
  stage_ = Stage::open;
  return segment(true, kTcpAck, dice_->percent(20) ? 100 : 0);
}

TcpSegment RandomTcp::go_on(bool from_client, bool hostile) {
  if (left_ == 0 || --left_ == 0) {
    stage_ = Stage::closing;
    return finish(from_client);
  }
  Side& self = side(from_client);
  if (dice_->below(200) < (hostile ? 10 : 1)) {
    self.window = static_cast<uint16_t>(dice_->below(65'536));
  }
  if (dice_->below(200) < (hostile ? 10 : 1) && self.last != 0) {  // sent again
    TcpSegment again = segment(from_client, kTcpAck, 0);
    again.sequence -= self.last;
    again.length = self.last;
    return again;
  }
  const uint32_t chance = dice_->below(100);
  if (chance < 30) return segment(from_client, kTcpAck, 0);
  const auto length = static_cast<uint16_t>(1 + dice_->below(chance < 95 ? 300 : 1'440));
  if (!may_send(from_client, length)) return segment(from_client, kTcpAck, 0);
  self.last = length;
  return segment(from_client, chance < 60 ? kTcpAck : kTcpAck | kTcpPsh, length);
}

TcpSegment RandomTcp::finish(bool from_client) {
  if (side(from_client).is_done) from_client = !from_client;
  Side& self = side(from_client);
  if (self.is_done || dice_->percent(10)) {
    stage_ = Stage::over;
    return segment(from_client, dice_->percent(20) ? kTcpRst : kTcpAck, 0);
  }
  if (dice_->percent(50)) return segment(from_client, kTcpAck, 10);
  const TcpSegment fin = segment(from_client, kTcpFin | kTcpAck, 0);
  self.is_done = true;
  ++self.next;
  return fin;
}

// Guesses, echoes of the past, and what a scanner sends. What the honest sides know stays.
TcpSegment RandomTcp::trouble(bool from_client) {
  const std::array<Side, 2> before = sides_;
  TcpSegment odd = segment(from_client, kTcpAck, static_cast<uint16_t>(dice_->below(600)));
  sides_ = before;
  const int32_t little = static_cast<int32_t>(dice_->below(3'000)) - 1'500;
  switch (dice_->below(14)) {
    case 0:
      odd.sequence += dice_->word();
      break;
    case 1:
      odd.acknowledgement += dice_->word();
      break;
    case 2:
      odd.sequence += static_cast<uint32_t>(little);
      break;
    case 3:
      odd.acknowledgement += static_cast<uint32_t>(little);
      break;
    case 4:  // keep-alive
      --odd.sequence;
      odd.length = 0;
      break;
    case 5:
      odd.flags = kTcpRst;
      odd.length = 0;
      if (dice_->percent(50)) {
        odd.sequence += static_cast<uint32_t>(little);
      } else {
        stage_ = Stage::over;
      }
      break;
    case 6:
      odd.flags = dice_->percent(50) ? kTcpSyn : kTcpSyn | kTcpAck;
      odd.scale = 14;
      break;
    case 7:
      odd.flags = static_cast<uint8_t>(dice_->word());
      break;
    case 8:
      odd.flags = kTcpFin | kTcpAck;
      break;
    case 9:
      odd.window = dice_->percent(50) ? 0 : 65'535;
      break;
    case 10:
      odd.flags = kTcpAck | kTcpUrg | kTcpPsh;
      odd.sequence += 64'000;
      break;
    case 11:  // beyond what the tunnel carries
      odd.length = static_cast<uint16_t>(1'390 + dice_->below(200));
      break;
    case 12:
      odd = syn(from_client, kTcpSyn);
      break;
    default:
      odd.flags = 0;
  }
  return odd;
}

TcpSegment RandomTcp::segment(bool from_client, uint8_t flags, uint16_t length) {
  Side& self = side(from_client);
  TcpSegment segment;
  segment.from_client = from_client;
  segment.sequence = self.next;
  segment.acknowledgement = (flags & kTcpAck) != 0 ? side(!from_client).next : 0;
  segment.flags = flags;
  segment.window = self.window;
  segment.length = length;
  self.next += length;
  Side& peer = side(!from_client);
  const bool is_scaled = (flags & kTcpSyn) == 0 && self.scale >= 0 && peer.scale >= 0;
  const uint32_t limit =
      segment.acknowledgement + (uint32_t{segment.window} << (is_scaled ? self.scale : 0));
  if ((flags & kTcpAck) != 0 && static_cast<int32_t>(limit - peer.limit) > 0) peer.limit = limit;
  return segment;
}

bool RandomTcp::may_send(bool from_client, uint16_t length) {
  const Side& self = side(from_client);
  return static_cast<int32_t>(self.limit - (self.next + length)) >= 0;
}

}  // namespace butterfly::scenario
