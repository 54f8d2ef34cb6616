// SPDX-License-Identifier: Apache-2.0
#include "ports/tap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <thread>

#include "ports/interface_request.h"

namespace butterfly {
namespace {

Status refused(const std::string& name, const char* call, int error) {
  const std::string message = "tap '" + name + "': " + call + ": " + std::strerror(error);
  if (error == EBUSY) {
    return absl::AlreadyExistsError(message + " (wanted: an interface that no process holds)");
  }
  if (error == EPERM || error == EACCES) {
    return absl::PermissionDeniedError(message + " (wanted: root or CAP_NET_ADMIN)");
  }
  return unavailable(message);
}

int set_up(const std::string& name, uint16_t mtu) {
  InterfaceRequest request(name);
  request.data.ifr_mtu = mtu;
  if (mtu != 0 && !request.make(SIOCSIFMTU)) return errno;
  if (!request.make(SIOCGIFFLAGS)) return errno;
  request.data.ifr_flags = static_cast<short>(request.data.ifr_flags | IFF_UP);
  return request.make(SIOCSIFFLAGS) ? 0 : errno;
}

// Frames of several segments go out in one writev().
constexpr int kMaxSegmentsOut = 16;

// Where the rest of a frame goes that an ordinary buffer does not hold, until it has a large one.
constexpr size_t kMaxTail = kLargeBufferData - kBufferData;
thread_local std::array<uint8_t, kMaxTail> tail;

// The frame of `length` bytes that begins in `head`, in one buffer; null when there is none.
Packet* join_tail(const Packet& head, size_t length, PacketPool& large) {
  Packet* packet = large.alloc();
  if (!packet) return nullptr;
  auto* data = static_cast<uint8_t*>(packet->buf_addr) + packet->data_off;
  std::memcpy(data, head.bytes().data(), kBufferData);
  std::memcpy(data + kBufferData, tail.data(), length - kBufferData);
  return packet;
}

}  // namespace

StatusOr<std::unique_ptr<TapPort>> TapPort::create(const std::string& name, uint16_t mtu,
                                                   PacketPool& pool, PacketPool& large) {
  Fd fd(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return refused(name, "open /dev/net/tun", errno);
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  if (ioctl(fd.get(), TUNSETIFF, &request) != 0) return refused(name, "TUNSETIFF", errno);
  if (const int error = set_up(name, mtu); error != 0) return refused(name, "set up", error);
  return std::unique_ptr<TapPort>(new TapPort(std::move(fd), pool, large));
}

void TapPort::remove(std::vector<std::unique_ptr<TapPort>> ports) {
  constexpr size_t kThreads = 100;
  std::vector<std::jthread> threads;
  for (size_t first = 0; first < std::min(kThreads, ports.size()); ++first) {
    try {
      threads.emplace_back([&ports, first] {
        for (size_t i = first; i < ports.size(); i += kThreads) ports[i].reset();
      });
    } catch (const std::system_error&) {
      break;  // no more threads to be had: the rest goes one by one, with `ports`
    }
  }
}

uint16_t TapPort::receive(uint16_t, std::span<Packet*> packets) noexcept {
  uint16_t count = 0;
  while (count < packets.size()) {
    Packet* packet = pool_.alloc();
    if (!packet) break;
    const iovec parts[] = {
        {static_cast<uint8_t*>(packet->buf_addr) + packet->data_off, kBufferData},
        {tail.data(), tail.size()}};
    const ssize_t length = ::readv(fd_.get(), parts, 2);
    if (length <= 0) {
      free_packets(std::span(&packet, 1));
      break;
    }
    if (length > kBufferData) [[unlikely]] {
      Packet* head = packet;
      packet->data_len = kBufferData;
      packet = join_tail(*head, static_cast<size_t>(length), large_);
      free_packets(std::span(&head, 1));
      if (!packet) {
        refused_frames_.fetch_add(1, std::memory_order_relaxed);
        continue;
      }
    }
    packet->data_len = static_cast<uint16_t>(length);
    packet->pkt_len = static_cast<uint32_t>(length);
    packets[count++] = packet;
  }
  return count;
}

Port::Refusal TapPort::write_frame(const Packet& packet) noexcept {
  if (packet.nb_segs > kMaxSegmentsOut) return Refusal::too_long;
  std::array<iovec, kMaxSegmentsOut> parts;
  int count = 0;
  for (const rte_mbuf* segment = &packet; segment; segment = segment->next) {
    parts[count++] = {static_cast<uint8_t*>(segment->buf_addr) + segment->data_off,
                      segment->data_len};
  }
  if (::writev(fd_.get(), parts.data(), count) >= 0) return Refusal::none;
  if (errno == EAGAIN || errno == ENOBUFS) return Refusal::ring_full;
  return errno == EINVAL || errno == EMSGSIZE ? Refusal::too_long : Refusal::not_connected;
}

Port::Sent TapPort::transmit(uint16_t, std::span<Packet*> packets) noexcept {
  Sent sent;
  for (const Packet* packet : packets) {
    sent.refusal = write_frame(*packet);
    if (sent.refusal != Refusal::none) break;
    ++sent.taken;
  }
  free_packets(packets.first(sent.taken));
  return sent;
}

}  // namespace butterfly
