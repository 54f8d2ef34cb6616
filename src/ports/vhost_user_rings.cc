// SPDX-License-Identifier: Apache-2.0
// The lcores' side of a vhost-user port: what is taken from a guest's rings and written into them.
#include <rte_memcpy.h>
#include <rte_vhost.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>

#include "ports/pool_gate.h"
#include "ports/vhost_rings.h"
#include "ports/vhost_user.h"

namespace butterfly {
namespace {

// After large frames so many are taken at once, so that a guest keeps the lcore from others for no
// longer than half a megabyte's copy.
constexpr uint16_t kLargeBurst = 8;

// For the port's guest to take it as it is, its header must stay untouched. librte_vhost would
// write a pseudo header's sum without the length into a super-frame, as Intel's NICs want it; a
// guest that forwards it would then send wrong checksums. It does not when the first segment ends
// before the TCP header does.
void keep_checksum(Packet& packet, PacketPool& pool) {
  const auto headers = static_cast<uint16_t>(packet.l2_len + packet.l3_len + packet.l4_len);
  if (packet.data_len >= headers) {
    split_packet(packet, static_cast<uint16_t>(headers - 1), pool);
  }
}

}  // namespace

void VhostUserPort::begin(int device, uint16_t pair, uint16_t life) noexcept {
  Pair& state = pairs_[pair];
  state = Pair{.life = life};
  uint16_t used = 0;
  rte_vhost_get_vring_base(device, from_guest(pair), &state.ring_position, &used);
  rte_vhost_enable_guest_notification(device, to_guest(pair), 0);
  ask_for_kicks(device, pair, true);
}

uint16_t VhostUserPort::receive(uint16_t lcore, std::span<Packet*> packets) noexcept {
  const int device = device_.load(std::memory_order_acquire);
  if (device < 0) return 0;
  if (!has_queues_) return receive_from(device, 0, packets);
  Share* share = share_of(lcore);
  if (!share) return 0;
  // Each pair in turn is the first to be looked at: none can keep the others waiting.
  const auto step = static_cast<uint16_t>(shares_.size());
  uint16_t count = 0;
  for (uint16_t looks = share->first; looks < kMaxQueuePairs; looks += step) {
    const uint16_t pair = share->next;
    share->next = static_cast<uint16_t>(pair + step);
    if (share->next >= kMaxQueuePairs) share->next = share->first;
    count += receive_from(device, pair, packets.subspan(count));
    if (count == packets.size()) break;
  }
  return count;
}

uint16_t VhostUserPort::receive_from(int device, uint16_t pair,
                                     std::span<Packet*> packets) noexcept {
  if (!is_ready(device, pair)) return 0;
  return sends_long_frames_ ? receive_large(device, pair, packets)
                            : take_from_ring(device, pair, pool_, packets);
}

bool VhostUserPort::move_polling(uint16_t from, uint16_t to) noexcept {
  if (shares_.size() != 1 || !share_of(from) || to >= places_.size()) return false;
  places_[to] = std::exchange(places_[from], kNoPlace);
  return true;
}

void VhostUserPort::ask_for_kicks(int device, uint16_t pair, bool wanted) noexcept {
  rte_vhost_enable_guest_notification(device, from_guest(pair), wanted);
  pairs_[pair].is_armed = wanted;
}

uint16_t VhostUserPort::take_from_ring(int device, uint16_t pair, const PacketPool& pool,
                                       std::span<Packet*> packets) noexcept {
  const auto wanted = static_cast<uint16_t>(packets.size());
  const uint16_t count = rte_vhost_dequeue_burst(
      device, from_guest(pair), PoolGate::open_once(pool), to_mbufs(packets.data()), wanted);
  Pair& state = pairs_[pair];
  state.received = static_cast<uint16_t>(state.received + count);
  // A kick costs the guest more than its packets do. It was armed for an lcore that slept, or might
  // have, when the guest came; in poll mode nobody else would take that back.
  if (count > 0 && state.is_armed) [[unlikely]]
    ask_for_kicks(device, pair, false);
  if (count < wanted) note_refused(device, pair);
  return count;
}

// Most frames are small all the same: they do not keep a large buffer from the next super-frame.
uint16_t VhostUserPort::receive_large(int device, uint16_t pair,
                                      std::span<Packet*> packets) noexcept {
  uint16_t& large_burst = pairs_[pair].large_burst;
  const size_t wanted = std::min<size_t>(large_burst, packets.size());
  const uint16_t count = take_from_ring(device, pair, large_, packets.first(wanted));
  std::array<Packet*, kBurst> emptied;
  uint16_t moved = 0;
  for (Packet*& packet : packets.first(count)) {
    if (packet->length() > kBufferData) continue;
    Packet* small = pool_.alloc();
    if (!small) continue;
    const auto length = static_cast<uint16_t>(packet->length());
    rte_memcpy(rte_pktmbuf_append(small, length), packet->bytes().data(), length);
    small->ol_flags = packet->ol_flags;
    small->tx_offload = packet->tx_offload;
    emptied[moved++] = std::exchange(packet, small);
  }
  free_packets(std::span(emptied.data(), moved));
  large_burst = moved == count ? kBurst : kLargeBurst;
  return count;
}

// The ring has moved on by what was received and by what the library has dropped. A packed ring
// counts descriptors, of which a frame may have several: there nothing can be told from it.
void VhostUserPort::note_refused(int device, uint16_t pair) noexcept {
  Pair& state = pairs_[pair];
  uint16_t position = 0;
  uint16_t used = 0;
  if (is_packed_ || rte_vhost_get_vring_base(device, from_guest(pair), &position, &used) != 0) {
    return;
  }
  const auto refused = static_cast<int16_t>(position - state.ring_position - state.received);
  state.ring_position = position;
  state.received = 0;
  // Less than nothing: the library has announced a guest that has moved here (RARP).
  if (refused > 0) refused_frames_.fetch_add(refused, std::memory_order_relaxed);
}

Port::Sent VhostUserPort::transmit(uint16_t lcore, std::span<Packet*> packets) noexcept {
  const int device = device_.load(std::memory_order_acquire);
  if (device < 0) return {0, Refusal::not_connected};
  if (offloads_.tso4 || offloads_.tso6) {
    for (Packet* packet : packets) {
      if ((packet->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0) keep_checksum(*packet, pool_);
    }
  }
  const uint16_t pairs = send_pairs_.load(std::memory_order_acquire);
  if (pairs <= 1) return send(device, 0, packets);
  if (pairs <= lcores_) return send(device, static_cast<uint16_t>(lcore % pairs), packets);
  // Ours are every so many, from our own number on.
  const auto count = static_cast<uint16_t>((pairs - 1 - lcore) / lcores_ + 1);
  return count == 1 ? send(device, lcore, packets) : spread(device, lcore, count, packets);
}

Port::Sent VhostUserPort::send(int device, uint16_t pair, std::span<Packet*> packets) noexcept {
  const uint16_t ring = to_guest(pair);
  const uint16_t taken = rte_vhost_enqueue_burst(device, ring, to_mbufs(packets.data()),
                                                 static_cast<uint16_t>(packets.size()));
  free_packets(packets.first(taken));  // enqueue has copied them
  if (taken == packets.size()) return {taken, Refusal::none};
  // With buffers left it is the packet that does not fit, not its neighbours. Of a packed ring the
  // library cannot say; each is tried for itself.
  if (is_packed_) return {taken, Refusal::too_few_buffers};
  if (rte_vhost_avail_entries(device, ring) == 0) return {taken, Refusal::ring_full};
  return {taken, merges_buffers_ ? Refusal::too_few_buffers : Refusal::too_long};
}

// What was taken comes first afterwards, then what was refused for itself, then what a full ring
// has refused; of each pair in the order in which it was.
Port::Sent VhostUserPort::spread(int device, uint16_t first, uint16_t count,
                                 std::span<Packet*> packets) noexcept {
  // By bits of the flow's hash that have not chosen its lcore (owner_of).
  std::array<uint16_t, kBurst> choices;
  for (size_t i = 0; i < packets.size(); ++i) {
    choices[i] = static_cast<uint16_t>((packets[i]->flow_hash >> 15) * count >> 17);
  }
  std::array<Packet*, kBurst> alone;
  std::array<Packet*, kBurst> kept;
  size_t alone_count = 0;
  size_t kept_count = 0;
  Sent sent;
  for (uint16_t i = 0; i < count; ++i) {
    std::array<Packet*, kBurst> chosen;
    uint16_t size = 0;
    for (size_t at = 0; at < packets.size(); ++at) {
      if (choices[at] == i) chosen[size++] = packets[at];
    }
    if (size == 0) continue;
    const std::span group(chosen.data(), size);
    const auto pair = static_cast<uint16_t>(first + i * lcores_);
    const Sent part = send(device, pair, group);
    sent.taken = static_cast<uint16_t>(sent.taken + part.taken);
    if (part.taken == size) continue;
    const bool is_alone = part.refusal != Refusal::ring_full;
    if (is_alone || sent.refusal == Refusal::none) sent.refusal = part.refusal;
    for (Packet* packet : group.subspan(part.taken)) {
      (is_alone ? alone[alone_count++] : kept[kept_count++]) = packet;
    }
  }
  std::span rest = packets.subspan(sent.taken);
  std::copy_n(alone.begin(), alone_count, rest.begin());
  std::copy_n(kept.begin(), kept_count, rest.begin() + static_cast<ptrdiff_t>(alone_count));
  return sent;
}

Port::Armed VhostUserPort::arm_share(Share& share) noexcept {
  const int device = device_.load(std::memory_order_acquire);
  if (device < 0) return Armed::nobody_there;
  std::array<epoll_event, kMaxQueuePairs + 1> kicks;
  epoll_wait(share.wake.get(), kicks.data(), static_cast<int>(kicks.size()), 0);
  bool is_empty = true;
  for (size_t pair = share.first; pair < kMaxQueuePairs; pair += shares_.size()) {
    const auto number = static_cast<uint16_t>(pair);
    if (!is_ready(device, number)) continue;
    ask_for_kicks(device, number, true);
    // The guest may have sent between the last poll and the line above, without a kick. Of a packed
    // ring the library cannot say; whoever arms a port polls it once more.
    is_empty =
        is_empty && (is_packed_ || rte_vhost_rx_queue_count(device, from_guest(number)) == 0);
  }
  return is_empty ? Armed::yes : Armed::packets_wait;
}

}  // namespace butterfly
