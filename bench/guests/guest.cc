// SPDX-License-Identifier: Apache-2.0
#include "bench/guests/guest.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "bench/guests/frame.h"

namespace butterfly::guests {
namespace {

using test::RingPlace;
using test::VirtioDescriptor;
using test::VirtioUsedElement;

// An odd number of cache lines: the headers of all buffers do not share one set of the cache.
constexpr uint64_t kBufferBytes = 25 * 64;
static_assert(kBufferBytes >= Guest::kHeader + Guest::kMostBytes);
// virtio 1.2 §2.7.6, §2.7.8: flags and index in front of both rings' entries.
constexpr uint64_t kIndex = 2;
constexpr uint64_t kEntries = 4;
constexpr uint16_t kNoInterrupt = 1;
constexpr uint16_t kNoNotify = 1;

constexpr uint64_t line_up(uint64_t offset) { return (offset + 63) & ~63ULL; }

uint64_t bytes_of(const Guest::Options& options) {
  const RingPlace receive = RingPlace::at(0, options.receive_ring);
  const RingPlace send = RingPlace::at(line_up(receive.end()), options.send_ring);
  return line_up(send.end()) + (options.receive_ring + options.send_ring) * kBufferBytes;
}

}  // namespace

Guest::Guest(const std::string& path, const Options& options)
    : number_(options.number),
      frontend_(path, bytes_of(options), test::VhostFrontend::Pages::huge) {
  receive_.place = RingPlace::at(0, options.receive_ring);
  send_.place = RingPlace::at(line_up(receive_.place.end()), options.send_ring);
  receive_.buffers = line_up(send_.place.end());
  send_.buffers = receive_.buffers + options.receive_ring * kBufferBytes;
  lay_out(receive_, VirtioDescriptor::kWritable);
  lay_out(send_, 0);
  receive_.next = options.receive_ring;
  publish(receive_);
}

void Guest::connect() {
  frontend_.connect(test::kVirtioVersion1 | test::kVirtioMergeable, receive_.place, send_.place);
}

// Slot, descriptor and buffer have the same number for ever: the available entries never change.
void Guest::lay_out(Ring& ring, uint16_t flags) {
  at<uint16_t>(ring.place.available) = kNoInterrupt;
  for (uint16_t slot = 0; slot < ring.place.size; ++slot) {
    at<VirtioDescriptor>(ring.place.descriptors + slot * sizeof(VirtioDescriptor)) = {
        ring.buffers + slot * kBufferBytes, kBufferBytes, flags, 0};
    at<uint16_t>(ring.place.available + kEntries + 2u * slot) = slot;
  }
}

uint8_t* Guest::frame(const Ring& ring, uint32_t slot) const {
  return frontend_.memory() + ring.buffers + slot * kBufferBytes + kHeader;
}

void Guest::publish(Ring& ring) {
  std::atomic_ref(at<uint16_t>(ring.place.available + kIndex))
      .store(ring.next, std::memory_order_release);
}

uint16_t Guest::used(const Ring& ring) const {
  return std::atomic_ref(at<uint16_t>(ring.place.used + kIndex)).load(std::memory_order_acquire);
}

void Guest::prepare(const Traffic& traffic) {
  traffic_ = traffic;
  for (uint16_t slot = 0; slot < send_.place.size; ++slot) {
    write_frame(frame(send_, slot), number_, traffic);
    at<VirtioDescriptor>(send_.place.descriptors + slot * sizeof(VirtioDescriptor)).length =
        kHeader + traffic.length;
  }
}

void Guest::vary(uint8_t* frame) {
  const uint64_t number = sent_++;
  switch (traffic_.kind) {
    case Kind::flow:
    case Kind::broadcast:
      set_ports(frame, static_cast<uint32_t>(number % traffic_.flows));
      return;
    case Kind::connection:
      set_ports(frame, static_cast<uint32_t>(number));
      return;
    case Kind::strangers:
      set_stranger(frame + kDestinationMac, static_cast<uint32_t>(number));
      return;
    case Kind::spoofed:
      set_stranger(frame + kSourceMac, static_cast<uint32_t>(number));
      return;
  }
}

uint16_t Guest::send(uint16_t most) {
  const auto room = static_cast<uint16_t>(send_.place.size - waiting());
  const uint16_t count = std::min(most, room);
  if (count == 0) return 0;
  for (uint16_t i = 0; i < count; ++i) vary(frame(send_, send_.next++ % send_.place.size));
  publish(send_);
  // Beyond this line the switch sees the packets, or we see that it wants to be woken.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const std::atomic_ref flags(at<uint16_t>(send_.place.used));
  if ((flags.load(std::memory_order_relaxed) & kNoNotify) == 0) frontend_.kick();
  return count;
}

uint16_t Guest::receive(std::span<uint64_t> from) {
  const auto count = static_cast<uint16_t>(used(receive_) - receive_.seen);
  for (uint16_t i = 0; i < count; ++i) {
    const uint16_t slot = receive_.seen++ % receive_.place.size;
    // The switch takes the buffers in the order in which they are offered, and so gives them back.
    const auto& element =
        at<VirtioUsedElement>(receive_.place.used + kEntries + slot * sizeof(VirtioUsedElement));
    const uint16_t sender = sender_of(frame(receive_, element.head % receive_.place.size));
    if (sender < from.size()) ++from[sender];
  }
  if (count == 0) return 0;
  receive_.next = static_cast<uint16_t>(receive_.next + count);
  publish(receive_);
  return count;
}

}  // namespace butterfly::guests
