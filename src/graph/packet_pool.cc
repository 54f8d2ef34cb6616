// SPDX-License-Identifier: Apache-2.0
#include "graph/packet_pool.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
// The pool's ring lives in an uninstrumented library: tell TSan that a buffer's way through it
// orders the last user before the next one.
static void note_freed(void* p) { __tsan_release(p); }
static void note_allocated(void* p) { __tsan_acquire(p); }
#else
static void note_freed(void*) {}
static void note_allocated(void*) {}
#endif

namespace butterfly {
namespace {

void copy_facts(const Packet& from, Packet& to) {
  std::memcpy(static_cast<void*>(&to.parsed), &from.parsed, kPacketPrivateSize);
}

// As rte_pktmbuf_pool_create(), for memory of small pages. That would keep every buffer within one
// page, so that a device may use its physical address: with pages of 4 KiB one buffer a page, all
// headers at the same offset and thus in the same few sets of the first-level cache. Without huge
// pages devices work with virtual addresses (or not at all), so buffers may lie close together.
rte_mempool* create_dense_pool(const char* name, uint32_t count, uint32_t cache, int numa_node,
                               uint16_t room) {
  const uint32_t buffer = static_cast<uint32_t>(sizeof(rte_mbuf)) + kPacketPrivateSize + room;
  rte_mempool* pool =
      rte_mempool_create_empty(name, count, buffer, cache, sizeof(rte_pktmbuf_pool_private),
                               numa_node, RTE_MEMPOOL_F_NO_IOVA_CONTIG);
  if (!pool) return nullptr;
  rte_pktmbuf_pool_private about{};
  about.mbuf_data_room_size = room;
  about.mbuf_priv_size = kPacketPrivateSize;
  rte_pktmbuf_pool_init(pool, &about);
  const int taken = rte_mempool_set_ops_byname(pool, rte_mbuf_best_mempool_ops(), nullptr) == 0
                        ? rte_mempool_populate_default(pool)
                        : -EINVAL;
  if (taken < 0) {
    rte_mempool_free(pool);
    rte_errno = -taken;
    return nullptr;
  }
  rte_mempool_obj_iter(pool, rte_pktmbuf_init, nullptr);
  return pool;
}

}  // namespace

StatusOr<PacketPool> PacketPool::create(const std::string& name, uint32_t count, uint32_t cache,
                                        int numa_node, uint16_t data) {
  const auto room = static_cast<uint16_t>(data + RTE_PKTMBUF_HEADROOM);
  rte_mempool* pool =
      rte_eal_has_hugepages()
          ? rte_pktmbuf_pool_create(name.c_str(), count, cache, kPacketPrivateSize, room, numa_node)
          : create_dense_pool(name.c_str(), count, cache, numa_node, room);
  if (!pool) {
    const uint64_t bytes = uint64_t{count} * (sizeof(Packet) + room);
    return exhausted("packet pool '" + name + "': " + std::to_string(count) + " buffers (" +
                     std::to_string((bytes >> 20) + 1) + " MiB) could not be had: " +
                     rte_strerror(rte_errno) + " (wanted: more memory, see memory_mb)");
  }
  return PacketPool(pool);
}

PacketPool::~PacketPool() {
  if (pool_) rte_mempool_free(pool_);
}

Packet* PacketPool::alloc() noexcept {
  rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
  if (!mbuf) return nullptr;
  note_allocated(mbuf);
  Packet* packet = to_packet(mbuf);
  packet->reset_facts(kNoPort);
  return packet;
}

uint32_t PacketPool::in_use() const { return rte_mempool_in_use_count(pool_); }
uint32_t PacketPool::size() const { return pool_->size; }
uint64_t PacketPool::bytes() const {
  return uint64_t{pool_->size} * (pool_->header_size + pool_->elt_size + pool_->trailer_size);
}

// Nearly all buffers are of one pool, and nobody else refers to them: those go back together.
void free_packets(std::span<Packet*> packets) noexcept {
  std::array<void*, kBurst> buffers;
  unsigned count = 0;
  rte_mempool* pool = nullptr;
  for (rte_mbuf* segment : packets) {
    while (segment) {
      rte_mbuf* const next = segment->next;
      note_freed(segment);
      rte_mbuf* const buffer = rte_pktmbuf_prefree_seg(segment);
      segment = next;
      if (!buffer) continue;
      if (count == buffers.size() || (pool != buffer->pool && count != 0)) {
        rte_mempool_put_bulk(pool, buffers.data(), count);
        count = 0;
      }
      pool = buffer->pool;
      buffers[count++] = buffer;
    }
  }
  if (count != 0) rte_mempool_put_bulk(pool, buffers.data(), count);
}

void truncate_packet(Packet& packet, uint32_t length) noexcept {
  rte_mbuf* last = &packet;
  uint32_t left = length;
  uint16_t kept = 1;
  for (; left > last->data_len; ++kept) {
    left -= last->data_len;
    last = last->next;
  }
  last->data_len = static_cast<uint16_t>(left);
  packet.pkt_len = length;
  packet.nb_segs = kept;
  rte_mbuf* rest = std::exchange(last->next, nullptr);
  for (rte_mbuf* segment = rest; segment; segment = segment->next) note_freed(segment);
  rte_pktmbuf_free(rest);
}

Packet* clone_packet(Packet& packet, PacketPool& pool) noexcept {
  rte_mbuf* clone = rte_pktmbuf_clone(&packet, pool.raw());
  if (!clone) return nullptr;
  for (rte_mbuf* segment = clone; segment; segment = segment->next) note_allocated(segment);
  copy_facts(packet, *to_packet(clone));
  return to_packet(clone);
}

Packet* clone_with_headroom(Packet& packet, PacketPool& pool) noexcept {
  Packet* head = pool.alloc();
  if (!head) return nullptr;
  Packet* body = clone_packet(packet, pool);
  if (!body) {
    free_packets(std::span(&head, 1));
    return nullptr;
  }
  copy_facts(packet, *head);
  head->ol_flags |= packet.ol_flags & Packet::kOffloadRequests;
  head->tso_segsz = packet.tso_segsz;
  head->next = body;
  head->nb_segs = static_cast<uint16_t>(body->nb_segs + 1);
  head->pkt_len = body->pkt_len;
  return head;
}

Packet* copy_packet(const Packet& packet, PacketPool& pool) noexcept {
  rte_mbuf* copy = rte_pktmbuf_copy(&packet, pool.raw(), 0, packet.length());
  if (!copy) return nullptr;
  for (rte_mbuf* segment = copy; segment; segment = segment->next) note_allocated(segment);
  copy_facts(packet, *to_packet(copy));
  return to_packet(copy);
}

Packet* make_alike(const Packet& packet, PacketPool& pool) noexcept {
  Packet* alike = pool.alloc();
  if (alike) copy_facts(packet, *alike);
  return alike;
}

bool split_packet(Packet& packet, uint16_t at, PacketPool& pool) noexcept {
  rte_mbuf* rest = pool.alloc();
  if (!rest) return false;
  rte_pktmbuf_attach(rest, &packet);
  rest->data_off = static_cast<uint16_t>(packet.data_off + at);
  rest->data_len = static_cast<uint16_t>(packet.data_len - at);
  rest->next = packet.next;
  packet.data_len = at;
  packet.next = rest;
  ++packet.nb_segs;
  return true;
}

}  // namespace butterfly
