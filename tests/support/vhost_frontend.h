// SPDX-License-Identifier: Apache-2.0
// The VMM's end of a vhost-user socket: listens or connects, negotiates, lends memory, starts the
// two rings of a nic. What is in memory and rings is its owner's business. Sources: QEMU's
// vhost-user.rst (front-end), virtio 1.2 §2.7 (split rings).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/fd.h"

namespace butterfly::test {

// Feature bits (virtio 1.2 §5.1.3, §6).
inline constexpr uint64_t kVirtioCsum = 1ULL << 0;
inline constexpr uint64_t kVirtioGuestCsum = 1ULL << 1;
inline constexpr uint64_t kVirtioMtu = 1ULL << 3;
inline constexpr uint64_t kVirtioGuestTso4 = 1ULL << 7;
inline constexpr uint64_t kVirtioGuestTso6 = 1ULL << 8;
inline constexpr uint64_t kVirtioHostTso4 = 1ULL << 11;
inline constexpr uint64_t kVirtioHostTso6 = 1ULL << 12;
inline constexpr uint64_t kVirtioMergeable = 1ULL << 15;
inline constexpr uint64_t kVirtioMq = 1ULL << 22;
inline constexpr uint64_t kVirtioIndirect = 1ULL << 28;
inline constexpr uint64_t kVirtioEventIdx = 1ULL << 29;
inline constexpr uint64_t kVirtioPacked = 1ULL << 34;
inline constexpr uint64_t kVirtioVersion1 = 1ULL << 32;
// vhost-user's own: pages that the other side writes are to be logged, as a guest moves.
inline constexpr uint64_t kVhostLogAll = 1ULL << 26;

// virtio 1.2 §2.7.5.
struct VirtioDescriptor {
  static constexpr uint16_t kNext = 1;
  static constexpr uint16_t kWritable = 2;
  static constexpr uint16_t kIndirect = 4;

  uint64_t address;
  uint32_t length;
  uint16_t flags;
  uint16_t next;
};
struct VirtioUsedElement {
  uint32_t head;
  uint32_t length;
};

// virtio 1.2 §2.8.13, with the flags of the above and:
struct VirtioPackedDescriptor {
  static constexpr uint16_t kAvailable = 1 << 7;
  static constexpr uint16_t kUsed = 1 << 15;

  uint64_t address;
  uint32_t length;
  uint16_t id;
  uint16_t flags;
};

// Where a ring's parts lie, from the start of the memory.
struct RingPlace {
  static RingPlace at(uint64_t offset, uint16_t size);
  uint64_t end() const { return used + 6 + size * sizeof(VirtioUsedElement); }

  uint16_t size;  // a power of two
  uint64_t descriptors, available, used;
};

// Aborts with a message when the system refuses something: whoever uses it has nothing to do then.
class VhostFrontend {
 public:
  enum class Pages : uint8_t {
    small,
    huge
  };  // huge: of 2 MiB, small ones when there are not enough

  enum class Role : uint8_t { server, client };

  // As a server listens at `path`, as QEMU does. Makes `bytes` of zeroed memory.
  VhostFrontend(const std::string& path, uint64_t bytes, Pages pages = Pages::small,
                Role role = Role::server);
  ~VhostFrontend();
  VhostFrontend(const VhostFrontend&) = delete;
  VhostFrontend& operator=(const VhostFrontend&) = delete;

  // Waits for the port to connect, or connects to it; negotiates `features` of those offered, tells
  // of an MTU other than 0, starts the rings. The port learns of it a moment later
  // (Port::is_connected).
  void connect(uint64_t features, const RingPlace& receive, const RingPlace& send,
               uint16_t mtu = 0) {
    const RingPlace rings[] = {receive, send};
    connect(features, rings, mtu);
  }
  // The same with several queue pairs: receive, send, receive, send, …
  void connect(uint64_t features, std::span<const RingPlace> rings, uint16_t mtu = 0);
  // With kVhostLogAll negotiated: whether the other side has said that it wrote that page.
  bool is_dirty(uint64_t page) const { return (log_[page / 8] >> (page % 8) & 1) != 0; }
  static constexpr uint64_t kPage = 4096;  // of the log
  // Switches a pair on or off, as a guest does by its control queue.
  void enable(uint16_t pair, bool is_on);
  // As a client: whether the port serves who connects now, without anything more.
  bool is_let_in();
  // Ends the connection as QEMU's death does.
  void disconnect() { connection_.reset(); }

  uint64_t offered() const { return offered_; }
  uint64_t negotiated() const { return negotiated_; }
  uint8_t* memory() const { return memory_; }
  // Tells the other side, which asked for it, that there is something to send.
  void kick(uint16_t pair = 0) const;

 private:
  struct Message;

  void map_memory(Pages pages);
  void start_log();
  void listen();
  Fd dial() const;
  Message request(uint32_t number, std::span<const uint64_t> payload, int fd = -1,
                  bool wants_answer = false);
  void start_ring(uint32_t index, const RingPlace& ring);

  std::string path_;
  uint64_t bytes_;
  uint64_t offered_ = 0;
  uint64_t negotiated_ = 0;
  Fd listener_;
  Fd connection_;
  Fd memory_fd_;
  std::vector<Fd> kicks_;  // by ring
  std::vector<Fd> calls_;
  uint8_t* memory_ = nullptr;
  Fd log_fd_;
  uint8_t* log_ = nullptr;  // a bit for each page
};

}  // namespace butterfly::test
