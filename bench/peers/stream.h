// SPDX-License-Identifier: Apache-2.0
// One measurement: sends from one or both ends for a time (or a number of packets), counts what
// arrives at the other end in windows, and takes the time that packets spend on the way.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/peers/arrivals.h"
#include "bench/peers/course.h"
#include "bench/peers/end.h"
#include "bench/peers/histogram.h"
#include "bench/peers/sender.h"

namespace butterfly::peers {

struct StreamOptions {
  FlowRange flows;
  wire::Family family = wire::Family::v4;
  SegmentKind kind = SegmentKind::data;  // or syn: a new connection each packet
  std::vector<uint16_t> lengths{64};
  bool from_guest = true;
  bool from_wire = false;
  uint32_t warm_up_ms = 100;  // not counted in the windows
  uint32_t window_ms = 50;
  uint32_t milliseconds = 500;  // of windows
  uint64_t packets = 0;         // not zero: end after so many from each end instead
  uint64_t rate_pps = 0;        // not zero: so many a second from each end, evenly
  uint32_t quiet_ms = 10;       // silence after which nothing more is on its way
  bool takes_time = false;      // fill `latency`
  bool reads_all = false;       // read every frame that arrives, not one a burst
};

struct StreamResult {
  uint64_t sent = 0;  // warm-up included, like what arrived
  uint64_t arrived = 0;
  uint64_t unread = 0;                 // of those looked at: not the segment that was sent
  uint64_t other = 0;                  // arrived with a length that no segment has: ARP, floods
  uint64_t acknowledgements_sent = 0;  // by an end that sends nothing else
  uint64_t acknowledgements_arrived = 0;
  uint64_t attempts = 0;  // to send a burst
  uint64_t held_up = 0;   // of these: the switch's ring was full
  double seconds = 0;     // from the first packet sent to the last that arrived
  std::vector<double> windows_pps;
  Histogram latency;    // TSC ticks
  std::string example;  // first bytes of the first frame that was not expected
};

class Stream {
 public:
  // The courses belong to the set of flows; both outlive the stream.
  Stream(const Network& network, End& guest, End& wire, const StreamOptions& options,
         Course& from_guest, Course& from_wire);
  StreamResult run();

 private:
  // What travels one way.
  struct Way {
    Direction direction;
    End* from;
    End* to;
    std::unique_ptr<Sender> sender;  // null: only acknowledgements go this way
    std::vector<uint16_t> lengths;   // with which its frames arrive
    uint64_t skipped = 0;            // of a paced stream: what it will not make up for
  };

  void open_way(Way& way);
  void send(Way& way, uint64_t now);
  uint16_t due(Way& way, uint64_t now) const;
  void receive(Way& way);
  void look_at(const Way& way, const rte_mbuf& packet);
  void take_stamp(const Way& way, const rte_mbuf& packet, uint64_t now);
  void take_other(Way& way, rte_mbuf* packet);
  void keep_example(const rte_mbuf& packet);
  void acknowledge(Way& quiet, const Way& busy);
  void note_windows(uint64_t now);
  bool is_over(uint64_t now) const;
  void drain();
  Course& course_of(Direction direction) const {
    return direction == Direction::from_guest ? guest_course_ : wire_course_;
  }

  const Network& network_;
  StreamOptions options_;
  Course& guest_course_;
  Course& wire_course_;
  Way ways_[2];
  SegmentWriter pure_ack_;  // of the end that sends no data
  uint64_t ack_interval_;   // packets of the other end between two acknowledgements
  uint64_t next_ack_;
  uint32_t acknowledged_flow_ = 0;

  uint64_t hz_;
  uint64_t start_ = 0;
  uint64_t window_start_ = 0;
  uint64_t window_arrived_ = 0;  // at its start
  uint64_t last_arrival_ = 0;
  StreamResult result_;
};

}  // namespace butterfly::peers
