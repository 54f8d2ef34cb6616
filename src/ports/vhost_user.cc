// SPDX-License-Identifier: Apache-2.0
#include "ports/vhost_user.h"

#include <fcntl.h>
#include <rte_version.h>
#include <rte_vhost.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <map>
#include <mutex>

#include "ports/pool_gate.h"
#include "ports/vhost_rings.h"

namespace butterfly {
namespace {

// Bits of virtio 1.2 §5.1.3 and §6; linux/virtio_net.h does not compile as C++.
constexpr uint64_t kCsum = 1ULL << 0;
constexpr uint64_t kGuestCsum = 1ULL << 1;
constexpr uint64_t kGuestTso4 = 1ULL << 7;
constexpr uint64_t kGuestTso6 = 1ULL << 8;
constexpr uint64_t kHostTso4 = 1ULL << 11;
constexpr uint64_t kHostTso6 = 1ULL << 12;
constexpr uint64_t kMergeableBuffers = 1ULL << 15;
constexpr uint64_t kRequests = kCsum | kHostTso4 | kHostTso6;
// What librte_vhost would offer and we do not carry.
constexpr uint64_t kNotOffered = 1ULL << 9 |   // GUEST_ECN
                                 1ULL << 10 |  // GUEST_UFO
                                 1ULL << 13 |  // HOST_ECN
                                 1ULL << 14;   // HOST_UFO
// What is offered only to whom it was asked for.
constexpr uint64_t kQueues = 1ULL << 22;
constexpr uint64_t kPackedRings = 1ULL << 34;

// Reconnecting is the dialler's.
constexpr uint64_t kServerFlags = RTE_VHOST_USER_NET_COMPLIANT_OL_FLAGS;
constexpr uint64_t kClientFlags =
    kServerFlags | RTE_VHOST_USER_CLIENT | RTE_VHOST_USER_NO_RECONNECT;

// Of the largest frame that an ordinary buffer holds, VLAN tag included.
constexpr uint16_t kLongestOrdinaryMtu = kBufferData - 18;

// Older libraries can be made to read far outside a frame by what a guest asks for (CVE-2024-11614,
// and reading the request twice): then nothing may be asked for.
bool library_reads_requests_safely() {
  int year = 0;
  int month = 0;
  int minor = 0;
  if (std::sscanf(rte_version(), "DPDK %d.%d.%d", &year, &month, &minor) != 3) return false;
  switch (year) {
    case 22:
      return minor >= 8;
    case 23:
      return minor >= 4;
    case 24:
      return minor >= 2;
    default:
      return year > 24;
  }
}

std::string name_of(const std::string& path) { return "vhost-user socket '" + path + "': "; }

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

int on_new_connection(int device) {
  VhostUserPort* port = find_port(device);
  return port && port->admit() ? 0 : -1;
}

void on_destroy_connection(int device) {
  if (VhostUserPort* port = find_port(device)) port->note_end();
}

int on_ring_changed(int device, uint16_t ring, int is_ready) {
  if (VhostUserPort* port = find_port(device)) port->note_ring(device, ring, is_ready != 0);
  return 0;
}

const rte_vhost_device_ops kCallbacks = [] {
  rte_vhost_device_ops ops{};
  ops.new_device = on_new_device;
  ops.destroy_device = on_destroy_device;
  ops.vring_state_changed = on_ring_changed;
  ops.new_connection = on_new_connection;
  ops.destroy_connection = on_destroy_connection;
  return ops;
}();

}  // namespace

StatusOr<std::unique_ptr<VhostUserPort>> VhostUserPort::create(const VhostOptions& options,
                                                               PacketPool& pool, PacketPool& large,
                                                               Quiescence& quiescence) {
  const std::string& path = options.path;
  const std::string what = name_of(path);
  if (path.size() > kMaxSocketPath) {
    return invalid(what + std::to_string(path.size()) + " bytes (wanted: at most " +
                   std::to_string(kMaxSocketPath) +
                   "; choose a shorter socket_directory or nic id)");
  }
  RETURN_IF_ERROR(PoolGate::make());
  std::vector<Share> shares;
  for (size_t place = 0; place < options.polling_lcores.size(); ++place) {
    Share share{Fd(epoll_create1(EPOLL_CLOEXEC)), Fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
                static_cast<uint16_t>(place), static_cast<uint16_t>(place)};
    if (!share.wake || !share.nudge || !watch(share.wake, share.nudge)) {
      return exhausted(what + "no descriptor left");
    }
    shares.push_back(std::move(share));
  }
  std::unique_ptr<VhostUserPort> port(
      new VhostUserPort(options, std::move(shares), pool, large, quiescence));
  {
    // librte_vhost itself would let two share a path.
    const std::lock_guard lock(registry_mutex);
    if (!registry().try_emplace(path, port.get()).second) {
      return absl::AlreadyExistsError(what + "serves another port");
    }
  }
  port->has_path_ = true;
  if (options.is_server) {
    RETURN_IF_ERROR(port->listen(options));
    return port;
  }
  if (!VhostDialler::instance().add(*port) && port->is_refused_.load()) {
    return unavailable(what + "librte_vhost refused it");
  }
  return port;
}

VhostUserPort::VhostUserPort(const VhostOptions& options, std::vector<Share> shares,
                             PacketPool& pool, PacketPool& large, Quiescence& quiescence)
    : path_(options.path),
      is_server_(options.is_server),
      has_queues_(options.has_queues),
      may_be_packed_(options.is_packed),
      lcores_(options.lcores),
      shares_(std::move(shares)),
      pool_(pool),
      large_(large),
      quiescence_(quiescence) {
  places_.resize(lcores_, kNoPlace);
  for (uint16_t place = 0; place < options.polling_lcores.size(); ++place) {
    const uint16_t lcore = options.polling_lcores[place];
    places_.resize(std::max<size_t>(places_.size(), lcore + 1u), kNoPlace);
    places_[lcore] = place;
  }
}

// A directory that lets in only whom the socket shall let in guards it until it has its mode.
Status VhostUserPort::listen(const VhostOptions& options) {
  const std::string what = "vhost-user socket '" + path_ + "'";
  RETURN_IF_ERROR(clear_socket_path(what, path_));
  if (!VhostDialler::instance().add(*this)) {
    return precondition(what +
                        ": cannot listen (wanted a directory that exists and may be written)");
  }
  return set_socket_rights(what, path_, options.mode, options.group);
}

VhostUserPort::~VhostUserPort() {
  if (!has_path_) return;
  VhostDialler::instance().remove(*this);
  const std::lock_guard lock(registry_mutex);
  registry().erase(path_);
}

bool VhostUserPort::enlist() {
  const uint64_t flags = is_server_ ? kServerFlags : kClientFlags;
  if (rte_vhost_driver_register(path_.c_str(), flags) != 0) return false;
  const uint64_t not_offered = kNotOffered | (library_reads_requests_safely() ? 0 : kRequests) |
                               (has_queues_ ? 0 : kQueues) | (may_be_packed_ ? 0 : kPackedRings);
  if (rte_vhost_driver_disable_features(path_.c_str(), not_offered) == 0 &&
      rte_vhost_driver_callback_register(path_.c_str(), &kCallbacks) == 0) {
    return true;
  }
  hang_up();
  return false;
}

// A path that is registered is also started: the library closes its descriptor then, sooner or
// later, and never that of one which was not.
bool VhostUserPort::dial() {
  is_refused_.store(!enlist());
  if (is_refused_.load()) return false;
  if (rte_vhost_driver_start(path_.c_str()) == 0) return true;
  hang_up();
  return false;
}

void VhostUserPort::hang_up() { rte_vhost_driver_unregister(path_.c_str()); }

// QEMU makes the socket with its own rights, which may not suit a daemon that is not root.
bool VhostUserPort::may_answer() const {
  if (is_server_) return false;
  const bool may_connect = access(path_.c_str(), W_OK) == 0;
  const bool is_forbidden = !may_connect && errno == EACCES;
  if (is_forbidden && !is_forbidden_) {
    spdlog::warn(
        "port {}: the socket may not be written to (wanted: leave for the daemon's user or group; "
        "QEMU in socket_group, with umask 002)",
        path_);
  }
  is_forbidden_ = is_forbidden;
  return may_connect;
}

// librte_vhost would take any number; each would be a guest of this one nic.
bool VhostUserPort::admit() {
  if (is_server_ && is_taken_.exchange(true)) {
    spdlog::warn("port {}: a second connection was refused (wanted: one guest a socket)", path_);
    return false;
  }
  forget_rings();
  return true;
}

void VhostUserPort::note_end() noexcept {
  forget_rings();
  if (is_server_) {
    is_taken_.store(false);
  } else {
    note_lost();
  }
}

// Edge-triggered, so that a kick is taken off by asking our own epoll (arm()): nothing is ever read
// from a descriptor that the other side has sent, which might block an lcore.
bool VhostUserPort::watch(const Fd& wake, const Fd& fd) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  return epoll_ctl(wake.get(), EPOLL_CTL_ADD, fd.get(), &event) == 0;
}

