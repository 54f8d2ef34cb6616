// SPDX-License-Identifier: Apache-2.0
// The host's physical side: any DPDK ethdev, named by PCI address, vdev string or kernel interface.
#pragma once

#include <rte_ethdev.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cache_line.h"
#include "base/fd.h"
#include "base/mac.h"
#include "base/status.h"
#include "graph/packet_pool.h"
#include "graph/port.h"
#include "ports/host_port.h"
#include "wire/underlay_split.h"

namespace butterfly {

// Who shares the uplink with our tunnels.
struct HostShare {
  std::string name;  // of the interface that the kernel gets
  IpAddress vtep;    // what is for us: our address, and UDP port of VXLAN
  uint16_t udp_port;
};

struct UplinkOptions {
  std::string device;              // "0000:3b:00.0", "net_af_xdp0,iface=eth1", "eth1"
  uint16_t lcores = 1;             // each gets a transmit queue, and a receive queue where it can
  bool force = false;              // take a kernel interface that carries the host's own address
  std::optional<uint16_t> mtu{};   // of the underlay; empty: ask the device
  bool sleeps = true;              // lcores want to be woken by what arrives
  bool af_xdp = false;             // drive a kernel interface by AF_XDP, where that works
  bool all_macs = false;           // take frames to other MACs than the device's, too
  std::optional<uint16_t> vlan{};  // frames carry this tag, 1 to 4,094; empty: none
};

// Of each receive or transmit ring, at most.
inline constexpr uint16_t kUplinkSlots = 1024;

class UplinkPort : public Port {
 public:
  // Makes the interface by which the kernel shares the uplink; once, before lcores know the port.
  // Errors as of HostPort::create().
  Status share_with_host(const HostShare& share, PacketPool& pool, PacketPool& large);
  // Probes, configures and starts the device. A kernel interface is driven through af_packet.
  // Frames that do not fit the buffers of `pool` get a pool of their own. Errors: not_found (no
  // such device or interface; the known ones are named), failed_precondition (the interface carries
  // the host's address, is down, is no Ethernet, or is another daemon's uplink), unavailable (the
  // driver refused, with its reason).
  static StatusOr<std::unique_ptr<UplinkPort>> create(const UplinkOptions& options,
                                                      PacketPool& pool);
  ~UplinkPort() override;

  // lcores without a receive queue of their own always get 0.
  uint16_t receive(uint16_t lcore, std::span<Packet*> packets) noexcept override;
  Sent transmit(uint16_t lcore, std::span<Packet*> packets) noexcept override;
  // A frame of the link itself, whatever VLAN the underlay is in; whether it is the port's then.
  bool send_plain(Packet& packet) noexcept;
  int wake_fd_for(uint16_t lcore) const noexcept override {
    return lcore < wake_.size() ? wake_[lcore].get() : -1;
  }
  Armed arm_for(uint16_t lcore) noexcept override;
  bool move_polling(uint16_t, uint16_t) noexcept override { return false; }
  bool is_connected() const noexcept override;
  // By which DPDK drives the device: "net_af_packet".
  const std::string& driver() const { return driver_; }

  const Mac& mac() const { return mac_; }
  // Largest IP packet the underlay carries, in bytes.
  uint16_t mtu() const { return mtu_; }
  uint16_t receive_queues() const { return receive_queues_; }
  // Ordinary buffers that may lie in its rings. The kernel's are no buffers of ours.
  uint32_t receive_slots() const {
    // AF_XDP fills a ring of its own beside that of what has come.
    const uint32_t rings = driver_ == "net_af_xdp" ? 2 : 1;
    return is_copied_ || long_frames_ ? 0 : rings * receive_queues_ * kUplinkSlots;
  }
  uint32_t transmit_slots() const {
    return is_copied_ ? 0 : uint32_t{transmit_queues_} * kUplinkSlots;
  }
  // Things an operator should know: veth checksums, shared queues.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  UplinkPort(uint16_t ethdev, uint16_t lcores, uint16_t vlan)
      : ethdev_(ethdev), lcores_(lcores), vlan_(vlan), is_armed_(lcores) {}
  static StatusOr<std::unique_ptr<UplinkPort>> start_device(const UplinkOptions& options,
                                                            const std::string& devargs,
                                                            PacketPool& pool, uint32_t frame = 0);
  Status watch_arrivals(const std::string& interface, int index);
  Status configure(const UplinkOptions& options, PacketPool& pool);
  Status start(const UplinkOptions& options, PacketPool& pool, const rte_eth_conf& config);
  // The pool to receive into: one of longer buffers when the underlay's frames want it.
  StatusOr<PacketPool*> make_room(const UplinkOptions& options, PacketPool& pool);
  // Takes out what is the kernel's; how many stay.
  uint16_t sort_out(std::span<Packet*> packets) noexcept;
  void give_to_host(Packet& packet, bool is_tagged) noexcept;
  uint16_t put_on_wire(uint16_t lcore, std::span<Packet*> packets) noexcept;
  Armed arm_device(uint16_t lcore) noexcept;
  void send_for_host(uint16_t lcore) noexcept;
  Status make_wakes_for_host();
  size_t join_segments(std::span<Packet*> packets) noexcept;
  size_t tag(std::span<Packet*> packets) noexcept;
  void settle_tags(std::span<Packet*> packets) noexcept;
  void watch_interrupts();
  bool watch_queue(uint16_t queue, const Fd& wake);

  uint16_t ethdev_;
  uint16_t lcores_;
  std::string interface_{};  // of the kernel, whose link is the device's; empty: the driver knows
  std::string driver_{};
  bool is_copied_ = false;  // by af_packet: rings hold no buffers, tags come beside frames
  bool takes_all_macs_ = false;
  bool takes_segments_ = true;  // several buffers a packet
  uint16_t vlan_;               // 0: none
  uint32_t frame_bytes_ = 0;    // that the driver puts into one buffer; 0: as the MTU wants
  std::optional<PacketPool> long_frames_;
  uint16_t receive_queues_ = 1;
  uint16_t transmit_queues_ = 1;
  uint16_t mtu_ = 1500;
  Mac mac_;
  // What wakes a sleeper, one for each lcore; empty: nothing does. An epoll that holds the
  // interrupt of the lcore's receive queue, if it has a queue; or, as af_packet has no interrupts,
  // a socket that sees the same frames.
  std::vector<Fd> wake_;
  bool has_interrupts_ = false;
  std::vector<Fd> arrivals_;  // those sockets, when wake_ holds epolls over them
  std::optional<wire::UnderlaySplit> split_;
  std::vector<uint8_t> is_armed_;  // by lcore, its own: an interrupt is asked for
  Fd claim_;                       // on the kernel interface, held while we drive it
  // Each lcore takes that of its queue for every burst; they contend only where they share one.
  struct alignas(kCacheLine) Lock {
    std::atomic_flag taken = ATOMIC_FLAG_INIT;
  };
  std::unique_ptr<Lock[]> transmit_locks_;
  std::vector<std::string> warnings_;
  std::unique_ptr<HostPort> host_port_;  // ends first: its thread
};

}  // namespace butterfly
