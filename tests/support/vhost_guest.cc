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
constexpr uint64_t kPairBytes = 12 << 20;

}  // namespace

VhostGuest::VhostGuest(const std::string& path, const Options& options)
    : options_(options),
      frontend_(path, kMemory, VhostFrontend::Pages::small,
                options.connects ? VhostFrontend::Role::client : VhostFrontend::Role::server) {
  for (uint16_t number = 0; number < options.pairs; ++number) {
    Pair& pair = pairs_.emplace_back();
    pair.base = number * kPairBytes;
    pair.receive.place = RingPlace::at(pair.base + kReceiveRing, options.receive_buffers);
    pair.send.place = RingPlace::at(pair.base + kSendRing, kSendSlots * kPiecesPerSlot);
    places_.push_back(pair.receive.place);
    places_.push_back(pair.send.place);
  }
}

void VhostGuest::reset_rings() {
  for (Pair& pair : pairs_) {
    for (Ring* ring : {&pair.receive, &pair.send}) {
      const RingPlace place = ring->place;
      *ring = Ring{place};
      ring->lengths.resize(place.size);
      std::memset(frontend_.memory() + place.descriptors, 0, place.end() - place.descriptors);
    }
  }
}

void VhostGuest::post_buffers(uint16_t pair) {
  for (uint16_t i = 0; i < options_.receive_buffers; ++i) post_buffer(pairs_[pair], i);
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

// The first descriptor's flags last: with them the chain is there (virtio 1.2 §2.8.6).
void VhostGuest::post_packed(Ring& ring, std::span<const Piece> pieces, uint16_t id,
                             uint16_t flags) {
  using Descriptor = VirtioPackedDescriptor;
  const uint16_t first = ring.next_available;
  uint16_t first_flags = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    auto& place = at<Descriptor>(ring.place.descriptors + ring.next_available * sizeof(Descriptor));
    place.address = pieces[i].offset;
    place.length = pieces[i].length;
    place.id = id;
    const uint16_t next = i + 1 < pieces.size() ? VirtioDescriptor::kNext : uint16_t{0};
    const uint16_t all =
        flags | next | (ring.available_wrap ? Descriptor::kAvailable : Descriptor::kUsed);
    if (i == 0) {
      first_flags = all;
    } else {
      place.flags = all;
    }
    if (++ring.next_available == ring.place.size) {
      ring.next_available = 0;
      ring.available_wrap = !ring.available_wrap;
    }
  }
  ring.lengths[id] = static_cast<uint16_t>(pieces.size());
  ++ring.outstanding;
  std::atomic_ref(at<Descriptor>(ring.place.descriptors + first * sizeof(Descriptor)).flags)
      .store(first_flags, std::memory_order_release);
}

bool VhostGuest::take_used(const Ring& ring, VirtioPackedDescriptor& used) const {
  using Descriptor = VirtioPackedDescriptor;
  auto& place = at<Descriptor>(ring.place.descriptors + ring.next_used * sizeof(Descriptor));
  const uint16_t flags = std::atomic_ref(place.flags).load(std::memory_order_acquire);
  const bool is_used = (flags & Descriptor::kUsed) != 0;
  if (ring.outstanding == 0 || is_used != ring.used_wrap ||
      is_used != ((flags & Descriptor::kAvailable) != 0)) {
    return false;
  }
  used = place;
  --ring.outstanding;
  ring.next_used = static_cast<uint16_t>(ring.next_used + ring.lengths[used.id]);
  if (ring.next_used >= ring.place.size) {
    ring.next_used = static_cast<uint16_t>(ring.next_used - ring.place.size);
    ring.used_wrap = !ring.used_wrap;
  }
  return true;
}

void VhostGuest::post_buffer(Pair& pair, uint16_t number) {
  const Piece buffer{pair.base + kBuffers + uint64_t{number} * options_.receive_bytes,
                     options_.receive_bytes};
  if (is_packed()) {
    return post_packed(pair.receive, std::span(&buffer, 1), number, VirtioDescriptor::kWritable);
  }
  at<VirtioDescriptor>(pair.receive.place.descriptors + number * sizeof(VirtioDescriptor)) = {
      buffer.offset, buffer.length, VirtioDescriptor::kWritable, 0};
  post(pair.receive, number);
}

void VhostGuest::send(const VirtioHeader& header, std::span<const uint8_t> frame, uint16_t pair) {
  Ring& ring = pairs_[pair].send;
  const auto number =
      static_cast<uint16_t>(is_packed() ? ring.next_available / 2 : ring.next_available);
  const uint64_t slot = pairs_[pair].base + kFrames + number % kSendSlots * kSlotBytes;
  const uint32_t header_length = header_bytes();
  std::memcpy(frontend_.memory() + slot, &header, header_length);
  std::ranges::copy(frame, frontend_.memory() + slot + sizeof header);
  const Piece pieces[] = {{slot, header_length},
                          {slot + sizeof header, static_cast<uint32_t>(frame.size())}};
  send_pieces(pieces, pair);
}

