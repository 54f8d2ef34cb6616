// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/stream.h"

#include <rte_cycles.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>

namespace butterfly::peers {
namespace {

constexpr uint16_t kReceiveBurst = 64;
// Bytes that a flow may be ahead of its acknowledgements: a quarter of the window of 1 GiB.
constexpr uint64_t kUnacknowledged = 1 << 28;
// How long to wait for silence at most.
constexpr uint64_t kLongestDrainMs = 1000;
// A pacing that fell behind (a pause of the machine) does not make up for more than this.
constexpr uint64_t kMostOverdue = 256;

// As a frame of that inner length looks at the other end.
uint16_t arriving_length(const Network& network, Direction direction, uint16_t sent_length) {
  if (!network.is_tunnelled) return sent_length;
  return static_cast<uint16_t>(direction == Direction::from_guest ? sent_length + kTunnelBytes
                                                                  : sent_length - kTunnelBytes);
}

SegmentShape pure_ack_shape(const StreamOptions& options) {
  const auto from = options.from_guest ? Direction::from_wire : Direction::from_guest;
  return {from, options.family, SegmentKind::acknowledgement};
}

uint64_t ack_interval(const StreamOptions& options) {
  const uint64_t longest = *std::max_element(options.lengths.begin(), options.lengths.end());
  return kUnacknowledged / longest;
}

}  // namespace

Stream::Stream(const Network& network, End& guest, End& wire, const StreamOptions& options,
               Course& from_guest, Course& from_wire)
    : network_(network),
      options_(options),
      guest_course_(from_guest),
      wire_course_(from_wire),
      pure_ack_(network, pure_ack_shape(options)),
      ack_interval_(ack_interval(options)),
      next_ack_(ack_interval_),
      hz_(rte_get_tsc_hz()) {
  ways_[0] = {Direction::from_guest, &guest, &wire, nullptr, {}};
  ways_[1] = {Direction::from_wire, &wire, &guest, nullptr, {}};
  for (Way& way : ways_) open_way(way);
}

void Stream::open_way(Way& way) {
  const bool is_guest = way.direction == Direction::from_guest;
  if (is_guest ? options_.from_guest : options_.from_wire) {
    const SenderOptions options{options_.flows, options_.family, way.direction, options_.kind,
                                options_.lengths};
    way.sender = std::make_unique<Sender>(network_, *way.from, options, course_of(way.direction),
                                          course_of(opposite(way.direction)));
    for (const SegmentWriter& writer : way.sender->writers()) {
      way.lengths.push_back(arriving_length(network_, way.direction, writer.length()));
    }
    std::sort(way.lengths.begin(), way.lengths.end());
    way.lengths.erase(std::unique(way.lengths.begin(), way.lengths.end()), way.lengths.end());
  } else {
    way.lengths = {arriving_length(network_, way.direction, pure_ack_.length())};
  }
}

StreamResult Stream::run() {
  start_ = rte_rdtsc();
  last_arrival_ = start_;
  window_start_ = start_ + hz_ / 1000 * options_.warm_up_ms;
  for (uint64_t now = start_; !is_over(now); now = rte_rdtsc()) {
    for (Way& way : ways_) {
      if (way.sender) {
        send(way, now);
      } else if (options_.kind == SegmentKind::data) {
        acknowledge(way, ways_[&way == ways_ ? 1 : 0]);
      }
    }
    for (Way& way : ways_) receive(way);
    note_windows(now);
  }
  drain();
  for (const Way& way : ways_) {
    if (way.sender) result_.sent += way.sender->sent();
  }
  result_.seconds = static_cast<double>(last_arrival_ - start_) / static_cast<double>(hz_);
  return std::move(result_);
}

bool Stream::is_over(uint64_t now) const {
  if (options_.packets != 0) {
    return std::all_of(std::begin(ways_), std::end(ways_), [this](const Way& way) {
      return !way.sender || way.sender->sent() >= options_.packets;
    });
  }
  return now - start_ >= hz_ / 1000 * (options_.warm_up_ms + options_.milliseconds);
}

// How many segments are due; a whole burst unless there is a rate or an end.
uint16_t Stream::due(Way& way, uint64_t now) const {
  uint64_t count = kBurst;
  if (options_.rate_pps != 0) {
    const auto wanted =
        static_cast<uint64_t>(static_cast<double>(now - start_) / static_cast<double>(hz_) *
                              static_cast<double>(options_.rate_pps));
    const uint64_t paced = way.sender->sent() + way.skipped;
    if (wanted > paced + kMostOverdue) way.skipped += wanted - paced - kMostOverdue;
    count = std::min(count, wanted > paced ? wanted - paced : 0);
  }
  if (options_.packets != 0) count = std::min(count, options_.packets - way.sender->sent());
  return static_cast<uint16_t>(count);
}

void Stream::send(Way& way, uint64_t now) {
  const uint16_t count = due(way, now);
  if (count == 0) return;
  way.sender->send(count, static_cast<uint32_t>(now));
  ++result_.attempts;
  if (way.sender->is_held_up()) ++result_.held_up;
}

void Stream::receive(Way& way) {
  std::array<rte_mbuf*, kReceiveBurst> packets;
  const uint16_t count = way.to->receive(packets);
  if (count == 0) return;
  const uint64_t now = rte_rdtsc();
  last_arrival_ = now;
  uint16_t expected = 0;
  for (uint16_t i = 0; i < count; ++i) {
    rte_mbuf* packet = packets[i];
    const auto length = static_cast<uint16_t>(packet->pkt_len);
    if (std::find(way.lengths.begin(), way.lengths.end(), length) == way.lengths.end()) {
      take_other(way, packet);
      continue;
    }
    if (i == 0 || options_.reads_all) look_at(way, *packet);
    if (options_.takes_time) take_stamp(way, *packet, now);
    packets[expected++] = packet;
  }
  if (way.sender) {
    result_.arrived += expected;
  } else {
    result_.acknowledgements_arrived += expected;
  }
  rte_pktmbuf_free_bulk(packets.data(), expected);
}

void Stream::look_at(const Way& way, const rte_mbuf& packet) {
  const std::span bytes(rte_pktmbuf_mtod(&packet, const uint8_t*), packet.data_len);
  const auto arrival = read_arrival(bytes, network_, way.direction);
  if (arrival && options_.flows.contains(arrival->flow)) return;
  ++result_.unread;
  keep_example(packet);
}

void Stream::take_stamp(const Way& way, const rte_mbuf& packet, uint64_t now) {
  const bool is_outer = network_.is_tunnelled && way.direction == Direction::from_guest;
  const size_t offset = stamp_offset(options_.family) + (is_outer ? kTunnelBytes : 0U);
  if (now - start_ < hz_ / 1000 * options_.warm_up_ms || !way.sender) return;
  be32 stamp;
  std::memcpy(&stamp, rte_pktmbuf_mtod(&packet, const uint8_t*) + offset, sizeof stamp);
  result_.latency.add(static_cast<uint32_t>(now) - stamp);
}

// ARP is answered, all else is counted.
void Stream::take_other(Way& way, rte_mbuf* packet) {
  const std::span bytes(rte_pktmbuf_mtod(packet, uint8_t*), packet->data_len);
  if (way.direction == Direction::from_guest && answer_arp(bytes, network_) &&
      way.to->send({&packet, 1}) == 1) {
    return;
  }
  ++result_.other;
  keep_example(*packet);
  rte_pktmbuf_free(packet);
}

void Stream::keep_example(const rte_mbuf& packet) {
  if (!result_.example.empty()) return;
  const auto* bytes = rte_pktmbuf_mtod(&packet, const uint8_t*);
  char text[3];
  for (uint16_t i = 0; i < std::min<uint16_t>(packet.data_len, 96); ++i) {
    std::snprintf(text, sizeof text, "%02x", bytes[i]);
    result_.example += text;
  }
}

// The end that sends no data acknowledges one flow after the other, often enough for none to run
// out of window.
void Stream::acknowledge(Way& quiet, const Way& busy) {
  if (busy.sender->sent() < next_ack_) return;
  next_ack_ = busy.sender->sent() + ack_interval_;
  rte_mbuf* packet = nullptr;
  if (!quiet.from->allocate({&packet, 1})) return;
  const uint32_t flow = options_.flows.first + acknowledged_flow_++ % options_.flows.count;
  pure_ack_.write(rte_pktmbuf_mtod(packet, uint8_t*), flow,
                  first_sequence(quiet.direction) + 1 + course_of(quiet.direction).settled(),
                  first_sequence(busy.direction) + 1 + course_of(busy.direction).settled(), 0);
  packet->data_len = pure_ack_.length();
  packet->pkt_len = pure_ack_.length();
  if (quiet.from->send({&packet, 1}) == 1) {
    ++result_.acknowledgements_sent;
  } else {
    rte_pktmbuf_free(packet);
  }
}

void Stream::note_windows(uint64_t now) {
  const uint64_t window = hz_ / 1000 * options_.window_ms;
  if (now < window_start_) {
    window_arrived_ = result_.arrived;
  } else if (now - window_start_ >= window) {
    const double seconds = static_cast<double>(now - window_start_) / static_cast<double>(hz_);
    result_.windows_pps.push_back(static_cast<double>(result_.arrived - window_arrived_) / seconds);
    window_start_ = now;
    window_arrived_ = result_.arrived;
  }
}

void Stream::drain() {
  const uint64_t stop = rte_rdtsc();
  uint64_t quiet_since = stop;
  uint64_t seen = 0;
  for (uint64_t now = stop; now - quiet_since < hz_ / 1000 * options_.quiet_ms; now = rte_rdtsc()) {
    if (now - stop > hz_ / 1000 * kLongestDrainMs) return;
    for (Way& way : ways_) receive(way);
    const uint64_t arrived = result_.arrived + result_.acknowledgements_arrived + result_.other;
    if (arrived != seen) quiet_since = now;
    seen = arrived;
  }
}

}  // namespace butterfly::peers
