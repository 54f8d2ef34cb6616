// SPDX-License-Identifier: Apache-2.0
// A guest's virtio-net device over vhost-user, on librte_vhost (virtio 1.2 §5.1; vhost-user.rst of
// QEMU). Client mode: QEMU listens on the socket, so our restart leaves it standing. Server mode:
// we listen, which is all that QEMU 2.1 to 2.6 can do.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/cache_line.h"
#include "base/fd.h"
#include "base/socket_file.h"
#include "base/status.h"
#include "graph/packet_pool.h"
#include "graph/port.h"
#include "graph/quiescence.h"
#include "ports/vhost_dialler.h"

namespace butterfly {

// The most queue pairs of a guest that are served.
inline constexpr uint16_t kMaxQueuePairs = 16;

struct VhostOptions {
  std::string path;
  bool is_server = false;  // we listen and QEMU connects; else the other way round
  // Of the socket, when it is we who make it; an empty group leaves it our own.
  unsigned mode = 0660;
  std::string group{};
  bool has_queues = false;  // offer more than one queue pair
  bool is_packed = false;   // offer packed rings
  // Who polls the port, by index: the guest's queue pairs are theirs in turn.
  std::vector<uint16_t> polling_lcores{0};
  uint16_t lcores = 1;  // of the host; all may send
};

// Offered: checksums and TCP segmentation, both ways (decision record 0009), and when asked for
// several queue pairs, as many as the guest enables up to kMaxQueuePairs, and packed rings, which
// do not survive our restart. Not offered, since librte_vhost does not carry it: ECN's segmentation
// bits, UDP fragmentation. What was offered once must be offered for ever: QEMU refuses a backend
// that takes away what a running guest has negotiated.
//
// With several pairs each is polled by one lcore, and each lcore sends by pairs of its own (while
// there are enough): a flow, which has one lcore, is spread over them by its hash and keeps its
// order, and no two lcores wait for the same ring.
//
// Frames of a guest that may send super-frames are received into large buffers; what fits an
// ordinary one is moved there at once. What does not fit its buffer is refused (ports/pool_gate.h).
//
// Threads, besides those of Port: librte_vhost's own thread reports the guest's coming and going;
// it waits for the lcores to be elsewhere before a device disappears. The guest is hostile: its
// ring is read by librte_vhost, its packets are checked by the bricks.
class VhostUserPort : public Port, public VhostLine {
 public:
  // As a client, connects as soon as QEMU listens, and again whenever it comes back; as a server,
  // listens, and serves one connection at a time. Received are packets of `pool` and, over
  // kBufferData bytes, of `large`. Errors: invalid_argument for a path over kMaxSocketPath bytes,
  // already_exists when this process serves it already, failed_precondition when a server's socket
  // cannot be made.
  static StatusOr<std::unique_ptr<VhostUserPort>> create(const VhostOptions& options,
                                                         PacketPool& pool, PacketPool& large,
                                                         Quiescence& quiescence);
  // Disconnects; returns when no callback can come any more. REQUIRES: no lcore can reach the port.
  ~VhostUserPort() override;

  uint16_t receive(uint16_t lcore, std::span<Packet*> packets) noexcept override;
  Sent transmit(uint16_t lcore, std::span<Packet*> packets) noexcept override;
  int wake_fd() const noexcept override { return shares_.front().wake.get(); }
  int wake_fd_for(uint16_t lcore) const noexcept override {
    const Share* share = share_of(lcore);
    return share ? share->wake.get() : -1;
  }
  Armed arm() noexcept override { return arm_share(shares_.front()); }
  Armed arm_for(uint16_t lcore) noexcept override {
    Share* share = share_of(lcore);
    return share ? arm_share(*share) : Armed::nobody_there;
  }
  // One queue pair only: several are spread over lcores already.
  bool move_polling(uint16_t from, uint16_t to) noexcept override;
  Offloads offloads() const noexcept override { return is_connected() ? offloads_ : Offloads{}; }
  bool is_connected() const noexcept override {
    return device_.load(std::memory_order_acquire) >= 0;
  }
  uint64_t refused_frames() const noexcept override {
    return refused_frames_.load(std::memory_order_relaxed);
  }
  uint16_t guest_mtu() const noexcept override {
    return guest_mtu_.load(std::memory_order_relaxed);
  }

  uint16_t queue_pairs() const noexcept override {
    return is_connected() ? send_pairs_.load(std::memory_order_relaxed) : uint16_t{0};
  }

  // As a server: whether somebody is connected, with or without a driver. Any thread.
  bool is_taken() const { return is_taken_.load(); }

  // librte_vhost's thread, or the dialler's: somebody has connected; whether it is to be served.
  bool admit();
  // librte_vhost's thread: the guest's driver is ready, or going away; the connection has ended.
  void attach(int device);
  void detach();
  void note_end() noexcept;
  // The same: a ring may be used from now on, or no longer. librte_vhost holds the locks of all.
  void note_ring(int device, uint16_t ring, bool is_ready);