void VhostUserPort::watch_kicks(int device, uint16_t pair) {
  rte_vhost_vring ring{};
  if (rte_vhost_get_vhost_vring(device, from_guest(pair), &ring) != 0 || ring.kickfd < 0) return;
  kicks_[pair] = Fd(fcntl(ring.kickfd, F_DUPFD_CLOEXEC, 0));
  if (kicks_[pair]) watch(share_of_pair(pair).wake, kicks_[pair]);
}

void VhostUserPort::ignore_kicks(uint16_t pair) {
  if (!kicks_[pair]) return;
  epoll_ctl(share_of_pair(pair).wake.get(), EPOLL_CTL_DEL, kicks_[pair].get(), nullptr);
  kicks_[pair].reset();
}

// An lcore that sees a ring as ready a moment longer finds it locked or switched off by
// librte_vhost, and nothing in it.
void VhostUserPort::note_ring(int device, uint16_t ring, bool is_ready) {
  const uint16_t pair = ring / 2;
  if (pair >= kMaxQueuePairs) {
    if (is_ready) {
      spdlog::warn("port {}: queue pair {} is not served (wanted: at most {})", path_, pair + 1,
                   kMaxQueuePairs);
    }
    return;
  }
  rings_ = is_ready ? rings_ | 1U << ring : rings_ & ~(1U << ring);
  uint16_t pairs = 0;
  while (pairs < kMaxQueuePairs && (rings_ >> to_guest(pairs) & 1) != 0) ++pairs;
  send_pairs_.store(pairs, std::memory_order_release);
  if (ring != from_guest(pair)) return;
  ignore_kicks(pair);
  if (is_ready) {
    watch_kicks(device, pair);
    if (++last_life_ == 0) ++last_life_;
  }
  lives_[pair].store(is_ready ? last_life_ : uint16_t{0}, std::memory_order_release);
  // The lcore asks for kicks itself: not here, where librte_vhost holds the ring's lock.
  const uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(share_of_pair(pair).nudge.get(), &one, sizeof one);
}

