// SPDX-License-Identifier: Apache-2.0
// Sends the segments of a set of flows from one end, in random flow order, as fast as the switch
// takes them or as few as it is told to.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "bench/peers/course.h"
#include "bench/peers/end.h"
#include "bench/peers/network.h"
#include "bench/peers/segments.h"

namespace butterfly::peers {

struct SenderOptions {
  FlowRange flows;
  wire::Family family = wire::Family::v4;
  Direction direction = Direction::from_guest;
  SegmentKind kind = SegmentKind::data;
  std::vector<uint16_t> lengths{64};  // of frames, in turn
};

class Sender {
 public:
  // `own` is the course of what this end sends, `other` that of the other end: read for
  // acknowledgements. Both outlive the sender.
  Sender(const Network& network, End& end, const SenderOptions& options, Course& own,
         const Course& other);
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;
  ~Sender();

  // Sends up to `count` segments, at most kBurst, stamped `now`. What the ring did not take is the
  // first to go at the next call, with its old stamp: it has waited.
  uint16_t send(uint16_t count, uint32_t now);
  uint64_t sent() const { return sent_; }
  // The ring did not take all at the last call: the switch is slower than the sender.
  bool is_held_up() const { return first_ready_ != end_ready_; }
  // Lengths of frames, tunnel included, as this end sends them.
  const std::vector<SegmentWriter>& writers() const { return writers_; }

 private:
  void prepare(uint16_t count, uint32_t now);

  End& end_;
  SenderOptions options_;
  Course& own_;
  const Course& other_;
  std::vector<SegmentWriter> writers_;
  uint32_t step_ = 0;  // of the sequence numbers, in a pass: the longest payload
  size_t next_writer_ = 0;
  std::array<rte_mbuf*, kBurst> ready_;
  uint16_t first_ready_ = 0;
  uint16_t end_ready_ = 0;
  uint64_t sent_ = 0;
};

}  // namespace butterfly::peers
