// SPDX-License-Identifier: Apache-2.0
// The two ways of single_copy_bench from a sender's ring into a receiver's.
#pragma once

#include <rte_memcpy.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "bench/single_copy_guests.h"

namespace butterfly::bench {

inline constexpr uint16_t kMostBurst = 32;
inline constexpr uint16_t kMostPieces = 32;

// Where the switch stands in both rings, and how it reads and writes them.
class Between {
 public:
  Between(Sender& from, Receiver& to) : from_(from), to_(to) {}
  void resume(const Between& other) {
    taken_ = other.taken_;
    filled_ = other.filled_;
  }

 protected:
  struct Piece {
    uint8_t* bytes;
    uint32_t length;
  };
  // A chain, net header included. Descriptors are read once: the guest may change them meanwhile.
  struct Chain {
    std::array<Piece, kMostPieces> pieces;
    uint16_t count;
    uint16_t head;
    uint32_t length;
  };

  // A full burst, or none: when as many frames wait and the receiver has room for them.
  uint16_t waiting(uint16_t burst) const {
    const uint16_t sent = from_.ring->available.load(std::memory_order_acquire);
    const uint16_t room = to_.ring->available.load(std::memory_order_acquire);
    const bool is_full = static_cast<uint16_t>(sent - taken_) >= burst &&
                         static_cast<uint16_t>(room - filled_) >= burst * to_.buffers_a_frame();
    return is_full ? burst : uint16_t{0};
  }
  // False: the chain is not a sound one.
  bool read_chain(uint16_t place, Chain& chain) const {
    chain.head = from_.ring->heads[place % kSlots] % kSlots;
    chain.count = 0;
    chain.length = 0;
    for (uint16_t slot = chain.head; chain.count < kMostPieces;) {
      const Descriptor part = from_.ring->descriptors[slot];
      uint8_t* bytes = from_.memory.at(part.address, part.length);
      if (bytes == nullptr) return false;
      chain.pieces[chain.count++] = {bytes, part.length};
      chain.length += part.length;
      if ((part.flags & kNext) == 0) return chain.pieces[0].length > sizeof(NetHeader);
      slot = part.next % kSlots;
    }
    return false;
  }
  // Gives the sender its chains back.
  void finish_sender(const std::array<Chain, kMostBurst>& chains, uint16_t count) {
    for (uint16_t i = 0; i < count; ++i) from_.ring->done[taken_++ % kSlots] = {chains[i].head, 0};
    from_.ring->used.store(taken_, std::memory_order_release);
  }
  void finish_receiver() { to_.ring->used.store(filled_, std::memory_order_release); }

  // The receiver's buffers for `length` bytes. False: there are not enough.
  bool reserve(uint32_t length, Chain& room) {
    const uint16_t available = to_.ring->available.load(std::memory_order_acquire);
    room.count = 0;
    room.length = 0;
    for (uint16_t place = filled_; room.length < length; ++place) {
      if (place == available || room.count == kMostPieces) return false;
      const uint16_t slot = to_.ring->heads[place % kSlots] % kSlots;
      const Descriptor part = to_.ring->descriptors[slot];
      uint8_t* bytes = to_.memory.at(part.address, part.length);
      if (bytes == nullptr) return false;
      const uint32_t used = std::min(part.length, length - room.length);
      room.pieces[room.count++] = {bytes, used};
      room.length += used;
      to_.ring->done[place % kSlots] = {slot, used};
    }
    return true;
  }
  static bool is_for_receiver(const uint8_t* frame) {
    uint64_t mac = 0;
    std::memcpy(&mac, frame, 6);
    return mac == kReceiverMac;
  }

  // Copies behind what was written before, from piece to piece.
  class Writer {
   public:
    explicit Writer(const Chain& room) : room_(room) {}
    void write(const uint8_t* bytes, uint32_t length) {
      while (length != 0) {
        const Piece& piece = room_.pieces[piece_];
        const uint32_t part = std::min(length, piece.length - at_);
        rte_memcpy(piece.bytes + at_, bytes, part);
        bytes += part;
        length -= part;
        at_ += part;
        if (at_ == piece.length) {
          ++piece_;
          at_ = 0;
        }
      }
    }

   private:
    const Chain& room_;
    uint16_t piece_ = 0;
    uint32_t at_ = 0;
  };

