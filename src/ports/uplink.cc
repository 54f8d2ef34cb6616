// SPDX-License-Identifier: Apache-2.0
#include "ports/uplink.h"

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "ports/kernel_interface.h"
#include "wire/vlan_tag.h"

namespace butterfly {
namespace {

// Buffers for frames that do not fit ordinary ones: some bursts, and what waits for other lcores.
constexpr uint32_t kLongFramesALcore = 1024;
constexpr uint32_t kLongFramesCache = 64;
constexpr uint32_t kMaxUplinkMtu = 16'000;  // with af_packet's overhead in 16 KiB
// Kept free of an af_packet frame: TPACKET_V2's header and the link-level address before the data.
constexpr uint32_t kFrameOverhead = 128;

// Ethernet's header with a VLAN tag.
constexpr uint32_t kLinkHeader = 18;

using Owner = wire::UnderlaySplit::Owner;

uint32_t af_packet_frame(uint16_t mtu) {
  return std::bit_ceil(std::max<uint32_t>(kBufferData, mtu + kFrameOverhead + kLinkHeader));
}

std::string af_packet_device(const std::string& interface, uint16_t mtu, uint16_t queues) {
  const uint32_t frame = af_packet_frame(mtu);
  const uint32_t block = std::max<uint32_t>(4096, frame);
  return "net_af_packet_" + interface + ",iface=" + interface +
         ",qpairs=" + std::to_string(queues) + ",framesz=" + std::to_string(frame) +
         ",blocksz=" + std::to_string(block) + ",framecnt=1024";
}

Status driver_error(const std::string& device, const char* step, int error) {
  return unavailable("uplink '" + device + "': " + step + ": " + rte_strerror(std::abs(error)));
}

// The kernel side of an uplink, and what drives it.
struct KernelSide {
  KernelInterface facts;
  Fd claim;
};

StatusOr<KernelSide> take_kernel_interface(const UplinkOptions& options) {
  auto found = find_uplink_interface(options.device, options.force);
  if (!found.ok()) return found.status();
  auto claimed = claim_interface(options.device);
  if (!claimed.ok()) return claimed.status();
  return KernelSide{*std::move(found), *std::move(claimed)};
}

std::string af_xdp_device(const std::string& interface, uint16_t queues) {
  return "net_af_xdp_" + interface + ",iface=" + interface +
         ",start_queue=0,queue_count=" + std::to_string(queues);
}

// The kernel interface that a DPDK device is made of; empty: none, or one whose driver tells of its
// link.
std::string interface_of(const std::string& devargs) {
  constexpr std::string_view kKey = ",iface=";
  const size_t at = devargs.find(kKey);
  if (at == std::string::npos) return "";
  if (!devargs.starts_with("net_af_packet") && !devargs.starts_with("net_af_xdp")) return "";
  const size_t begin = at + kKey.size();
  return devargs.substr(begin, devargs.find(',', begin) - begin);
}

StatusOr<uint16_t> probe(const std::string& device, const std::string& devargs) {
  const std::string name = devargs.substr(0, devargs.find(','));
  if (const int error = rte_dev_probe(devargs.c_str()); error != 0) {
    return driver_error(device, "no driver took it", error);
  }
  uint16_t ethdev = 0;
  if (rte_eth_dev_get_port_by_name(name.c_str(), &ethdev) != 0) {
    return not_found("uplink '" + device + "': no Ethernet device came of it (wanted: a network " +
                     "device bound to a DPDK driver, or a vdev string such as " +
                     "net_af_packet0,iface=eth0)");
  }
  return ethdev;
}

}  // namespace

StatusOr<std::unique_ptr<UplinkPort>> UplinkPort::create(const UplinkOptions& options,
                                                         PacketPool& pool) {
  if (is_dpdk_device(options.device)) return start_device(options, options.device, pool);
  auto side = take_kernel_interface(options);
  if (!side.ok()) return side.status();
  const uint16_t mtu = side->facts.mtu;
  std::vector<std::string> warnings;
  std::unique_ptr<UplinkPort> port;
  if (options.af_xdp && mtu + kLinkHeader > kBufferData) {
    warnings.push_back("uplink '" + options.device + "': its MTU of " + std::to_string(mtu) +
                       " is too large for af_xdp (wanted at most " +
                       std::to_string(kBufferData - kLinkHeader) +
                       "); af_packet drives it, slower");
  } else if (options.af_xdp) {
    auto made = start_device(options, af_xdp_device(options.device, options.lcores), pool);
    if (made.ok()) {
      port = std::move(*made);
    } else {
      warnings.push_back(std::string(made.status().message()) +
                         "; af_packet drives it instead of af_xdp, slower");
    }
  }
  if (!port) {
    auto made = start_device(options, af_packet_device(options.device, mtu, options.lcores), pool,
                             af_packet_frame(mtu));
    if (!made.ok()) return made.status();
    port = std::move(*made);
    RETURN_IF_ERROR(port->watch_arrivals(options.device, side->facts.index));
  }
  port->claim_ = std::move(side->claim);
  port->mtu_ = options.mtu.value_or(mtu);
  if (side->facts.is_veth) {
    warnings.push_back(
        "uplink '" + options.device +
        "' is a veth: a kernel sender behind it leaves checksums "
        "unfinished and its packets would be refused by guests; run ethtool -K IFACE tx off tso "
        "off gso off on the kernel's end");
  }
  port->warnings_.insert(port->warnings_.end(), warnings.begin(), warnings.end());
  return port;
}

// `frame` of other than 0: the driver copies frames of up to so many bytes into one buffer.
StatusOr<std::unique_ptr<UplinkPort>> UplinkPort::start_device(const UplinkOptions& options,
                                                               const std::string& devargs,
                                                               PacketPool& pool, uint32_t frame) {
  auto ethdev = probe(options.device, devargs);
  if (!ethdev.ok()) return ethdev.status();
  std::unique_ptr<UplinkPort> port(
      new UplinkPort(*ethdev, options.lcores, options.vlan.value_or(0)));
  port->interface_ = interface_of(devargs);
  port->is_copied_ = frame != 0;
  port->frame_bytes_ = frame;
  RETURN_IF_ERROR(port->configure(options, pool));
  return port;
}

Status UplinkPort::watch_arrivals(const std::string& interface, int index) {
  for (uint16_t lcore = 0; lcore < lcores_; ++lcore) {
    auto wake = open_arrival_socket(interface, index);
    if (!wake.ok()) return wake.status();
    wake_.push_back(std::move(*wake));
  }
  return ok_status();
}

Status UplinkPort::configure(const UplinkOptions& options, PacketPool& pool) {
  rte_eth_dev_info info{};
  if (const int error = rte_eth_dev_info_get(ethdev_, &info); error != 0) {
    return driver_error(options.device, "device information", error);
  }
  driver_ = info.driver_name;
  takes_segments_ = (info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0;
  receive_queues_ = std::min(options.lcores, info.max_rx_queues);
  transmit_queues_ = std::min(options.lcores, info.max_tx_queues);
  if (transmit_queues_ < options.lcores) {
    warnings_.push_back("uplink '" + options.device + "' has " + std::to_string(transmit_queues_) +
                        " transmit queue(s) for " + std::to_string(options.lcores) +
                        " lcores: they share");
  }
  transmit_locks_ = std::make_unique<Lock[]>(transmit_queues_);
  rte_eth_conf config{};
  config.rxmode.mq_mode = receive_queues_ > 1 ? RTE_ETH_MQ_RX_RSS : RTE_ETH_MQ_RX_NONE;
  config.rx_adv_conf.rss_conf.rss_hf =
      (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP) & info.flow_type_rss_offloads;
  if (config.rx_adv_conf.rss_conf.rss_hf == 0) config.rxmode.mq_mode = RTE_ETH_MQ_RX_NONE;
  config.txmode.offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS & info.tx_offload_capa;
  config.intr_conf.rxq = options.sleeps && is_dpdk_device(options.device) ? 1 : 0;
  auto room = make_room(options, pool);
  if (!room.ok()) return room.status();
  Status status = start(options, **room, config);
  if (!status.ok() && config.intr_conf.rxq != 0) {  // a driver or a bus without interrupts
    config.intr_conf.rxq = 0;
    status = start(options, **room, config);
  }
  RETURN_IF_ERROR(status);
  if (config.intr_conf.rxq != 0) watch_interrupts();
  if (options.all_macs) {
    takes_all_macs_ = rte_eth_promiscuous_enable(ethdev_) == 0;
    if (!takes_all_macs_) {
      warnings_.push_back("uplink '" + options.device +
                          "': takes no frames to another MAC than its own, which the underlay may "
                          "send to it when it takes over");
    }
  }
  rte_ether_addr address{};
  rte_eth_macaddr_get(ethdev_, &address);
  std::memcpy(mac_.bytes.data(), address.addr_bytes, 6);
  return ok_status();
}

// An ordinary buffer is what af_packet gives frames of up to its own size.
StatusOr<PacketPool*> UplinkPort::make_room(const UplinkOptions& options, PacketPool& pool) {
  uint16_t mtu = 1500;
  if (options.mtu) {
    mtu = *options.mtu;
  } else {
    rte_eth_dev_get_mtu(ethdev_, &mtu);
  }
  const uint32_t frame = std::max<uint32_t>(frame_bytes_, mtu + kLinkHeader);
  if (frame <= kBufferData) return &pool;
  if (frame > kLargeBufferData) {
    return precondition("uplink '" + options.device + "': takes frames of " +
                        std::to_string(frame) + " bytes (wanted an MTU of at most " +
                        std::to_string(kMaxUplinkMtu) + ")");
  }
  // What waits in the rings, and as much again on its way.
  const uint32_t count = (is_dpdk_device(options.device) ? receive_queues_ * kUplinkSlots : 0u) +
                         kLongFramesALcore * lcores_;
  // Two uplinks may each have one.
  const std::string name = rte_mempool_lookup("long-frames") == nullptr
                               ? "long-frames"
                               : "long-frames-" + std::to_string(ethdev_);
  auto made = PacketPool::create(name, count, kLongFramesCache, -1, static_cast<uint16_t>(frame));
  if (!made.ok()) return made.status();
  return &long_frames_.emplace(std::move(*made));
}

Status UplinkPort::start(const UplinkOptions& options, PacketPool& pool,
                         const rte_eth_conf& config) {
  int error = rte_eth_dev_configure(ethdev_, receive_queues_, transmit_queues_, &config);
  if (error != 0) return driver_error(options.device, "configure", error);
  uint16_t receive_slots = kUplinkSlots;
  uint16_t transmit_slots = kUplinkSlots;
  rte_eth_dev_adjust_nb_rx_tx_desc(ethdev_, &receive_slots, &transmit_slots);
  const auto node = static_cast<unsigned>(rte_eth_dev_socket_id(ethdev_));
  for (uint16_t queue = 0; queue < receive_queues_ && error == 0; ++queue) {
    error = rte_eth_rx_queue_setup(ethdev_, queue, receive_slots, node, nullptr, pool.raw());
  }
  for (uint16_t queue = 0; queue < transmit_queues_ && error == 0; ++queue) {
    error = rte_eth_tx_queue_setup(ethdev_, queue, transmit_slots, node, nullptr);
  }
  if (error != 0) return driver_error(options.device, "queues", error);
  // A kernel interface stays as it is: af_packet would set the interface's own MTU, for good.
  if (options.mtu && is_dpdk_device(options.device)) {
    // Some virtual devices have none to set.
    error = rte_eth_dev_set_mtu(ethdev_, *options.mtu);
    if (error != 0 && error != -ENOTSUP) return driver_error(options.device, "MTU", error);
  }
  if (rte_eth_dev_get_mtu(ethdev_, &mtu_) != 0) mtu_ = 1500;
  if (options.mtu) mtu_ = *options.mtu;
  if (error = rte_eth_dev_start(ethdev_); error != 0) {
    return driver_error(options.device, "start", error);
  }
  // Neighbour discovery's groups, and those that segments flood to. Drivers that have no such
  // filter give us everything anyway.
  rte_eth_allmulticast_enable(ethdev_);
  return ok_status();
}

// Some drivers give a descriptor and no way to ask for interrupts.
bool UplinkPort::watch_queue(uint16_t queue, const Fd& wake) {
  return rte_eth_dev_rx_intr_enable(ethdev_, queue) == 0 &&
         rte_eth_dev_rx_intr_disable(ethdev_, queue) == 0 &&
         rte_eth_dev_rx_intr_ctl_q(ethdev_, queue, wake.get(), RTE_INTR_EVENT_ADD, nullptr) == 0;
}

// Edge-triggered (rte_eth_dev_rx_intr_ctl_q makes it so): asking the epoll takes an interrupt off.
void UplinkPort::watch_interrupts() {
  for (uint16_t lcore = 0; lcore < lcores_; ++lcore) {
    Fd wake(epoll_create1(EPOLL_CLOEXEC));
    if (!wake || (lcore < receive_queues_ && !watch_queue(lcore, wake))) {
      wake_.clear();
      return;
    }
    wake_.push_back(std::move(wake));
  }
  has_interrupts_ = true;
}

UplinkPort::~UplinkPort() {
  host_port_.reset();
  rte_eth_dev_info info{};
  rte_device* device = rte_eth_dev_info_get(ethdev_, &info) == 0 ? info.device : nullptr;
  if (takes_all_macs_) rte_eth_promiscuous_disable(ethdev_);
  rte_eth_dev_stop(ethdev_);
  rte_eth_dev_close(ethdev_);
  if (device) rte_dev_remove(device);
}

uint16_t UplinkPort::receive(uint16_t lcore, std::span<Packet*> packets) noexcept {
  if (lcore >= receive_queues_) return 0;
  const uint16_t count = rte_eth_rx_burst(ethdev_, lcore, to_mbufs(packets.data()),
                                          static_cast<uint16_t>(packets.size()));
  if (count > 0 && is_armed_[lcore]) [[unlikely]] {
    rte_eth_dev_rx_intr_disable(ethdev_, lcore);
    is_armed_[lcore] = 0;
  }
  if (host_port_) {
    if (lcore == 0) send_for_host(lcore);
    return sort_out(packets.first(count));
  }
  if (vlan_ != 0 || is_copied_) settle_tags(packets.first(count));
  return count;
}

// The kernel has the whole wire: VLANs other than ours, too, if we are in one.
uint16_t UplinkPort::sort_out(std::span<Packet*> packets) noexcept {
  settle_tags(packets);
  std::array<Packet*, kBurst> theirs;
  size_t their_count = 0;
  uint16_t kept = 0;
  for (Packet* packet : packets) {
    const bool is_tagged = wire::has_vlan_tag(packet->bytes());
    const auto owner = is_tagged ? Owner::kernel : split_->owner_of(packet->bytes());
    if (owner != Owner::tunnel) give_to_host(*packet, is_tagged);
    (owner == Owner::kernel ? theirs[their_count++] : packets[kept++]) = packet;
  }
  free_packets(std::span(theirs.data(), their_count));
  return kept;
}

// As it was on the wire: with our VLAN's tag if it had that, and none if it had none.
void UplinkPort::give_to_host(Packet& packet, bool is_tagged) noexcept {
  const bool had_none = is_tagged && wire::take_vlan_tag(packet.bytes(), 0);
  if (had_none) packet.strip(wire::kVlanTagLength);
  const bool had_ours = !is_tagged && vlan_ != 0;
  if (had_ours && packet.prepend(wire::kVlanTagLength)) wire::put_vlan_tag(packet.bytes(), vlan_);
  host_port_->give(packet);
  if (had_ours && wire::take_vlan_tag(packet.bytes(), vlan_)) packet.strip(wire::kVlanTagLength);
}

// A full ring costs the kernel its frames, as a full card would.
void UplinkPort::send_for_host(uint16_t lcore) noexcept {
  std::array<Packet*, kBurst> burst;
  const uint16_t count = host_port_->take(burst);
  if (count == 0) return;
  const uint16_t taken = put_on_wire(lcore, std::span(burst).first(count));
  free_packets(std::span(burst).subspan(taken, count - taken));
}

// Frames of our VLAN, or without one when we are in none, have no tag afterwards; all others keep
// theirs, or get one that names none, and are dropped for it. The kernel takes tags out of frames
// itself, and hands them over beside these (packet(7)).
void UplinkPort::settle_tags(std::span<Packet*> packets) noexcept {
  for (Packet* packet : packets) {
    const bool is_stripped = (packet->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0;
    if (is_stripped) {
      packet->ol_flags &= ~(RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED);
      if (vlan_ != 0 && (packet->vlan_tci & wire::kVlanIdMask) == vlan_) continue;
    } else if (vlan_ == 0) {
      continue;
    } else if (wire::take_vlan_tag(packet->bytes(), vlan_)) {
      packet->strip(wire::kVlanTagLength);
      continue;
    } else if (wire::has_vlan_tag(packet->bytes())) {
      continue;
    }
    if (packet->data_len < 14 || !packet->prepend(wire::kVlanTagLength)) continue;
    wire::put_vlan_tag(packet->bytes(), is_stripped ? packet->vlan_tci : uint16_t{0});
  }
}

// How many got their tag: all, since each has its first segment for itself and room in front of
// what was just written there.
size_t UplinkPort::tag(std::span<Packet*> packets) noexcept {
  size_t count = 0;
  for (Packet* packet : packets) {
    if (!packet->prepend(wire::kVlanTagLength)) break;
    wire::put_vlan_tag(packet->bytes(), vlan_);
    ++count;
  }
  return count;
}

// How many of the first are in one piece then: all whose first segment has room for the others.
size_t UplinkPort::join_segments(std::span<Packet*> packets) noexcept {
  const auto in_one = [](Packet* packet) {
    return packet->nb_segs == 1 || rte_pktmbuf_linearize(packet) == 0;
  };
  return static_cast<size_t>(std::ranges::find_if_not(packets, in_one) - packets.begin());
}

uint16_t UplinkPort::put_on_wire(uint16_t lcore, std::span<Packet*> packets) noexcept {
  const uint16_t queue = static_cast<uint16_t>(lcore % transmit_queues_);
  std::atomic_flag& lock = transmit_locks_[queue].taken;
  while (lock.test_and_set(std::memory_order_acquire)) rte_pause();
  const uint16_t taken = rte_eth_tx_burst(ethdev_, queue, to_mbufs(packets.data()),
                                          static_cast<uint16_t>(packets.size()));
  lock.clear(std::memory_order_release);
  return taken;
}

bool UplinkPort::send_plain(Packet& packet) noexcept {
  Packet* one = &packet;
  return put_on_wire(0, std::span(&one, 1)) == 1;
}

Port::Sent UplinkPort::transmit(uint16_t lcore, std::span<Packet*> packets) noexcept {
  const size_t wanted = packets.size();
  if (!takes_segments_) packets = packets.first(join_segments(packets));
  const size_t joined = packets.size();
  if (vlan_ != 0) packets = packets.first(tag(packets));
  const uint16_t taken = put_on_wire(lcore, packets);
  if (vlan_ != 0) {
    for (Packet* packet : packets.subspan(taken)) {
      if (wire::take_vlan_tag(packet->bytes(), vlan_)) packet->strip(wire::kVlanTagLength);
    }
  }
  if (taken == wanted) return {taken, Refusal::none};
  return {taken, taken == joined ? Refusal::too_long : Refusal::ring_full};
}

Status UplinkPort::share_with_host(const HostShare& share, PacketPool& pool, PacketPool& large) {
  auto made = HostPort::create(share.name, mac_, mtu_, pool, large);
  if (!made.ok()) return made.status();
  host_port_ = std::move(*made);
  split_.emplace(share.vtep, share.udp_port);
  return make_wakes_for_host();
}

// The first lcore sends for the kernel: it is woken by that, too.
Status UplinkPort::make_wakes_for_host() {
  if (wake_.empty()) return ok_status();  // it looks every millisecond
  if (!has_interrupts_) {
    arrivals_ = std::exchange(wake_, {});
    for (const Fd& arrival : arrivals_) {
      Fd wake(epoll_create1(EPOLL_CLOEXEC));
      epoll_event event{};
      event.events = EPOLLIN;
      if (!wake || epoll_ctl(wake.get(), EPOLL_CTL_ADD, arrival.get(), &event) != 0) {
        return exhausted("host port: no descriptor left");
      }
      wake_.push_back(std::move(wake));
    }
  }
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  if (epoll_ctl(wake_[0].get(), EPOLL_CTL_ADD, host_port_->wake_fd(), &event) != 0) {
    return exhausted("host port: no descriptor left");
  }
  return ok_status();
}

Port::Armed UplinkPort::arm_for(uint16_t lcore) noexcept {
  const Armed armed = arm_device(lcore);
  const bool waits = host_port_ && lcore == 0 && !host_port_->is_empty();
  return waits ? Armed::packets_wait : armed;
}

Port::Armed UplinkPort::arm_device(uint16_t lcore) noexcept {
  const int wake = wake_fd_for(lcore);
  const int fd = lcore < arrivals_.size() ? arrivals_[lcore].get() : wake;
  if (has_interrupts_ || !arrivals_.empty()) {
    std::array<epoll_event, 3> news;
    epoll_wait(wake, news.data(), static_cast<int>(news.size()), 0);
  }
  if (has_interrupts_) {
    if (lcore >= receive_queues_) return Armed::yes;
    is_armed_[lcore] = rte_eth_dev_rx_intr_enable(ethdev_, lcore) == 0;
    return is_armed_[lcore] ? Armed::yes : Armed::nobody_there;
  }
  uint8_t byte;
  while (fd >= 0 && ::recv(fd, &byte, 1, MSG_DONTWAIT | MSG_TRUNC) >= 0) {
  }
  return Armed::yes;
}

// Drivers over kernel interfaces say that the link is up whatever it is.
bool UplinkPort::is_connected() const noexcept {
  if (!interface_.empty()) return has_carrier(interface_);
  rte_eth_link link{};
  return rte_eth_link_get_nowait(ethdev_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

}  // namespace butterfly
