// SPDX-License-Identifier: Apache-2.0
// Where packets come from: a pool of mbufs whose private area holds the facts of Packet.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/status.h"
#include "graph/packet.h"

namespace butterfly {

// Bytes of data a buffer holds, its headroom apart: a 1,600-byte frame fits one buffer.
inline constexpr uint16_t kBufferData = 2048;
// As much as a buffer can hold at all: for super-frames in one piece (decision record 0009).
inline constexpr uint16_t kLargeBufferData = 65535 - RTE_PKTMBUF_HEADROOM;

// Owns a DPDK mempool. REQUIRES: EAL is initialised before create() and outlives the pool; every
// packet is back before the pool is destroyed. alloc and free may be called from any thread.
class PacketPool {
 public:
  // `count` buffers of `data` bytes plus headroom. `cache` buffers are kept by each lcore.
  // resource_exhausted with the size that was wanted when memory does not suffice.
  static StatusOr<PacketPool> create(const std::string& name, uint32_t count, uint32_t cache,
                                     int numa_node, uint16_t data = kBufferData);
  ~PacketPool();
  PacketPool(PacketPool&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)) {}
  PacketPool& operator=(PacketPool&&) = delete;

  // An empty packet with default headroom and facts reset, or null when the pool is empty.
  Packet* alloc() noexcept;
  rte_mempool* raw() const { return pool_; }
  // Buffers in use now; slow, for status only.
  uint32_t in_use() const;
  uint32_t size() const;
  // What its buffers take of the memory.
  uint64_t bytes() const;

 private:
  explicit PacketPool(rte_mempool* pool) : pool_(pool) {}
  rte_mempool* pool_;
};

// Gives packets (with all their segments) back to their pools.
void free_packets(std::span<Packet*> packets) noexcept;

// Cuts the packet to its first `length` bytes; segments that hold none of them are freed (the first
// one always stays). Shared bytes are not written. REQUIRES: length <= packet.length().
void truncate_packet(Packet& packet, uint32_t length) noexcept;

// Makes the packet what it carries: `length` bytes from `offset` on. What its port had found out
// about checksums is forgotten: it was about what is gone.
// REQUIRES: offset <= data_len, offset + length <= packet.length().
inline void unwrap_packet(Packet& packet, uint16_t offset, uint32_t length) noexcept {
  packet.strip(offset);
  if (packet.length() > length) truncate_packet(packet, length);
  packet.ol_flags &= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
}

// A packet that shares the bytes of `packet`, facts copied; null when `pool` is empty. The bytes of
// both are read-only from now on (Packet::is_shared).
Packet* clone_packet(Packet& packet, PacketPool& pool) noexcept;
// As clone_packet, with an own first segment that has headroom for headers and no bytes yet.
Packet* clone_with_headroom(Packet& packet, PacketPool& pool) noexcept;
// A packet with bytes of its own, facts and offload requests copied; null when `pool` is empty.
Packet* copy_packet(const Packet& packet, PacketPool& pool) noexcept;
// An empty packet of `pool` with the facts of `packet`; null when `pool` is empty.
Packet* make_alike(const Packet& packet, PacketPool& pool) noexcept;
// Leaves `at` bytes in the first segment and its others in a new one behind it that shares its
// buffer; false when `pool` is empty. REQUIRES: at <= the first segment's length.
bool split_packet(Packet& packet, uint16_t at, PacketPool& pool) noexcept;

}  // namespace butterfly
