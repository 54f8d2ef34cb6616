// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/sender.h"

#include <algorithm>

namespace butterfly::peers {

Sender::Sender(const Network& network, End& end, const SenderOptions& options, Course& own,
               const Course& other)
    : end_(end), options_(options), own_(own), other_(other) {
  for (const uint16_t length : options.lengths) {
    writers_.emplace_back(network,
                          SegmentShape{options.direction, options.family, options.kind, length});
    step_ = std::max<uint32_t>(step_, writers_.back().payload());
  }
}

Sender::~Sender() {
  rte_pktmbuf_free_bulk(ready_.data() + first_ready_,
                        static_cast<unsigned>(end_ready_ - first_ready_));
}

uint16_t Sender::send(uint16_t count, uint32_t now) {
  if (first_ready_ == end_ready_) prepare(count, now);
  const uint16_t sent =
      end_.send(std::span(ready_).subspan(first_ready_, end_ready_ - first_ready_));
  first_ready_ = static_cast<uint16_t>(first_ready_ + sent);
  sent_ += sent;
  return sent;
}

void Sender::prepare(uint16_t count, uint32_t now) {
  first_ready_ = 0;
  end_ready_ = 0;
  if (!end_.allocate(std::span(ready_).first(count))) return;  // all are in the ring
  end_ready_ = count;
  const bool is_syn = options_.kind == SegmentKind::syn;
  const uint32_t first = first_sequence(options_.direction) + (is_syn ? 0 : 1);
  const uint32_t other_first = first_sequence(opposite(options_.direction)) + 1;
  for (uint16_t i = 0; i < count; ++i) {
    const uint32_t flow = own_.next_flow(step_);
    const SegmentWriter& writer = writers_[next_writer_];
    if (++next_writer_ == writers_.size()) next_writer_ = 0;
    rte_mbuf* packet = ready_[i];
    const uint32_t acknowledgement = is_syn ? 0 : other_first + other_.settled();
    writer.write(rte_pktmbuf_mtod(packet, uint8_t*), flow, first + own_.offset(), acknowledgement,
                 now);
    packet->data_len = writer.length();
    packet->pkt_len = writer.length();
  }
}

}  // namespace butterfly::peers
