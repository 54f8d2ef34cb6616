// SPDX-License-Identifier: Apache-2.0
// How far one direction of a set of flows has got: whose turn it is, and the sequence numbers. All
// flows move on together, by one step a pass, so a few numbers stand for all of them. Kept from one
// measurement to the next, as the switch keeps the connections.
#pragma once

#include <cstdint>

#include "bench/peers/flow_order.h"

namespace butterfly::peers {

class Course {
 public:
  explicit Course(const FlowRange& flows) : flows_(flows), order_(flows) {}

  // The flow that sends next. When a pass ends with that, sequence numbers go up by `step`, the
  // longest payload of the pass.
  uint32_t next_flow(uint32_t step) {
    bool begins = false;
    const uint32_t flow = order_.next(begins);
    if (begins && has_begun_) next_pass(step);
    has_begun_ = true;
    return flow;
  }
  // Bytes before the current pass; modulo 2^32, as TCP counts.
  uint32_t offset() const { return offset_; }
  // The start of an older pass, all of whose segments the switch has certainly taken: what the
  // other side may acknowledge. A switch refuses an acknowledgement of data that it has not seen.
  uint32_t settled() const { return settled_; }

 private:
  // More packets than rings and bursts between the two ends can hold.
  static constexpr uint64_t kInFlight = 8192;

  void next_pass(uint32_t step) {
    offset_ += step;
    since_ += flows_.count;
    if (since_ < kInFlight + flows_.count) return;
    settled_ = candidate_;
    candidate_ = offset_;
    since_ = 0;
  }

  FlowRange flows_;
  FlowOrder order_;
  bool has_begun_ = false;
  uint32_t offset_ = 0;
  uint32_t settled_ = 0;
  uint32_t candidate_ = 0;
  uint64_t since_ = 0;  // packets since the candidate's pass began
};

}  // namespace butterfly::peers
