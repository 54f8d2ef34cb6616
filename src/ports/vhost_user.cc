// SPDX-License-Identifier: Apache-2.0
#include "ports/vhost_user.h"

#include <fcntl.h>
#include <rte_vhost.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>

#include <map>
#include <mutex>

namespace butterfly {
namespace {

// Ring numbers as librte_vhost counts them: seen from the guest, queue 0 receives, 1 sends.
constexpr uint16_t kToGuest = 0;
constexpr uint16_t kFromGuest = 1;

// What librte_vhost would offer and we do not (yet) carry: a wrong checksum or an unsegmented
// packet must never reach a wire; a packed ring does not survive our restart.
// Bit numbers of virtio 1.2 §5.1.3 and §6; linux/virtio_net.h does not compile as C++.
constexpr uint64_t kNotOffered = 1ULL << 0 |   // CSUM
                                 1ULL << 1 |   // GUEST_CSUM
                                 1ULL << 7 |   // GUEST_TSO4
                                 1ULL << 8 |   // GUEST_TSO6
                                 1ULL << 9 |   // GUEST_ECN
                                 1ULL << 10 |  // GUEST_UFO
                                 1ULL << 11 |  // HOST_TSO4
                                 1ULL << 12 |  // HOST_TSO6
                                 1ULL << 13 |  // HOST_ECN
                                 1ULL << 14 |  // HOST_UFO
                                 1ULL << 22 |  // MQ
                                 1ULL << 34;   // RING_PACKED

// One buffer a frame: without it librte_vhost copies whatever length a descriptor states, chaining
// buffers until the pool is empty, and one guest could stop everybody. What is longer than
// kBufferData it drops; no link of ours carries that either.
constexpr uint64_t kRegisterFlags = RTE_VHOST_USER_CLIENT | RTE_VHOST_USER_NET_COMPLIANT_OL_FLAGS |
                                    RTE_VHOST_USER_LINEARBUF_SUPPORT;

// librte_vhost's callbacks carry only a device number; its "ifname" is the socket path.
std::mutex registry_mutex;
std::map<std::string, VhostUserPort*>& registry() {
  static std::map<std::string, VhostUserPort*> ports;
  return ports;
}

VhostUserPort* find_port(int device) {
  char path[kMaxSocketPath + 1] = {};
  if (rte_vhost_get_ifname(device, path, sizeof path) != 0) return nullptr;
  const std::lock_guard lock(registry_mutex);
  const auto it = registry().find(path);
  return it == registry().end() ? nullptr : it->second;
}

int on_new_device(int device) {
  VhostUserPort* port = find_port(device);
  if (!port) return -1;
  port->attach(device);
  return 0;
}

void on_destroy_device(int device) {
  if (VhostUserPort* port = find_port(device)) port->detach();
}

const rte_vhost_device_ops kCallbacks = [] {
  rte_vhost_device_ops ops{};
  ops.new_device = on_new_device;
  ops.destroy_device = on_destroy_device;
  return ops;
}();

}  // namespace

StatusOr<std::unique_ptr<VhostUserPort>> VhostUserPort::create(const std::string& path,
                                                               PacketPool& pool,
                                                               Quiescence& quiescence) {
  if (path.size() > kMaxSocketPath) {
    return invalid("vhost-user socket '" + path + "': " + std::to_string(path.size()) +
                   " bytes (wanted: at most " + std::to_string(kMaxSocketPath) +
                   "; choose a shorter socket_directory or nic id)");
  }
  Fd wake(epoll_create1(EPOLL_CLOEXEC));
  if (!wake) return exhausted("vhost-user socket '" + path + "': no descriptor left");
  std::unique_ptr<VhostUserPort> port(new VhostUserPort(path, std::move(wake), pool, quiescence));
  {
    // librte_vhost itself would let two share a path.
    const std::lock_guard lock(registry_mutex);
    if (!registry().try_emplace(path, port.get()).second) {
      return absl::AlreadyExistsError("vhost-user socket '" + path + "': serves another port");
    }
  }
  port->registered_ = true;
  if (rte_vhost_driver_register(path.c_str(), kRegisterFlags) != 0) {
    return unavailable("vhost-user socket '" + path + "': librte_vhost refused it");
  }
  if (rte_vhost_driver_disable_features(path.c_str(), kNotOffered) != 0 ||
      rte_vhost_driver_callback_register(path.c_str(), &kCallbacks) != 0 ||
      rte_vhost_driver_start(path.c_str()) != 0) {
    return unavailable("vhost-user socket '" + path + "': librte_vhost did not start it");
  }
  return port;
}

VhostUserPort::~VhostUserPort() {
  if (!registered_) return;
  rte_vhost_driver_unregister(path_.c_str());
  const std::lock_guard lock(registry_mutex);
  registry().erase(path_);
}

void VhostUserPort::attach(int device) {
  rte_vhost_vring ring{};
  if (rte_vhost_get_vhost_vring(device, kFromGuest, &ring) == 0 && ring.kickfd >= 0) {
    kick_ = Fd(fcntl(ring.kickfd, F_DUPFD_CLOEXEC, 0));
    // Edge-triggered, so that a kick is taken off by asking our own epoll (arm()): nothing is ever
    // read from a descriptor that the other side has sent, which might block an lcore.
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    if (kick_) epoll_ctl(wake_.get(), EPOLL_CTL_ADD, kick_.get(), &event);
  }
  rte_vhost_enable_guest_notification(device, kToGuest, 0);
  rte_vhost_enable_guest_notification(device, kFromGuest, 1);
  device_.store(device, std::memory_order_release);
  spdlog::info("port {}: guest connected", path_);
}

void VhostUserPort::detach() {
  device_.store(-1, std::memory_order_release);
  quiescence_.wait();  // beyond this line no lcore uses the device or the kick descriptor
  if (kick_) epoll_ctl(wake_.get(), EPOLL_CTL_DEL, kick_.get(), nullptr);
  kick_.reset();
  spdlog::info("port {}: guest gone", path_);
}

uint16_t VhostUserPort::receive(uint16_t, std::span<Packet*> packets) noexcept {
  const int device = device_.load(std::memory_order_acquire);
  if (device < 0) return 0;
  return rte_vhost_dequeue_burst(device, kFromGuest, pool_.raw(), to_mbufs(packets.data()),
                                 static_cast<uint16_t>(packets.size()));
}

Port::Sent VhostUserPort::transmit(uint16_t, std::span<Packet*> packets) noexcept {
  const int device = device_.load(std::memory_order_acquire);
  if (device < 0) return {0, Refusal::not_connected};
  const uint16_t taken = rte_vhost_enqueue_burst(device, kToGuest, to_mbufs(packets.data()),
                                                 static_cast<uint16_t>(packets.size()));
  free_packets(packets.first(taken));  // enqueue has copied them
  if (taken == packets.size()) return {taken, Refusal::none};
  // With buffers left it is the packet that does not fit, not its neighbours.
  const bool has_buffers = rte_vhost_avail_entries(device, kToGuest) != 0;
  return {taken, has_buffers ? Refusal::too_long : Refusal::ring_full};
}

bool VhostUserPort::arm() noexcept {
  const int device = device_.load(std::memory_order_acquire);
  if (device < 0) return true;
  epoll_event kick;
  epoll_wait(wake_.get(), &kick, 1, 0);
  rte_vhost_enable_guest_notification(device, kFromGuest, 1);
  // The guest may have sent between the last poll and the line above, without a kick.
  return rte_vhost_rx_queue_count(device, kFromGuest) == 0;
}

void VhostUserPort::disarm() noexcept {
  const int device = device_.load(std::memory_order_acquire);
  if (device >= 0) rte_vhost_enable_guest_notification(device, kFromGuest, 0);
}

}  // namespace butterfly
