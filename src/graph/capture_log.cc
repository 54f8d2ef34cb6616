// SPDX-License-Identifier: Apache-2.0
#include "graph/capture_log.h"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace butterfly {
namespace {

constexpr size_t kEthernetHeader = 14;

bool is_ip(std::span<const uint8_t> frame) {
  return frame.size() > kEthernetHeader &&
         ((frame[12] == 0x08 && frame[13] == 0x00) || (frame[12] == 0x86 && frame[13] == 0xdd));
}

uint64_t system_clock_ns() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count());
}

}  // namespace

void CaptureLog::arm(const CaptureWants& wants) {
  wants_ = wants;
  armed_.store(wants.port.value, std::memory_order_release);
}

void CaptureLog::note_dropped(size_t node, size_t out, const Packet& packet) {
  if (!wants(packet.in_port) && !wants(packet.out_port)) return;
  CapturedFrame* frame = write(packet, CapturePoint::dropped);
  if (!frame) return;
  frame->node = static_cast<uint8_t>(node);
  frame->out = static_cast<uint8_t>(out);
  publish();
}

CapturedFrame* CaptureLog::write(const Packet& packet, CapturePoint point) {
  const auto first = packet.bytes();
  if (wants_.expression &&
      (!is_ip(first) || !wants_.expression->matches(first.subspan(kEthernetHeader)))) {
    return nullptr;
  }
  const uint32_t head = head_.load(std::memory_order_relaxed);
  if (head - tail_.load(std::memory_order_acquire) == kFrames) {
    lost_.add(1);
    return nullptr;
  }
  CapturedFrame& frame = frames_[head % kFrames];
  frame.time_ns = system_clock_ns();
  frame.length = packet.length();
  frame.point = point;
  frame.node = frame.out = 0;
  frame.kept = 0;
  for (const rte_mbuf* part = &packet; part && frame.kept < wants_.most_bytes; part = part->next) {
    const auto count = static_cast<uint16_t>(
        std::min<uint32_t>(part->data_len, uint32_t{wants_.most_bytes} - frame.kept));
    std::memcpy(frame.bytes.data() + frame.kept, rte_pktmbuf_mtod(part, const uint8_t*), count);
    frame.kept = static_cast<uint16_t>(frame.kept + count);
  }
  return &frame;
}

}  // namespace butterfly
