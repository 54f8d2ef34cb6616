// SPDX-License-Identifier: Apache-2.0
// The guests of single_copy_bench: split virtqueues (virtio 1.2 §2.7) and buffers in plain memory,
// one guest that sends and one that receives.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>

#include "tables/lazy_array.h"

namespace butterfly::bench {

struct Shape {
  uint32_t length;          // of the frames
  uint32_t send_buffer;     // bytes of one descriptor
  uint32_t receive_buffer;  // likewise
  uint16_t burst;           // frames that the switch takes at once
};

// virtio 1.2 §5.1.6, in front of each frame.
struct NetHeader {
  uint8_t flags;
  uint8_t gso_type;
  uint16_t hdr_len;
  uint16_t gso_size;
  uint16_t csum_start;
  uint16_t csum_offset;
  uint16_t num_buffers;
};
static_assert(sizeof(NetHeader) == 12);

inline constexpr uint16_t kSlots = 1024;
inline constexpr uint16_t kNext = 1;  // VIRTQ_DESC_F_NEXT

struct Descriptor {
  uint64_t address;
  uint32_t length;
  uint16_t flags;
  uint16_t next;
};

struct Ring {
  alignas(64) Descriptor descriptors[kSlots];
  alignas(64) std::atomic<uint16_t> available;
  uint16_t heads[kSlots];
  alignas(64) std::atomic<uint16_t> used;
  struct Used {
    uint32_t head;
    uint32_t length;
  } done[kSlots];
};

// A guest's memory as the switch sees it: an address is looked at only after its bounds were.
class GuestMemory {
 public:
  explicit GuestMemory(size_t bytes) : bytes_(bytes), size_(bytes) {}
  uint8_t* at(uint64_t address, uint32_t length) const {
    if (address > size_ || length > size_ - address) return nullptr;
    return bytes_.data() + address;
  }
  // The guest's own view.
  uint8_t* own() const { return bytes_.data(); }

 private:
  LazyArray<uint8_t> bytes_;
  uint64_t size_;
};

// A ring with its buffers, a little apart from powers of two, which would all lie in the same sets
// of the first-level cache.
struct Queue {
  explicit Queue(uint32_t buffer)
      : stride(buffer + 128), memory(size_t{kSlots} * (buffer + 128)), ring(new Ring{}) {}
  uint8_t* buffer(uint32_t slot) const { return memory.own() + size_t{slot} * stride; }

  uint32_t stride;
  GuestMemory memory;
  std::unique_ptr<Ring> ring;
};

inline constexpr uint64_t kReceiverMac = 0x0200'0000'5452;  // as the first bytes of a frame

class Sender : public Queue {
 public:
  explicit Sender(const Shape& shape) : Queue(shape.send_buffer), shape_(shape) {
    const uint32_t bytes = shape.length + sizeof(NetHeader);
    pieces_ = static_cast<uint16_t>((bytes + shape.send_buffer - 1) / shape.send_buffer);
    chains_ = static_cast<uint16_t>(kSlots / pieces_);
    for (uint16_t chain = 0; chain < chains_; ++chain) {
      for (uint16_t piece = 0; piece < pieces_; ++piece) {
        const auto slot = static_cast<uint16_t>(chain * pieces_ + piece);
        const bool is_last = piece == pieces_ - 1;
        const uint32_t length = is_last ? bytes - piece * shape.send_buffer : shape.send_buffer;
        ring->descriptors[slot] = {uint64_t{slot} * stride, length, is_last ? uint16_t{0} : kNext,
                                   static_cast<uint16_t>(slot + 1)};
      }
      write(static_cast<uint16_t>(chain * pieces_));
    }
    ring->available.store(filled_, std::memory_order_release);
  }
  // Refills what the switch has taken.
  void step() {
    const uint16_t used = ring->used.load(std::memory_order_acquire);
    if (taken_ == used) return;
    for (; taken_ != used; ++taken_) {
      write(static_cast<uint16_t>(ring->done[taken_ % kSlots].head));
    }
    ring->available.store(filled_, std::memory_order_release);
  }

 private:
  // A frame whose every line is the guest's; number, and the number again at its end.
  void write(uint16_t head) {
    for (uint16_t piece = 0; piece < pieces_; ++piece) {
      const Descriptor& part = ring->descriptors[head + piece];
      uint8_t* bytes = buffer(head + piece);
      for (uint32_t at = 0; at < part.length; at += 64) bytes[at] = 0;
    }
    uint8_t* frame = buffer(head) + sizeof(NetHeader);
    std::memcpy(frame, &kReceiverMac, 6);
    std::memcpy(frame + 16, &number_, sizeof number_);
    const uint32_t last = ring->descriptors[head + pieces_ - 1].length;
    std::memcpy(buffer(head + pieces_ - 1) + last - sizeof number_, &number_, sizeof number_);
    ++number_;
    ring->heads[filled_++ % kSlots] = head;
  }

  Shape shape_;
  uint16_t pieces_ = 1;
  uint16_t chains_ = 0;
  uint16_t filled_ = 0;
  uint16_t taken_ = 0;
  uint64_t number_ = 0;
};

class Receiver : public Queue {
 public:
  explicit Receiver(const Shape& shape) : Queue(shape.receive_buffer), shape_(shape) {
    for (uint16_t slot = 0; slot < kSlots; ++slot) {
      ring->descriptors[slot] = {uint64_t{slot} * stride, shape.receive_buffer, 0, 0};
      ring->heads[slot] = slot;
    }
    filled_ = kSlots;
    ring->available.store(filled_, std::memory_order_release);
  }
  // Reads what has come and gives the buffers back.
  void step() {
    const uint16_t used = ring->used.load(std::memory_order_acquire);
    if (taken_ == used) return;
    while (taken_ != used) read_frame();
    ring->available.store(filled_, std::memory_order_release);
  }
  uint32_t buffers_a_frame() const {
    const auto bytes = static_cast<uint32_t>(shape_.length + sizeof(NetHeader));
    return (bytes + shape_.receive_buffer - 1) / shape_.receive_buffer;
  }
  uint64_t received() const { return received_; }
  uint64_t wrong() const { return wrong_; }

 private:
  void read_frame() {
    const uint8_t* first = buffer(ring->done[taken_ % kSlots].head);
    NetHeader header;
    std::memcpy(&header, first, sizeof header);
    uint32_t length = 0;
    uint64_t begin;
    uint64_t end = 0;
    std::memcpy(&begin, first + sizeof header + 16, sizeof begin);
    for (uint16_t piece = 0; piece < header.num_buffers; ++piece) {
      const Ring::Used& part = ring->done[taken_++ % kSlots];
      const uint8_t* bytes = buffer(part.head);
      for (uint32_t at = 0; at < part.length; at += 64) sum_ = sum_ + bytes[at];
      std::memcpy(&end, bytes + part.length - sizeof end, sizeof end);
      length += part.length;
      ring->heads[filled_++ % kSlots] = static_cast<uint16_t>(part.head);
    }
    ++received_;
    if (length != shape_.length + sizeof header || begin != end) ++wrong_;
  }

  Shape shape_;
  uint16_t filled_ = 0;
  uint16_t taken_ = 0;
  uint64_t received_ = 0;
  uint64_t wrong_ = 0;
  volatile uint64_t sum_ = 0;
};

}  // namespace butterfly::bench
