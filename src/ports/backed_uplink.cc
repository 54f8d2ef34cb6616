// SPDX-License-Identifier: Apache-2.0
#include "ports/backed_uplink.h"

#include <pthread.h>
#include <sys/epoll.h>

#include <algorithm>
#include <chrono>
#include <cstring>

namespace butterfly {
namespace {

constexpr size_t kShortestFrame = 60;

// RFC 903: a request that nobody answers; its sender is all that matters.
std::array<uint8_t, kShortestFrame> rarp_of(const Mac& mac) {
  std::array<uint8_t, kShortestFrame> frame{};
  constexpr std::array<uint8_t, 10> kHead{0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3};
  std::fill_n(frame.begin(), 6, uint8_t{0xff});
  std::ranges::copy(mac.bytes, frame.begin() + 6);
  std::ranges::copy(kHead, frame.begin() + 12);
  std::ranges::copy(mac.bytes, frame.begin() + 22);
  std::ranges::copy(mac.bytes, frame.begin() + 32);
  return frame;
}

}  // namespace

StatusOr<std::unique_ptr<BackedUplink>> BackedUplink::create(
    std::array<Member, kMembers> members, uint16_t lcores, const Mac& mac, PacketPool& pool,
    std::function<void(const std::string&)> say) {
  std::unique_ptr<BackedUplink> port(
      new BackedUplink(std::move(members), mac, pool, std::move(say)));
  RETURN_IF_ERROR(port->make_wakes(lcores));
  port->look();
  return port;
}

// Level-triggered: they stay readable until arm_for() has asked the members.
Status BackedUplink::make_wakes(uint16_t lcores) {
  for (uint16_t lcore = 0; lcore < lcores; ++lcore) {
    Fd wake(epoll_create1(EPOLL_CLOEXEC));
    if (!wake) return exhausted("uplink: no descriptor left");
    for (const Member& member : members_) {
      const int fd = member.port->wake_fd_for(lcore);
      epoll_event event{};
      event.events = EPOLLIN;
      if (fd < 0) {  // one that does not wake must be looked at
        wakes_.clear();
        return ok_status();
      }
      if (epoll_ctl(wake.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
        return exhausted("uplink: no descriptor left");
      }
    }
    wakes_.push_back(std::move(wake));
  }
  return ok_status();
}

BackedUplink::~BackedUplink() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  news_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void BackedUplink::start() {
  thread_ = std::thread([this] {
    std::unique_lock lock(mutex_);
    const std::chrono::milliseconds between(kLookMs);
    while (!news_.wait_for(lock, between, [this] { return is_ending_; })) look();
  });
  pthread_setname_np(thread_.native_handle(), "uplink-watcher");
}

void BackedUplink::look() {
  const size_t now = active();
  const size_t other = 1 - now;
  const bool is_up = members_[now].port->is_connected();
  const bool is_other_up = members_[other].port->is_connected();
  if (!is_up && is_other_up) {
    active_.store(static_cast<uint8_t>(other), std::memory_order_relaxed);
    announce();
    say_("uplink '" + members_[now].name + "' has no link: '" + members_[other].name +
         "' is in use");
  } else if (!is_up && was_up_) {
    say_("uplink: neither '" + members_[0].name + "' nor '" + members_[1].name + "' has a link");
  } else if (is_up && !was_up_) {
    announce();
    say_("uplink '" + members_[now].name + "' has its link again");
  }
  was_up_ = is_up || is_other_up;
}

void BackedUplink::announce() {
  Packet* packet = pool_.alloc();
  if (!packet) return;  // whatever is sent next tells the same
  const auto frame = rarp_of(mac_);
  std::memcpy(rte_pktmbuf_append(packet, kShortestFrame), frame.data(), frame.size());
  const std::span one(&packet, 1);
  if (transmit(0, one).taken == 0) free_packets(one);
}

uint16_t BackedUplink::receive(uint16_t lcore, std::span<Packet*> packets) noexcept {
  const size_t in_use = active();
  std::array<Packet*, kBurst> others;
  const uint16_t unwanted = members_[1 - in_use].port->receive(lcore, others);
  free_packets(std::span(others.data(), unwanted));
  return members_[in_use].port->receive(lcore, packets);
}

Port::Armed BackedUplink::arm_for(uint16_t lcore) noexcept {
  Armed armed = Armed::yes;
  for (const Member& member : members_) {
    const Armed one = member.port->arm_for(lcore);
    if (one == Armed::packets_wait || armed == Armed::packets_wait) {
      armed = Armed::packets_wait;
    } else if (one == Armed::nobody_there) {
      armed = one;
    }
  }
  return armed;
}

}  // namespace butterfly
