// SPDX-License-Identifier: Apache-2.0
// A guest's virtio-net device over vhost-user, on librte_vhost (virtio 1.2 §5.1; vhost-user.rst of
// QEMU). Client mode: QEMU listens on the socket, so our restart leaves it standing. Server mode:
// we listen, which is all that QEMU 2.1 to 2.6 can do.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/cache_line.h"
#include "base/fd.h"
#include "base/socket_file.h"
#include "base/status.h"
#include "graph/packet_pool.h"
#include "graph/port.h"
#include "graph/quiescence.h"
#include "ports/vhost_dialler.h"

namespace butterfly {

struct VhostSocket {
  std::string path;
  bool is_server = false;  // we listen and QEMU connects; else the other way round
  // Of the socket, when it is we who make it; an empty group leaves it our own.
  unsigned mode = 0660;
  std::string group{};
};

// One queue pair. Offered: checksums and TCP segmentation, both ways (decision record 0009). Not
// offered, since librte_vhost does not carry it: ECN's segmentation bits, UDP fragmentation; nor
// packed rings, which do not survive our restart. What was offered once must be offered for ever:
// QEMU refuses a backend that takes away what a running guest has negotiated.
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
  static StatusOr<std::unique_ptr<VhostUserPort>> create(const VhostSocket& socket,
                                                         PacketPool& pool, PacketPool& large,
                                                         Quiescence& quiescence);
  // Disconnects; returns when no callback can come any more. REQUIRES: no lcore can reach the port.
  ~VhostUserPort() override;

  uint16_t receive(uint16_t lcore, std::span<Packet*> packets) noexcept override;
  Sent transmit(uint16_t lcore, std::span<Packet*> packets) noexcept override;
  int wake_fd() const noexcept override { return wake_.get(); }
  Armed arm() noexcept override;
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

  // As a server: whether somebody is connected, with or without a driver. Any thread.
  bool is_taken() const { return is_taken_.load(); }

  // librte_vhost's thread, or the dialler's: somebody has connected; whether it is to be served.
  bool admit();
  // librte_vhost's thread: the guest's driver is ready, or going away; the connection has ended.
  void attach(int device);
  void detach();
  void note_end() noexcept;

  // The dialler's.
  bool dial() override;
  void hang_up() override;
  bool may_answer() const override;

 private:
  VhostUserPort(const VhostSocket& socket, Fd wake, PacketPool& pool, PacketPool& large,
                Quiescence& quiescence)
      : path_(socket.path),
        is_server_(socket.is_server),
        wake_(std::move(wake)),
        pool_(pool),
        large_(large),
        quiescence_(quiescence) {}

  // Registers the path with librte_vhost; nothing is connected yet.
  bool enlist();
  // As a server.
  Status listen(const VhostSocket& socket);
  uint16_t receive_large(int device, std::span<Packet*> packets) noexcept;
  uint16_t take_from_ring(int device, const PacketPool& pool, std::span<Packet*> packets) noexcept;
  void note_refused(int device) noexcept;
  void ask_for_kicks(int device, bool wanted) noexcept;

  std::string path_;
  bool is_server_;
  Fd wake_;  // an epoll that holds the guest's kick descriptor while there is one
  Fd kick_;  // our copy of it; changed only while no lcore can see the device
  PacketPool& pool_;
  PacketPool& large_;
  Quiescence& quiescence_;
  bool has_path_ = false;              // no other port of this process has it
  std::atomic<bool> is_taken_{false};  // as a server: somebody is connected
  std::atomic<uint16_t> guest_mtu_{0};
  // What the guest has negotiated; changed only while no lcore can see the device.
  Offloads offloads_;
  bool sends_long_frames_ = false;  // longer than an ordinary buffer
  bool merges_buffers_ = false;
  std::atomic<int> device_{-1};  // librte_vhost's number; -1 while the guest is away

  // The polling lcore's; while no lcore can see the device, attach()'s. What is above others read
  // for every burst that they send.
  alignas(kCacheLine) bool is_armed_ = false;  // the guest is asked to kick
  uint16_t large_burst_ = kBurst;              // how many frames to take into large buffers
  uint16_t ring_position_ = 0;                 // of the guest's ring, when it was last looked at
  uint16_t received_ = 0;                      // since then
  std::atomic<uint64_t> refused_frames_{0};
};

}  // namespace butterfly
