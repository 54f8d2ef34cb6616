// SPDX-License-Identifier: Apache-2.0
#include "ports/vhost_user.h"

#include <fcntl.h>
#include <rte_memcpy.h>
#include <rte_version.h>
#include <rte_vhost.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <mutex>

#include "ports/pool_gate.h"

namespace butterfly {
namespace {

// Ring numbers as librte_vhost counts them: seen from the guest, queue 0 receives, 1 sends.
constexpr uint16_t kToGuest = 0;
constexpr uint16_t kFromGuest = 1;

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
                                 1ULL << 14 |  // HOST_UFO
                                 1ULL << 22 |  // MQ
                                 1ULL << 34;   // RING_PACKED

// Reconnecting is the dialler's.
constexpr uint64_t kServerFlags = RTE_VHOST_USER_NET_COMPLIANT_OL_FLAGS;
constexpr uint64_t kClientFlags =
    kServerFlags | RTE_VHOST_USER_CLIENT | RTE_VHOST_USER_NO_RECONNECT;

// Of the largest frame that an ordinary buffer holds, VLAN tag included.
constexpr uint16_t kLongestOrdinaryMtu = kBufferData - 18;

// After large frames so many are taken at once, so that a guest keeps the lcore from others for no
// longer than half a megabyte's copy.
constexpr uint16_t kLargeBurst = 8;

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

// For the port's guest to take it as it is, its header must stay untouched. librte_vhost would
// write a pseudo header's sum without the length into a super-frame, as Intel's NICs want it; a
// guest that forwards it would then send wrong checksums. It does not when the first segment ends
// before the TCP header does.
void keep_checksum(Packet& packet, PacketPool& pool) {
  const auto headers = static_cast<uint16_t>(packet.l2_len + packet.l3_len + packet.l4_len);
  if (packet.nb_segs == 1 && packet.data_len >= headers) {
    split_packet(packet, static_cast<uint16_t>(headers - 1), pool);
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

const rte_vhost_device_ops kCallbacks = [] {
  rte_vhost_device_ops ops{};
  ops.new_device = on_new_device;
  ops.destroy_device = on_destroy_device;
  ops.new_connection = on_new_connection;
  ops.destroy_connection = on_destroy_connection;
  return ops;
}();

}  // namespace

StatusOr<std::unique_ptr<VhostUserPort>> VhostUserPort::create(const VhostSocket& socket,
                                                               PacketPool& pool, PacketPool& large,
                                                               Quiescence& quiescence) {
  const std::string& path = socket.path;
  const std::string what = name_of(path);
  if (path.size() > kMaxSocketPath) {
    return invalid(what + std::to_string(path.size()) + " bytes (wanted: at most " +
                   std::to_string(kMaxSocketPath) +
                   "; choose a shorter socket_directory or nic id)");
  }
  RETURN_IF_ERROR(PoolGate::make());
  Fd wake(epoll_create1(EPOLL_CLOEXEC));
  if (!wake) return exhausted(what + "no descriptor left");
  std::unique_ptr<VhostUserPort> port(
      new VhostUserPort(socket, std::move(wake), pool, large, quiescence));
  {
    // librte_vhost itself would let two share a path.
    const std::lock_guard lock(registry_mutex);
    if (!registry().try_emplace(path, port.get()).second) {
      return absl::AlreadyExistsError(what + "serves another port");
    }
  }
  port->has_path_ = true;
  if (socket.is_server) {
    RETURN_IF_ERROR(port->listen(socket));
    return port;
  }
  if (!port->enlist()) return unavailable(what + "librte_vhost refused it");
  port->hang_up();
  VhostDialler::instance().add(*port);
  return port;
}

// A directory that lets in only whom the socket shall let in guards it until it has its mode.
Status VhostUserPort::listen(const VhostSocket& socket) {
  const std::string what = "vhost-user socket '" + path_ + "'";
  RETURN_IF_ERROR(clear_socket_path(what, path_));
  if (!VhostDialler::instance().add(*this)) {
    return precondition(what +
                        ": cannot listen (wanted a directory that exists and may be written)");
  }
  return set_socket_rights(what, path_, socket.mode, socket.group);
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
  const uint64_t not_offered = kNotOffered | (library_reads_requests_safely() ? 0 : kRequests);
  if (rte_vhost_driver_disable_features(path_.c_str(), not_offered) == 0 &&
      rte_vhost_driver_callback_register(path_.c_str(), &kCallbacks) == 0) {
    return true;
  }
  hang_up();
  return false;
}

bool VhostUserPort::dial() {
  if (!enlist()) return false;
  if (rte_vhost_driver_start(path_.c_str()) == 0) return true;
  hang_up();
  return false;
}

void VhostUserPort::hang_up() { rte_vhost_driver_unregister(path_.c_str()); }

bool VhostUserPort::may_answer() const { return !is_server_ && access(path_.c_str(), F_OK) == 0; }

// librte_vhost would take any number; each would be a guest of this one nic.
bool VhostUserPort::admit() {
  if (!is_server_ || !is_taken_.exchange(true)) return true;
  spdlog::warn("port {}: a second connection was refused (wanted: one guest a socket)", path_);
  return false;
}

void VhostUserPort::note_end() noexcept {
  if (is_server_) {
    is_taken_.store(false);
  } else {
    note_lost();
  }
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
  ask_for_kicks(device, true);
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
  uint16_t used = 0;
  rte_vhost_get_vring_base(device, kFromGuest, &ring_position_, &used);
  received_ = 0;
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
  return sends_long_frames_ ? receive_large(device, packets)
                            : take_from_ring(device, pool_, packets);
}

void VhostUserPort::ask_for_kicks(int device, bool wanted) noexcept {
  rte_vhost_enable_guest_notification(device, kFromGuest, wanted);
  is_armed_ = wanted;
}

uint16_t VhostUserPort::take_from_ring(int device, const PacketPool& pool,
                                       std::span<Packet*> packets) noexcept {
  const auto wanted = static_cast<uint16_t>(packets.size());
  const uint16_t count = rte_vhost_dequeue_burst(device, kFromGuest, PoolGate::open_once(pool),
                                                 to_mbufs(packets.data()), wanted);
  received_ = static_cast<uint16_t>(received_ + count);
  // A kick costs the guest more than its packets do. It was armed for an lcore that slept, or might
  // have, when the guest came; in poll mode nobody else would take that back.
  if (count > 0 && is_armed_) [[unlikely]]
    ask_for_kicks(device, false);
  if (count < wanted) note_refused(device);
  return count;
}

// Most frames are small all the same: they do not keep a large buffer from the next super-frame.
uint16_t VhostUserPort::receive_large(int device, std::span<Packet*> packets) noexcept {
  const size_t wanted = std::min<size_t>(large_burst_, packets.size());
  const uint16_t count = take_from_ring(device, large_, packets.first(wanted));
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
  large_burst_ = moved == count ? kBurst : kLargeBurst;
  return count;
}

// The ring has moved on by what was received and by what the library has dropped.
void VhostUserPort::note_refused(int device) noexcept {
  uint16_t position = 0;
  uint16_t used = 0;
  if (rte_vhost_get_vring_base(device, kFromGuest, &position, &used) != 0) return;
  const auto refused = static_cast<int16_t>(position - ring_position_ - received_);
  ring_position_ = position;
  received_ = 0;
  // Less than nothing: the library has announced a guest that has moved here (RARP).
  if (refused > 0) refused_frames_.fetch_add(refused, std::memory_order_relaxed);
}

Port::Sent VhostUserPort::transmit(uint16_t, std::span<Packet*> packets) noexcept {
  const int device = device_.load(std::memory_order_acquire);
  if (device < 0) return {0, Refusal::not_connected};
  if (offloads_.tso4 || offloads_.tso6) {
    for (Packet* packet : packets) {
      if ((packet->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0) keep_checksum(*packet, pool_);
    }
  }
  const uint16_t taken = rte_vhost_enqueue_burst(device, kToGuest, to_mbufs(packets.data()),
                                                 static_cast<uint16_t>(packets.size()));
  free_packets(packets.first(taken));  // enqueue has copied them
  if (taken == packets.size()) return {taken, Refusal::none};
  // With buffers left it is the packet that does not fit, not its neighbours.
  if (rte_vhost_avail_entries(device, kToGuest) == 0) return {taken, Refusal::ring_full};
  return {taken, merges_buffers_ ? Refusal::too_few_buffers : Refusal::too_long};
}

Port::Armed VhostUserPort::arm() noexcept {
  const int device = device_.load(std::memory_order_acquire);
  if (device < 0) return Armed::nobody_there;
  epoll_event kick;
  epoll_wait(wake_.get(), &kick, 1, 0);
  ask_for_kicks(device, true);
  // The guest may have sent between the last poll and the line above, without a kick.
  return rte_vhost_rx_queue_count(device, kFromGuest) == 0 ? Armed::yes : Armed::packets_wait;
}

}  // namespace butterfly
