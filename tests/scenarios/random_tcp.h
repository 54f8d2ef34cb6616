// SPDX-License-Identifier: Apache-2.0
// A TCP connection as two hosts, a lossy network and an attacker would make it, segment by segment
// (RFC 9293, 7323, 5961): most of it is data and acknowledgements, as in life.
#pragma once

#include <array>
#include <cstdint>

#include "scenarios/dice.h"

namespace butterfly::scenario {

struct TcpSegment {
  bool from_client = true;
  uint32_t sequence = 0;
  uint32_t acknowledgement = 0;
  uint8_t flags = 0;
  uint16_t window = 0;
  int scale = -1;
  uint16_t length = 0;
};

class RandomTcp {
 public:
  explicit RandomTcp(Dice& dice) : dice_(&dice) {}

  // What one side sends next; `from_client` is whose turn it would be once the connection is open.
  // With `hostile` set a third of it is what no honest host sends, or what a lost or repeated
  // packet looks like.
  TcpSegment next(bool from_client, bool hostile);
  // Whether the next segment is part of a handshake, so that it had better arrive before another.
  bool is_opening() const { return stage_ < Stage::open; }

 private:
  enum class Stage : uint8_t { closed, syn_sent, syn_received, open, closing, over };
  struct Side {
    uint32_t first = 0;    // of its sequence numbers
    uint32_t next = 0;     // to be sent
    uint32_t limit = 0;    // up to where its peer lets it send
    uint16_t last = 0;     // bytes of its last segment with data
    uint16_t window = 0;   // that it offers
    int scale = -1;        // that it offers
    bool is_done = false;  // has sent FIN
  };

  void begin();
  TcpSegment open_up();
  TcpSegment answer_syn();
  TcpSegment end_handshake();
  TcpSegment go_on(bool from_client, bool hostile);
  TcpSegment finish(bool from_client);
  TcpSegment trouble(bool from_client);
  TcpSegment segment(bool from_client, uint8_t flags, uint16_t length);
  TcpSegment syn(bool from_client, uint8_t flags);
  Side& side(bool from_client) { return sides_[from_client ? 0 : 1]; }
  bool may_send(bool from_client, uint16_t length);

  Dice* dice_;
  Stage stage_ = Stage::closed;
  std::array<Side, 2> sides_;
  uint32_t left_ = 0;  // segments until it ends
};

}  // namespace butterfly::scenario