void VhostGuest::send_indirect(const VirtioHeader& header, std::span<const uint8_t> frame) {
  Ring& ring = pairs_[0].send;
  const auto number =
      static_cast<uint16_t>(is_packed() ? ring.next_available : ring.next_available % kSendSlots);
  const uint64_t slot = kFrames + number % kSendSlots * kSlotBytes;
  const uint64_t table = slot + kSlotBytes - 2 * sizeof(VirtioDescriptor);
  std::memcpy(frontend_.memory() + slot, &header, header_bytes());
  std::ranges::copy(frame, frontend_.memory() + slot + sizeof header);
  const auto length = static_cast<uint32_t>(frame.size());
  const Piece whole{table, 2 * sizeof(VirtioDescriptor)};
  if (is_packed()) {
    at<VirtioPackedDescriptor>(table) = {slot, header_bytes(), 0, 0};
    at<VirtioPackedDescriptor>(table + sizeof(VirtioPackedDescriptor)) = {slot + sizeof header,
                                                                          length, 0, 0};
    return post_packed(ring, std::span(&whole, 1), number, VirtioDescriptor::kIndirect);
  }
  at<VirtioDescriptor>(table) = {slot, header_bytes(), VirtioDescriptor::kNext, 1};
  at<VirtioDescriptor>(table + sizeof(VirtioDescriptor)) = {slot + sizeof header, length, 0, 0};
  const auto head = static_cast<uint16_t>(number * kPiecesPerSlot);
  at<VirtioDescriptor>(ring.place.descriptors + head * sizeof(VirtioDescriptor)) = {
      whole.offset, whole.length, VirtioDescriptor::kIndirect, 0};
  post(ring, head);
}

void VhostGuest::send_pieces(std::span<const Piece> pieces, uint16_t pair) {
  Ring& ring = pairs_[pair].send;
  if (is_packed()) {
    VirtioPackedDescriptor used;
    while (take_used(ring, used)) {
    }
    return post_packed(ring, pieces, ring.next_available, 0);
  }
  const auto head = static_cast<uint16_t>(ring.next_available % kSendSlots * kPiecesPerSlot);
  for (size_t i = 0; i < pieces.size(); ++i) {
    const auto index = static_cast<uint16_t>(head + i);
    const bool is_last = i + 1 == pieces.size();
    at<VirtioDescriptor>(ring.place.descriptors + index * sizeof(VirtioDescriptor)) = {
        pieces[i].offset, pieces[i].length, is_last ? uint16_t{0} : VirtioDescriptor::kNext,
        static_cast<uint16_t>(index + 1)};
  }
  post(ring, head);
}

// With event index the port says up to where it knows (virtio 1.2 §2.7.10).
void VhostGuest::kick(uint16_t pair) {
  rte_smp_mb();  // not a fence of the language: TSan knows none
  if (is_to_kick(pair)) frontend_.kick(pair);
}

uint16_t VhostGuest::waiting(uint16_t pair) const {
  const Ring& ring = pairs_[pair].send;
  if (is_packed()) {
    VirtioPackedDescriptor used;
    while (take_used(ring, used)) {
    }
    return ring.outstanding;
  }
  const uint16_t used =
      std::atomic_ref(at<uint16_t>(ring.place.used + 2)).load(std::memory_order_acquire);
  return static_cast<uint16_t>(ring.next_available - used);
}

bool VhostGuest::is_to_kick(uint16_t pair) const {
  const Ring& ring = pairs_[pair].send;
  if (is_packed()) return std::atomic_ref(at<uint16_t>(ring.place.used + 2)).load() != 1;
  if ((frontend_.negotiated() & kVirtioEventIdx) != 0) {
    const uint16_t event =
        std::atomic_ref(at<uint16_t>(ring.place.used + 4 + 8u * ring.place.size)).load();
    return static_cast<uint16_t>(ring.next_available - 1) == event;
  }
  constexpr uint16_t kNoNotify = 1;
  return (std::atomic_ref(at<uint16_t>(ring.place.used)).load() & kNoNotify) == 0;
}

bool VhostGuest::next_filled(Pair& pair, VirtioUsedElement& element) {
  Ring& ring = pair.receive;
  if (is_packed()) {
    VirtioPackedDescriptor used;
    if (!take_used(ring, used)) return false;
    element = {used.id, used.length};
    return true;
  }
  const uint16_t used =
      std::atomic_ref(at<uint16_t>(ring.place.used + 2)).load(std::memory_order_acquire);
  if (ring.next_used == used) return false;
  element = at<VirtioUsedElement>(ring.place.used + 4 + 8u * (ring.next_used++ % ring.place.size));
  return true;
}

std::vector<VhostGuest::Received> VhostGuest::receive(uint16_t pair_number) {
  Pair& pair = pairs_[pair_number];
  std::vector<Received> received;
  std::vector<uint16_t> emptied;
  uint16_t parts = 0;  // further buffers of the frame that is being put together
  for (VirtioUsedElement element; next_filled(pair, element);) {
    const uint8_t* buffer =
        frontend_.memory() + pair.base + kBuffers + uint64_t{element.head} * options_.receive_bytes;
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
    emptied.push_back(static_cast<uint16_t>(element.head));
  }
  for (const uint16_t number : emptied) post_buffer(pair, number);
  return received;
}

}  // namespace butterfly::test
