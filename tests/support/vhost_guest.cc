// SPDX-License-Identifier: Apache-2.0
#include "support/vhost_guest.h"

#include <rte_atomic.h>

#include <algorithm>
#include <atomic>
#include <cstring>

namespace butterfly::test {
namespace {

// How the memory is laid out. A frame's slot is as long as any frame, header included.
constexpr uint16_t kSendSlots = 64;
constexpr uint16_t kPiecesPerSlot = 4;
constexpr uint64_t kSlotBytes = 68 << 10;
constexpr uint64_t kReceiveRing = 0;
constexpr uint64_t kSendRing = 64 << 10;
constexpr uint64_t kFrames = 128 << 10;
constexpr uint64_t kBuffers = kFrames + kSendSlots * kSlotBytes;

}  // namespace

VhostGuest::VhostGuest(const std::string& path, const Options& options)
    : options_(options),
      frontend_(path, kMemory, VhostFrontend::Pages::small,
                options.connects ? VhostFrontend::Role::client : VhostFrontend::Role::server),
      receive_{RingPlace::at(kReceiveRing, options.receive_buffers)},
      send_{RingPlace::at(kSendRing, kSendSlots * kPiecesPerSlot)} {
  for (uint16_t i = 0; i < options.receive_buffers; ++i) post_buffer(i);
}

uint32_t VhostGuest::header_bytes() const {
  return (frontend_.negotiated() & (kVirtioVersion1 | kVirtioMergeable)) != 0 ? 12 : 10;
}

void VhostGuest::post(Ring& ring, uint16_t head) {
  at<uint16_t>(ring.place.available + 4 + 2u * (ring.next_available % ring.place.size)) = head;
  ++ring.next_available;
  std::atomic_ref(at<uint16_t>(ring.place.available + 2))
      .store(ring.next_available, std::memory_order_release);
}

void VhostGuest::post_buffer(uint16_t number) {
  at<VirtioDescriptor>(receive_.place.descriptors + number * sizeof(VirtioDescriptor)) = {
      kBuffers + uint64_t{number} * options_.receive_bytes, options_.receive_bytes,
      VirtioDescriptor::kWritable, 0};
  post(receive_, number);
}

void VhostGuest::send(const VirtioHeader& header, std::span<const uint8_t> frame) {
  const uint64_t slot = kFrames + send_.next_available % kSendSlots * kSlotBytes;
  const uint32_t header_length = header_bytes();
  std::memcpy(frontend_.memory() + slot, &header, header_length);
  std::ranges::copy(frame, frontend_.memory() + slot + sizeof header);
  const Piece pieces[] = {{slot, header_length},
                          {slot + sizeof header, static_cast<uint32_t>(frame.size())}};
  send_pieces(pieces);
}

void VhostGuest::send_pieces(std::span<const Piece> pieces) {
  const auto head = static_cast<uint16_t>(send_.next_available % kSendSlots * kPiecesPerSlot);
  for (size_t i = 0; i < pieces.size(); ++i) {
    const auto index = static_cast<uint16_t>(head + i);
    const bool is_last = i + 1 == pieces.size();
    at<VirtioDescriptor>(send_.place.descriptors + index * sizeof(VirtioDescriptor)) = {
        pieces[i].offset, pieces[i].length, is_last ? uint16_t{0} : VirtioDescriptor::kNext,
        static_cast<uint16_t>(index + 1)};
  }
  post(send_, head);
}

void VhostGuest::kick() {
  rte_smp_mb();  // not a fence of the language: TSan knows none
  if (is_to_kick()) frontend_.kick();
}

uint16_t VhostGuest::waiting() const {
  const uint16_t used =
      std::atomic_ref(at<uint16_t>(send_.place.used + 2)).load(std::memory_order_acquire);
  return static_cast<uint16_t>(send_.next_available - used);
}

bool VhostGuest::is_to_kick() const {
  constexpr uint16_t kNoNotify = 1;
  return (std::atomic_ref(at<uint16_t>(send_.place.used)).load() & kNoNotify) == 0;
}

std::vector<VhostGuest::Received> VhostGuest::receive() {
  std::vector<Received> received;
  const uint16_t used =
      std::atomic_ref(at<uint16_t>(receive_.place.used + 2)).load(std::memory_order_acquire);
  uint16_t parts = 0;  // further buffers of the frame that is being put together
  while (receive_.next_used != used) {
    const auto element = at<VirtioUsedElement>(receive_.place.used + 4 +
                                               8u * (receive_.next_used++ % receive_.place.size));
    const uint8_t* buffer =
        frontend_.memory() + kBuffers + uint64_t{element.head} * options_.receive_bytes;
    size_t skip = 0;
    if (parts == 0) {
      received.emplace_back();
      skip = header_bytes();
      std::memcpy(&received.back().header, buffer, skip);
      parts = std::max<uint16_t>(received.back().header.num_buffers, 1);
    }
    --parts;
    received.back().frame.insert(received.back().frame.end(), buffer + skip,
                                 buffer + element.length);
    post_buffer(static_cast<uint16_t>(element.head));
  }
  return received;
}

}  // namespace butterfly::test
