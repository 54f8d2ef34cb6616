// SPDX-License-Identifier: Apache-2.0
#include "ports/vhost_user.h"

#include <fcntl.h>
#include <rte_memcpy.h>
#include <rte_version.h>
#include <rte_vhost.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <map>
#include <mutex>

#include "ports/pool_gate.h"

namespace butterfly {
namespace {

// Ring numbers as librte_vhost counts them: of each pair the first is the guest's to receive from.
constexpr uint16_t to_guest(uint16_t pair) { return static_cast<uint16_t>(2 * pair); }
constexpr uint16_t from_guest(uint16_t pair) { return static_cast<uint16_t>(2 * pair + 1); }
static_assert(2 * kMaxQueuePairs <= 32, "a bit for each ring");

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
  if (packet.data_len >= headers) {
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

void VhostUserPort::begin(int device, uint16_t pair, uint16_t life) noexcept {
  Pair& state = pairs_[pair];
  state = Pair{.life = life};
  uint16_t used = 0;
  rte_vhost_get_vring_base(device, from_guest(pair), &state.ring_position, &used);
  rte_vhost_enable_guest_notification(device, to_guest(pair), 0);
  ask_for_kicks(device, pair, true);
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
