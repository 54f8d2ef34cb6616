// SPDX-License-Identifier: Apache-2.0
#include "ports/host_port.h"

#include <net/if_arp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "ports/interface_request.h"

namespace butterfly {
namespace {

constexpr unsigned kRingSlots = 1024;

int set_mac(const std::string& name, const Mac& mac) {
  InterfaceRequest request(name);
  request.data.ifr_hwaddr.sa_family = ARPHRD_ETHER;
  std::memcpy(request.data.ifr_hwaddr.sa_data, mac.bytes.data(), mac.bytes.size());
  return request.make(SIOCSIFHWADDR) ? 0 : errno;
}

void wake(const Fd& fd) {
  const uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(fd.get(), &one, sizeof one);
}

}  // namespace

StatusOr<std::unique_ptr<HostPort>> HostPort::create(const std::string& name, const Mac& mac,
                                                     uint16_t mtu, PacketPool& pool,
                                                     PacketPool& large) {
  auto tap = TapPort::create(name, mtu, pool, large);
  if (!tap.ok()) {
    return Status(tap.status().code(), "host port: " + std::string(tap.status().message()));
  }
  std::unique_ptr<HostPort> port(new HostPort(std::move(*tap)));
  if (const int error = set_mac(name, mac); error != 0) {
    return unavailable("host port: tap '" + name + "': MAC " + mac.to_string() + ": " +
                       std::strerror(error));
  }
  port->wake_ = Fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  port->stop_ = Fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  port->ring_ =
      rte_ring_create("host-port", kRingSlots, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
  if (!port->wake_ || !port->stop_ || !port->ring_) {
    return exhausted("host port: tap '" + name + "': no descriptor or memory left");
  }
  port->thread_ = std::thread([raw = port.get()] { raw->run(); });
  pthread_setname_np(port->thread_.native_handle(), "host-port");
  return port;
}

HostPort::~HostPort() {
  stopping_.store(true);
  if (thread_.joinable()) {
    wake(stop_);
    thread_.join();
  }
  if (!ring_) return;
  std::array<Packet*, kBurst> left;
  while (const uint16_t count = take(left)) free_packets(std::span(left).first(count));
  rte_ring_free(ring_);
}

void HostPort::run() {
  std::array<pollfd, 2> sources{pollfd{tap_->wake_fd(), POLLIN, 0}, pollfd{stop_.get(), POLLIN, 0}};
  std::array<Packet*, kBurst> burst;
  while (!stopping_.load()) {
    if (poll(sources.data(), sources.size(), -1) < 0 && errno != EINTR) return;
    const uint16_t count = tap_->receive(0, burst);
    if (count != 0) {
      put(std::span(burst).first(count));
    } else if ((sources[0].revents & (POLLIN | POLLERR)) != 0) {
      // No buffer is free, or the interface is down: the kernel's queue waits.
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
}

// A full ring makes the kernel's queue wait, too.
void HostPort::put(std::span<Packet*> packets) {
  while (!packets.empty()) {
    const unsigned taken =
        rte_ring_sp_enqueue_burst(ring_, reinterpret_cast<void* const*>(packets.data()),
                                  static_cast<unsigned>(packets.size()), nullptr);
    packets = packets.subspan(taken);
    wake(wake_);
    if (packets.empty()) return;
    if (stopping_.load()) return free_packets(packets);
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
}

uint16_t HostPort::take(std::span<Packet*> packets) noexcept {
  return static_cast<uint16_t>(
      rte_ring_sc_dequeue_burst(ring_, reinterpret_cast<void**>(packets.data()),
                                static_cast<unsigned>(packets.size()), nullptr));
}

}  // namespace butterfly
