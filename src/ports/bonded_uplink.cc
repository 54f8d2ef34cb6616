// SPDX-License-Identifier: Apache-2.0
#include "ports/bonded_uplink.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "wire/outer_spread.h"

namespace butterfly {

BondedUplink::BondedUplink(std::vector<Member> members, Options options, PacketPool& pool)
    : members_(std::move(members)),
      options_(std::move(options)),
      pool_(pool),
      lcores_(options_.lcores) {
  for (size_t i = 0; i < members_.size(); ++i) {
    links_.push_back({LacpLink(options_.mac, static_cast<uint16_t>(i + 1), options_.is_fast)});
  }
}

StatusOr<std::unique_ptr<BondedUplink>> BondedUplink::create(std::vector<Member> members,
                                                             Options options, PacketPool& pool) {
  std::unique_ptr<BondedUplink> port(
      new BondedUplink(std::move(members), std::move(options), pool));
  RETURN_IF_ERROR(port->make_wakes(port->options_.lcores));
  port->look();
  return port;
}

// Level-triggered: they stay readable until arm_for() has asked the members.
Status BondedUplink::make_wakes(uint16_t lcores) {
  outbox_wake_ = Fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!outbox_wake_) return exhausted("uplink: no descriptor left");
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
    epoll_event event{};
    event.events = EPOLLIN;
    if (lcore == 0 && epoll_ctl(wake.get(), EPOLL_CTL_ADD, outbox_wake_.get(), &event) != 0) {
      return exhausted("uplink: no descriptor left");
    }
    wakes_.push_back(std::move(wake));
  }
  return ok_status();
}

BondedUplink::~BondedUplink() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  news_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void BondedUplink::start() {
  thread_ = std::thread([this] {
    std::unique_lock lock(mutex_);
    const std::chrono::milliseconds between(kLookMs);
    while (!news_.wait_for(lock, between, [this] { return is_ending_; })) look();
  });
  pthread_setname_np(thread_.native_handle(), "uplink-watcher");
}

// Full from one member: the others are asked first the next time.
uint16_t BondedUplink::receive(uint16_t lcore, std::span<Packet*> packets) noexcept {
  const size_t count = members_.size();
  uint8_t& first = lcores_[lcore].first;
  uint16_t received = 0;
  if (lcore == 0) send_for_look();
  for (size_t i = 0; i < count && received < packets.size(); ++i) {
    const size_t member = (first + i) % count;
    const auto room = packets.subspan(received);
    const uint16_t came = members_[member].port->receive(lcore, room);
    if (came != 0) received += keep_what_counts(lcore, member, room.first(came));
  }
  first = static_cast<uint8_t>((first + 1) % count);
  return received;
}

uint16_t BondedUplink::keep_what_counts(uint16_t lcore, size_t member,
                                        std::span<Packet*> packets) noexcept {
  const bool is_in_use = (receivers_.load(std::memory_order_relaxed) >> member & 1) != 0;
  const bool speaks = options_.mode == BondMode::lacp;
  uint16_t kept = 0;
  for (Packet* packet : packets) {
    const bool is_slow = speaks && wire::is_slow_protocol(packet->bytes());
    if (is_slow) lcores_[lcore].inbox.put(static_cast<uint8_t>(member), true, packet->bytes());
    if (is_in_use && !is_slow) {
      packets[kept++] = packet;
    } else {
      free_packets(std::span(&packet, 1));
    }
  }
  auto& sum = lcores_[lcore].rx_packets[member];
  sum.store(sum.load(std::memory_order_relaxed) + kept, std::memory_order_relaxed);
  return kept;
}

Port::Sent BondedUplink::transmit(uint16_t lcore, std::span<Packet*> packets) noexcept {
  const Senders to = senders();
  if (to.count == 0) return {0, Refusal::not_connected};
  return to.count == 1 ? send_by(lcore, to.at(0), packets) : spread(lcore, to, packets);
}

Port::Sent BondedUplink::send_by(uint16_t lcore, size_t member,
                                 std::span<Packet*> packets) noexcept {
  const Sent sent = members_[member].port->transmit(lcore, packets);
  auto& sum = lcores_[lcore].tx_packets[member];
  sum.store(sum.load(std::memory_order_relaxed) + sent.taken, std::memory_order_relaxed);
  return sent;
}

Port::Sent BondedUplink::spread(uint16_t lcore, Senders to, std::span<Packet*> packets) noexcept {
  std::array<std::array<Packet*, kBurst>, kMaxMembers> parts;
  std::array<uint16_t, kMaxMembers> sizes{};
  for (Packet* packet : packets) {
    const uint32_t which = wire::outer_spread(packet->bytes(), to.count);
    parts[which][sizes[which]++] = packet;
  }
  Sent all;
  std::array<Packet*, kBurst> left;
  uint16_t left_count = 0;
  for (uint32_t which = 0; which < to.count; ++which) {
    if (sizes[which] == 0) continue;
    const std::span part(parts[which].data(), sizes[which]);
    const Sent sent = send_by(lcore, to.at(which), part);
    std::copy_n(part.begin(), sent.taken, packets.begin() + all.taken);
    all.taken += sent.taken;
    if (left_count == 0) all.refusal = sent.refusal;
    for (Packet* packet : part.subspan(sent.taken)) left[left_count++] = packet;
  }
  std::copy_n(left.begin(), left_count, packets.begin() + all.taken);
  return all;
}

void BondedUplink::send_for_look() noexcept {
  FrameRing::Frame frame;
  while (outbox_.take(frame)) {
    Packet* packet = pool_.alloc();
    if (!packet) return;  // it is said again
    const auto bytes = frame.span();
    std::memcpy(rte_pktmbuf_append(packet, frame.length), bytes.data(), bytes.size());
    const Member& member = members_[frame.member];
    const bool is_sent = frame.is_plain && member.send_plain
                             ? member.send_plain(*packet)
                             : member.port->transmit(0, std::span(&packet, 1)).taken == 1;
    if (!is_sent) free_packets(std::span(&packet, 1));
  }
}

Port::Armed BondedUplink::arm_for(uint16_t lcore) noexcept {
  Armed armed = Armed::yes;
  if (lcore == 0) {
    uint64_t wakes;
    [[maybe_unused]] const auto drained = ::read(outbox_wake_.get(), &wakes, sizeof wakes);
    // Put since the lcore looked last: nothing else would wake it for that.
    if (!outbox_.is_empty()) armed = Armed::packets_wait;
  }
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