  Sender& from_;
  Receiver& to_;
  uint16_t taken_ = 0;   // of the sender's ring
  uint16_t filled_ = 0;  // of the receiver's
  std::array<Chain, kMostBurst> chains_;
};

// As librte_vhost: a burst out of the sender's ring into buffers, then out of these into the
// receiver's ring. The buffers are the same again and again, as those of a mempool's cache are.
class TwoCopies : public Between {
 public:
  TwoCopies(Sender& from, Receiver& to)
      : Between(from, to), buffers_(size_t{kMostBurst} * kBuffer) {}

  uint16_t pass(uint16_t burst) {
    const uint16_t count = waiting(burst);
    for (uint16_t i = 0; i < count; ++i) {
      if (!read_chain(static_cast<uint16_t>(taken_ + i), chains_[i])) return 0;
      __builtin_prefetch(chains_[i].pieces[0].bytes);
    }
    for (uint16_t i = 0; i < count; ++i) take(chains_[i], buffers_.data() + size_t{i} * kBuffer);
    if (count != 0) finish_sender(chains_, count);
    for (uint16_t i = 0; i < count; ++i) {
      give(buffers_.data() + size_t{i} * kBuffer, chains_[i].length);
    }
    if (count != 0) finish_receiver();
    return count;
  }

 private:
  static constexpr size_t kBuffer = 68 * 1024 + 128;

  static void take(const Chain& chain, uint8_t* buffer) {
    for (uint16_t piece = 0; piece < chain.count; ++piece) {
      rte_memcpy(buffer, chain.pieces[piece].bytes, chain.pieces[piece].length);
      buffer += chain.pieces[piece].length;
    }
  }
  void give(const uint8_t* buffer, uint32_t length) {
    Chain room;
    if (!is_for_receiver(buffer + sizeof(NetHeader)) || !reserve(length, room)) return;
    NetHeader header;
    std::memcpy(&header, buffer, sizeof header);
    header.num_buffers = room.count;
    Writer writer(room);
    writer.write(reinterpret_cast<const uint8_t*>(&header), sizeof header);
    writer.write(buffer + sizeof header, static_cast<uint32_t>(length - sizeof header));
    filled_ = static_cast<uint16_t>(filled_ + room.count);
  }

  LazyArray<uint8_t> buffers_;
};

// Straight from the sender's buffers into the receiver's. What decisions are made on is copied to
// memory of the switch first, once, and goes out from there: the sender may write into its buffers
// at any time, and what was judged must be what is delivered. Only the rest, which nobody judges,
// is read later, when it may have become something else.
class OneCopy : public Between {
 public:
  using Between::Between;

  uint16_t pass(uint16_t burst) {
    const uint16_t count = waiting(burst);
    for (uint16_t i = 0; i < count; ++i) {
      if (!read_chain(static_cast<uint16_t>(taken_ + i), chains_[i])) return 0;
      __builtin_prefetch(chains_[i].pieces[0].bytes);
    }
    for (uint16_t i = 0; i < count; ++i) {
      const Piece& first = chains_[i].pieces[0];
      rte_memcpy(heads_[i].data(), first.bytes, std::min<uint32_t>(first.length, kHead));
    }
    for (uint16_t i = 0; i < count; ++i) give(chains_[i], heads_[i].data());
    if (count == 0) return 0;
    finish_sender(chains_, count);
    finish_receiver();
    return count;
  }

 private:
  // Ethernet, IPv6 and TCP with all its options, behind the net header.
  static constexpr uint32_t kHead = 128 + sizeof(NetHeader);

  void give(const Chain& chain, uint8_t* head) {
    Chain room;
    if (!is_for_receiver(head + sizeof(NetHeader)) || !reserve(chain.length, room)) return;
    const uint16_t buffers = room.count;
    std::memcpy(head + offsetof(NetHeader, num_buffers), &buffers, sizeof buffers);
    const uint32_t judged = std::min<uint32_t>(chain.pieces[0].length, kHead);
    Writer writer(room);
    writer.write(head, judged);
    writer.write(chain.pieces[0].bytes + judged, chain.pieces[0].length - judged);
    for (uint16_t piece = 1; piece < chain.count; ++piece) {
      writer.write(chain.pieces[piece].bytes, chain.pieces[piece].length);
    }
    filled_ = static_cast<uint16_t>(filled_ + room.count);
  }

  alignas(64) std::array<std::array<uint8_t, 192>, kMostBurst> heads_;
};

}  // namespace butterfly::bench
