// SPDX-License-Identifier: Apache-2.0
#include "ports/scripted.h"

#include <algorithm>
#include <cstring>

namespace butterfly {
namespace {

ScriptedLink::Frame frame_of(const Packet& packet) {
  ScriptedLink::Frame frame;
  frame.reserve(packet.length());
  for (const rte_mbuf* segment = &packet; segment; segment = segment->next) {
    const auto* bytes = static_cast<const uint8_t*>(segment->buf_addr) + segment->data_off;
    frame.insert(frame.end(), bytes, bytes + segment->data_len);
  }
  return frame;
}

}  // namespace

void ScriptedLink::feed(Frame frame, const Requests& requests) {
  const std::lock_guard lock(mutex_);
  fed_.push_back({std::move(frame), requests});
}

void ScriptedLink::feed_endlessly(Frame frame) {
  const std::lock_guard lock(mutex_);
  endless_ = std::move(frame);
}

std::vector<ScriptedLink::Frame> ScriptedLink::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(sent_, {});
}

size_t ScriptedLink::waiting() const {
  const std::lock_guard lock(mutex_);
  return fed_.size();
}

void ScriptedLink::set_connected(bool connected) {
  const std::lock_guard lock(mutex_);
  connected_ = connected;
}

bool ScriptedLink::is_connected() const {
  const std::lock_guard lock(mutex_);
  return connected_;
}

void ScriptedLink::set_room(uint32_t frames) {
  const std::lock_guard lock(mutex_);
  room_ = frames;
}

void ScriptedLink::set_longest(uint32_t bytes) {
  const std::lock_guard lock(mutex_);
  longest_ = bytes;
}

void ScriptedLink::set_offloads(const Port::Offloads& offloads) {
  const std::lock_guard lock(mutex_);
  offloads_ = offloads;
}

Port::Offloads ScriptedLink::offloads() const {
  const std::lock_guard lock(mutex_);
  return offloads_;
}

std::optional<ScriptedLink::Fed> ScriptedLink::next() {
  const std::lock_guard lock(mutex_);
  if (!connected_) return std::nullopt;
  if (fed_.empty()) return endless_.empty() ? std::nullopt : std::optional(Fed{endless_, {}});
  Fed fed = std::move(fed_.front());
  fed_.pop_front();
  return fed;
}

Port::Refusal ScriptedLink::put(Frame frame) {
  const std::lock_guard lock(mutex_);
  if (!connected_) return Port::Refusal::not_connected;
  if (frame.size() > longest_) return Port::Refusal::too_long;
  if (sent_.size() >= room_) return Port::Refusal::ring_full;
  sent_.push_back(std::move(frame));
  return Port::Refusal::none;
}

Packet* ScriptedPort::packet_of(std::span<const uint8_t> frame) {
  Packet* packet = pool_.alloc();
  for (rte_mbuf* last = packet; last;) {
    const auto count = static_cast<uint16_t>(std::min<size_t>(frame.size(), kBufferData));
    std::copy_n(frame.begin(), count, static_cast<uint8_t*>(last->buf_addr) + last->data_off);
    last->data_len = count;
    packet->pkt_len += count;
    frame = frame.subspan(count);
    if (frame.empty()) return packet;
    last->next = pool_.alloc();
    last = last->next;
    ++packet->nb_segs;
  }
  if (packet) {
    --packet->nb_segs;  // of the segment that could not be had
    free_packets(std::span(&packet, 1));
  }
  return nullptr;
}

uint16_t ScriptedPort::receive(uint16_t, std::span<Packet*> packets) noexcept {
  uint16_t count = 0;
  while (count < packets.size()) {
    const std::optional<ScriptedLink::Fed> fed = link_->next();
    if (!fed) break;
    Packet* packet = packet_of(fed->frame);
    if (!packet) break;  // lost, as on a real ring without buffers
    if (fed->requests.checksum) packet->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
    if (fed->requests.segment_size != 0) packet->ol_flags |= RTE_MBUF_F_RX_LRO;
    packet->tso_segsz = fed->requests.segment_size;
    packets[count++] = packet;
  }
  return count;
}

Port::Sent ScriptedPort::transmit(uint16_t, std::span<Packet*> packets) noexcept {
  Sent sent;
  for (const Packet* packet : packets) {
    sent.refusal = link_->put(frame_of(*packet));
    if (sent.refusal != Refusal::none) break;
    ++sent.taken;
  }
  free_packets(packets.first(sent.taken));
  return sent;
}

}  // namespace butterfly
