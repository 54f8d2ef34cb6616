// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/opening.h"

#include <rte_cycles.h>

#include <algorithm>
#include <array>

namespace butterfly::peers {
namespace {

// Handshakes under way at once: few enough for no ring to overflow.
constexpr uint32_t kMostWaiting = 256;
// Silence after which the flows that are not open begin again, and how often.
constexpr uint64_t kRetryMs = 100;
constexpr uint32_t kMostRounds = 50;
constexpr uint64_t kQuietMs = 10;

}  // namespace

Opening::Opening(const Network& network, End& guest, End& wire, const FlowRange& flows,
                 wire::Family family)
    : network_(network),
      guest_(guest),
      wire_(wire),
      flows_(flows),
      order_(flows),
      syn_(network, {Direction::from_guest, family, SegmentKind::syn}),
      syn_ack_(network, {Direction::from_wire, family, SegmentKind::syn_ack}),
      guest_ack_(network, {Direction::from_guest, family, SegmentKind::acknowledgement}),
      wire_ack_(network, {Direction::from_wire, family, SegmentKind::acknowledgement}),
      is_open_(flows.count, false),
      last_progress_(rte_rdtsc()) {}

uint32_t Opening::run() {
  while (open_ < flows_.count && rounds_ < kMostRounds) {
    send_syns();
    take_from(wire_, Direction::from_guest);
    take_from(guest_, Direction::from_wire);
    if (is_stuck()) {
      ++rounds_;
      asked_ = 0;
      waiting_ = 0;
      last_progress_ = rte_rdtsc();
    }
  }
  drain();
  return open_;
}

// A handshake that began twice, because its answer was late, still has segments under way.
void Opening::drain() {
  const uint64_t silence = rte_get_tsc_hz() / 1000 * kQuietMs;
  for (uint64_t last = rte_rdtsc(); rte_rdtsc() - last < silence;) {
    const uint16_t count = take_from(wire_, Direction::from_guest);
    if (count + take_from(guest_, Direction::from_wire) != 0) last = rte_rdtsc();
  }
}

void Opening::send_syns() {
  for (uint32_t sent = 0; sent < kBurst && waiting_ < kMostWaiting && asked_ < flows_.count;) {
    bool begins = false;
    const uint32_t flow = order_.next(begins);
    ++asked_;
    if (is_open_[flow - flows_.first]) continue;
    send(guest_, syn_, flow, kGuestFirstSequence, 0);
    ++waiting_;
    ++sent;
  }
}

uint16_t Opening::take_from(End& end, Direction direction) {
  std::array<rte_mbuf*, kBurst> packets;
  const uint16_t count = end.receive(packets);
  for (uint16_t i = 0; i < count; ++i) {
    rte_mbuf* packet = packets[i];
    const std::span bytes(rte_pktmbuf_mtod(packet, uint8_t*), rte_pktmbuf_data_len(packet));
    if (answer_arp(bytes, network_) && end.send({&packet, 1}) == 1) continue;
    const auto arrival = read_arrival(bytes, network_, direction);
    if (arrival && flows_.contains(arrival->flow)) take_segment(*arrival, direction);
    rte_pktmbuf_free(packet);
  }
  return count;
}

void Opening::take_segment(const Arrival& arrival, Direction direction) {
  const uint32_t flow = arrival.flow;
  const bool is_syn = (arrival.tcp_flags & wire::kTcpSyn) != 0;
  if (direction == Direction::from_guest) {
    send(wire_, is_syn ? syn_ack_ : wire_ack_, flow, kFarFirstSequence + (is_syn ? 0 : 1),
         kGuestFirstSequence + 1);
  } else if (is_syn) {
    send(guest_, guest_ack_, flow, kGuestFirstSequence + 1, kFarFirstSequence + 1);
  } else if (!is_open_[flow - flows_.first]) {
    is_open_[flow - flows_.first] = true;
    ++open_;
    waiting_ -= std::min(waiting_, 1U);
    last_progress_ = rte_rdtsc();
  }
}

void Opening::send(End& end, const SegmentWriter& writer, uint32_t flow, uint32_t sequence,
                   uint32_t acknowledgement) {
  rte_mbuf* packet = nullptr;
  if (!end.allocate({&packet, 1})) return;
  writer.write(rte_pktmbuf_mtod(packet, uint8_t*), flow, sequence, acknowledgement, 0);
  packet->data_len = writer.length();
  packet->pkt_len = writer.length();
  if (end.send({&packet, 1}) == 0) rte_pktmbuf_free(packet);  // begins again later
}

bool Opening::is_stuck() {
  return rte_rdtsc() - last_progress_ > rte_get_tsc_hz() / 1000 * kRetryMs;
}

}  // namespace butterfly::peers
