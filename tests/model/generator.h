// SPDX-License-Identifier: Apache-2.0
// Chooses the next step of a world: mostly a packet of one of a few conversations, such as its
// ends, a lossy network or an attacker might send at this point; now and then a change or a while.
#pragma once

#include "model/reference.h"
#include "model/step.h"
#include "model/world.h"

namespace butterfly::model {

class Generator {
 public:
  Generator(uint64_t seed, const World& world);

  // What the generator knows of connections it asks the reference, at time `now`.
  Step next(const Reference& reference, const Intent& intent, int64_t now);

 private:
  struct Talk {
    unsigned segment = 0;
    bool is_v4 = true;
    unsigned client = 0;
    unsigned server = 0;
    bool is_shared = false;  // the client's address is the one that all nics have
    uint8_t protocol = 0;
    uint16_t client_port = 0;
    uint16_t server_port = 0;
    uint8_t icmp_type = 0;  // of the query; of a notice: what is neither query nor answer
    uint16_t icmp_id = 0;
  };

  Talk make_talk();
  Step change();
  Step bring_back(const Intent& intent);
  Step let_pass(const Intent& intent);
  Step set_knob();
  unsigned station_of_client(const Talk& talk);
  Packet packet_of(const Talk& talk, const Reference& reference, int64_t now);
  Datagram datagram_of(const Talk& talk, bool from_client) const;
  Packet error_about(const Talk& talk, const Reference& reference, int64_t now);

  // TCP: what the segment may be, by how far its connection is.
  TcpSegment segment(const TcpReference* tcp, bool by_initiator);
  TcpSegment opening();
  TcpSegment before_answer(const TcpReference& tcp, bool by_initiator);
  TcpSegment going_on(const TcpReference& tcp, bool by_initiator);
  uint8_t flags_going_on(const TcpReference& tcp, bool by_initiator);
  int64_t sequence_going_on(const TcpReference& tcp, bool by_initiator, const TcpSegment& segment);
  int64_t acknowledgement_going_on(const TcpReference& tcp, bool by_initiator);
  uint16_t some_window();
  int some_scale();
  int64_t around(int64_t number, uint32_t distance);

  Dice dice_;
  const World& world_;
  std::vector<Talk> talks_;
};

}  // namespace butterfly::model