void VhostUserPort::forget_rings() noexcept {
  rings_ = 0;
  send_pairs_.store(0, std::memory_order_release);
  for (uint16_t pair = 0; pair < kMaxQueuePairs; ++pair) {
    lives_[pair].store(0, std::memory_order_release);
    ignore_kicks(pair);
  }
}

void VhostUserPort::attach(int device) {
  uint64_t features = 0;
  rte_vhost_get_negotiated_features(device, &features);
  const bool checksum = (features & kGuestCsum) != 0;
  offloads_ = {checksum, checksum && (features & kGuestTso4) != 0,
               checksum && (features & kGuestTso6) != 0};
  uint16_t mtu = 0;
  rte_vhost_get_mtu(device, &mtu);  // says nothing when the guest has not been told
  guest_mtu_.store(mtu, std::memory_order_relaxed);
  sends_long_frames_ = (features & (kHostTso4 | kHostTso6)) != 0 || mtu > kLongestOrdinaryMtu;
  merges_buffers_ = (features & kMergeableBuffers) != 0;
  is_packed_ = (features & kPackedRings) != 0;
  for (uint16_t pair = 0; pair < kMaxQueuePairs; ++pair) {
    pairs_[pair].life = 0;
    is_ready(device, pair);
  }
  device_.store(device, std::memory_order_release);
  spdlog::info("port {}: guest connected", path_);
}

void VhostUserPort::detach() {
  device_.store(-1, std::memory_order_release);
  quiescence_.wait();  // beyond this line no lcore uses the device
  spdlog::info("port {}: guest gone", path_);
}

}  // namespace butterfly