  // The dialler's.
  bool dial() override;
  void hang_up() override;
  bool may_answer() const override;

 private:
  // What one lcore polls of the port.
  struct Share {
    Fd wake;             // an epoll that holds the kick descriptors of its pairs, and `nudge`
    Fd nudge;            // readable when one of them has begun
    uint16_t first = 0;  // pair; the others follow in steps of the number of shares
    uint16_t next = 0;   // pair to begin with; the lcore's
  };
  // Of a queue pair, its polling lcore's; while no lcore can see the device, attach()'s.
  struct alignas(kCacheLine) Pair {
    uint16_t life = 0;              // as in lives_, when it was last looked at
    bool is_armed = false;          // the guest is asked to kick
    uint16_t large_burst = kBurst;  // how many frames to take into large buffers
    uint16_t ring_position = 0;     // of the guest's ring, when it was last looked at
    uint16_t received = 0;          // since then
  };

  VhostUserPort(const VhostOptions& options, std::vector<Share> shares, PacketPool& pool,
                PacketPool& large, Quiescence& quiescence);

  // Registers the path with librte_vhost; nothing is connected yet.
  bool enlist();
  // As a server.
  Status listen(const VhostOptions& options);
  // Of an lcore that polls; null for others.
  const Share* share_of(uint16_t lcore) const noexcept {
    const uint16_t place = lcore < places_.size() ? places_[lcore] : kNoPlace;
    return place == kNoPlace ? nullptr : &shares_[place];
  }
  Share* share_of(uint16_t lcore) noexcept {
    return const_cast<Share*>(std::as_const(*this).share_of(lcore));
  }
  Share& share_of_pair(uint16_t pair) noexcept { return shares_[pair % shares_.size()]; }
  // The polling lcore's look at a pair: false while its ring from the guest is not ready. Sets up
  // one that has begun since the last look.
  bool is_ready(int device, uint16_t pair) noexcept {
    const uint16_t life = lives_[pair].load(std::memory_order_acquire);
    if (life == 0) return false;
    if (life != pairs_[pair].life) [[unlikely]]
      begin(device, pair, life);
    return true;
  }
  void begin(int device, uint16_t pair, uint16_t life) noexcept;
  void forget_rings() noexcept;
  static bool watch(const Fd& wake, const Fd& fd);
  void watch_kicks(int device, uint16_t pair);
  void ignore_kicks(uint16_t pair);

  uint16_t receive_from(int device, uint16_t pair, std::span<Packet*> packets) noexcept;
  uint16_t receive_large(int device, uint16_t pair, std::span<Packet*> packets) noexcept;
  uint16_t take_from_ring(int device, uint16_t pair, const PacketPool& pool,
                          std::span<Packet*> packets) noexcept;
  void note_refused(int device, uint16_t pair) noexcept;
  void ask_for_kicks(int device, uint16_t pair, bool wanted) noexcept;
  Armed arm_share(Share& share) noexcept;
  Sent send(int device, uint16_t pair, std::span<Packet*> packets) noexcept;
  Sent spread(int device, uint16_t first, uint16_t count, std::span<Packet*> packets) noexcept;

  static constexpr uint16_t kNoPlace = 0xffff;
  std::string path_;
  const bool is_server_;
  const bool has_queues_;
  const bool may_be_packed_;
  const uint16_t lcores_;
  std::vector<Share> shares_;
  std::vector<uint16_t> places_;       // in shares_, by lcore
  mutable bool is_forbidden_ = false;  // to connect, which was told: the dialler's thread
  // Our copies of the kick descriptors, by pair: librte_vhost's thread.
  std::array<Fd, kMaxQueuePairs> kicks_;
  uint32_t rings_ = 0;  // a bit for each that is ready: librte_vhost's thread
  PacketPool& pool_;
  PacketPool& large_;
  Quiescence& quiescence_;
  bool has_path_ = false;                // no other port of this process has it
  std::atomic<bool> is_refused_{false};  // librte_vhost did not register the path, the last time
  std::atomic<bool> is_taken_{false};    // as a server: somebody is connected
  std::atomic<uint16_t> guest_mtu_{0};
  // What the guest has negotiated; changed only while no lcore can see the device.
  Offloads offloads_;
  bool sends_long_frames_ = false;  // longer than an ordinary buffer
  bool merges_buffers_ = false;
  bool is_packed_ = false;
  std::atomic<int> device_{-1};  // librte_vhost's number; -1 while the guest is away
  // How many pairs, from the first on, can be sent by.
  std::atomic<uint16_t> send_pairs_{0};
  // By pair: 0 while its ring from the guest is not ready, else a number for each time it became
  // so.
  std::array<std::atomic<uint16_t>, kMaxQueuePairs> lives_{};
  uint16_t last_life_ = 0;

  // What is above others read for every burst that they send.
  std::array<Pair, kMaxQueuePairs> pairs_;
  std::atomic<uint64_t> refused_frames_{0};
};

}  // namespace butterfly
