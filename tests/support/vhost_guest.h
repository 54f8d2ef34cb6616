// SPDX-License-Identifier: Apache-2.0
// A guest and its VMM as a test scripts them, at the other end of a vhost-user socket: it owns the
// memory and the queue pairs, and may lie in all of it. Sources: virtio 1.2 §2.7 (split rings),
// §2.8 (packed rings), §5.1.6 (headers).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "support/vhost_frontend.h"

namespace butterfly::test {

// What a Linux guest negotiates of the above.
inline constexpr uint64_t kVirtioLinux = kVirtioCsum | kVirtioGuestCsum | kVirtioGuestTso4 |
                                         kVirtioGuestTso6 | kVirtioHostTso4 | kVirtioHostTso6 |
                                         kVirtioMergeable | kVirtioVersion1;

// virtio 1.2 §5.1.6, in front of each frame.
struct VirtioHeader {
  uint8_t flags = 0;     // 1: the checksum from csum_start on is not written
  uint8_t gso_type = 0;  // 1 TCP over IPv4, 3 UDP fragments, 4 TCP over IPv6, 5 UDP; 0x80: ECN
  uint16_t hdr_len = 0;
  uint16_t gso_size = 0;
  uint16_t csum_start = 0;
  uint16_t csum_offset = 0;
  uint16_t num_buffers = 0;

  bool operator==(const VirtioHeader&) const = default;
};
static_assert(sizeof(VirtioHeader) == 12);

class VhostGuest {
 public:
  struct Options {
    uint64_t features = kVirtioLinux;  // of those offered
    uint16_t receive_buffers = 256;    // a power of two; posted, each of receive_bytes
    uint32_t receive_bytes = 2048;
    uint16_t pairs = 1;     // at most 5, each with as many buffers
    uint16_t mtu = 0;       // that the VMM tells of; 0: none
    bool connects = false;  // to a port that listens
  };
  struct Received {
    VirtioHeader header;
    std::vector<uint8_t> frame;
  };
  // A part of a descriptor chain: where it is said to lie, from the start of the memory.
  struct Piece {
    uint64_t offset;
    uint32_t length;
  };
  static constexpr uint64_t kMemory = 64 << 20;

  // Listens at `path`, as QEMU does, unless it connects. Aborts with a message when the system
  // refuses.
  VhostGuest(const std::string& path, const Options& options);

  // Waits for the port to connect, negotiates and starts the rings. The port learns of it a moment
  // later (Port::is_connected).
  void connect() {
    reset_rings();
    frontend_.connect(options_.features, places_, options_.mtu);
    for (uint16_t pair = 0; pair < options_.pairs; ++pair) post_buffers(pair);
  }
  void enable(uint16_t pair, bool is_on) { frontend_.enable(pair, is_on); }
  // Whether the port would take another guest beside this one, which connects.
  bool is_another_let_in() { return frontend_.is_let_in(); }
  // Ends the connection as QEMU's death does.
  void disconnect() { frontend_.disconnect(); }
  uint64_t offered() const { return frontend_.offered(); }
  std::span<const uint8_t> memory() const { return {frontend_.memory(), kMemory}; }
  bool is_dirty(uint64_t page) const { return frontend_.is_dirty(page); }

  // Puts a frame into the ring: the header in one descriptor, the bytes in another.
  void send(const VirtioHeader& header, std::span<const uint8_t> frame, uint16_t pair = 0);
  // The same with both in a table that one descriptor names (virtio 1.2 §2.7.5.3).
  void send_indirect(const VirtioHeader& header, std::span<const uint8_t> frame);
  // The same as a chain of pieces of memory, whatever is or is not there; the first is the header.
  void send_pieces(std::span<const Piece> pieces, uint16_t pair = 0);
  // As a driver does after sending: wakes the port if it has asked for that (virtio 1.2 §2.7.10).
  void kick(uint16_t pair = 0);
  // Frames in the ring that the port has not taken yet.
  uint16_t waiting(uint16_t pair = 0) const;
  // Whether the port wants to be kicked when frames are put into the ring (virtio 1.2 §2.7.10).
  bool is_to_kick(uint16_t pair = 0) const;
  // What the port has delivered; its buffers are posted again.
  std::vector<Received> receive(uint16_t pair = 0);

 private:
  struct Ring {
    RingPlace place;
    uint16_t next_available = 0;  // counts frames; of a packed ring descriptors
    mutable uint16_t next_used = 0;
    // Of packed rings.
    bool available_wrap = true;
    mutable bool used_wrap = true;
    std::vector<uint16_t> lengths{};  // of chains, by id
    mutable uint16_t outstanding = 0;
  };
  struct Pair {
    uint64_t base = 0;  // of its part of the memory
    Ring receive;
    Ring send;
  };

  template <typename T>
  T& at(uint64_t offset) const {
    return *reinterpret_cast<T*>(frontend_.memory() + offset);
  }
  // Of the header in front of each frame.
  uint32_t header_bytes() const;
  bool is_packed() const { return (frontend_.negotiated() & kVirtioPacked) != 0; }
  void reset_rings();
  void post_buffers(uint16_t pair);
  void post(Ring& ring, uint16_t head);
  void post_buffer(Pair& pair, uint16_t number);
  void post_packed(Ring& ring, std::span<const Piece> pieces, uint16_t id, uint16_t flags);
  // The next used descriptor of a packed ring, taken off; false when there is none.
  bool take_used(const Ring& ring, VirtioPackedDescriptor& used) const;
  // What the port has filled next, if anything.
  bool next_filled(Pair& pair, VirtioUsedElement& element);

  Options options_;
  VhostFrontend frontend_;
  std::vector<Pair> pairs_;
  std::vector<RingPlace> places_;
};

}  // namespace butterfly::test
