// SPDX-License-Identifier: Apache-2.0
// Opens flows by real handshakes through the switch under test: SYN from the guest, SYN-ACK from
// the wire, ACK from the guest, and an ACK from the wire that offers the scaled window.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/peers/arrivals.h"
#include "bench/peers/end.h"
#include "bench/peers/flow_order.h"
#include "bench/peers/network.h"
#include "bench/peers/segments.h"

namespace butterfly::peers {

class Opening {
 public:
  Opening(const Network& network, End& guest, End& wire, const FlowRange& flows,
          wire::Family family);

  // Returns when all flows are open, or nothing more comes of it for long (a switch that refuses
  // them), and nothing of the handshakes is under way any more; how many are open.
  uint32_t run();

 private:
  void send_syns();
  uint16_t take_from(End& end, Direction direction);
  void drain();
  void take_segment(const Arrival& arrival, Direction direction);
  void send(End& end, const SegmentWriter& writer, uint32_t flow, uint32_t sequence,
            uint32_t acknowledgement);
  bool is_stuck();

  const Network& network_;
  End& guest_;
  End& wire_;
  FlowRange flows_;
  FlowOrder order_;
  SegmentWriter syn_;
  SegmentWriter syn_ack_;
  SegmentWriter guest_ack_;
  SegmentWriter wire_ack_;
  std::vector<bool> is_open_;
  uint32_t open_ = 0;
  uint32_t asked_ = 0;  // of this round: flows whose turn has come
  uint32_t waiting_ = 0;
  uint64_t last_progress_;  // TSC
  uint32_t rounds_ = 0;
};

}  // namespace butterfly::peers
