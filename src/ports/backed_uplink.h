// SPDX-License-Identifier: Apache-2.0
// Two uplinks as one (active-backup): the one carries everything while its link is up, else the
// other does. What arrives at the one that is not in use is a copy at best, and is dropped.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "base/mac.h"
#include "base/status.h"
#include "graph/packet_pool.h"
#include "graph/port.h"

namespace butterfly {

// Threads: its own looks at the links; what lcores do they do with the member that is in use.
class BackedUplink : public Port {
 public:
  struct Member {
    std::string name;
    std::unique_ptr<Port> port;  // transmit() of any thread
  };
  static constexpr size_t kMembers = 2;
  // From the loss of a link to what it is noticed by.
  static constexpr unsigned kLookMs = 100;

  // The first is preferred at the start only: one that is back does not interrupt the other. When
  // the other is taken into use, a frame tells the switches of the underlay where `mac` is now
  // (RARP, as QEMU announces guests), `say` gets a line. Errors: resource_exhausted: no descriptor
  // left.
  static StatusOr<std::unique_ptr<BackedUplink>> create(
      std::array<Member, kMembers> members, uint16_t lcores, const Mac& mac, PacketPool& pool,
      std::function<void(const std::string&)> say);
  ~BackedUplink() override;

  uint16_t receive(uint16_t lcore, std::span<Packet*> packets) noexcept override;
  Sent transmit(uint16_t lcore, std::span<Packet*> packets) noexcept override {
    return members_[active()].port->transmit(lcore, packets);
  }
  int wake_fd_for(uint16_t lcore) const noexcept override {
    return lcore < wakes_.size() ? wakes_[lcore].get() : -1;
  }
  Armed arm_for(uint16_t lcore) noexcept override;
  bool move_polling(uint16_t, uint16_t) noexcept override { return false; }
  bool is_connected() const noexcept override {
    return members_[0].port->is_connected() || members_[1].port->is_connected();
  }

  // Which member is in use. Any thread.
  const std::string& active_name() const { return members_[active()].name; }
  // One look at the links, as its thread does; tests call it themselves.
  void look();
  // Begins to look by itself.
  void start();

 private:
  BackedUplink(std::array<Member, kMembers> members, const Mac& mac, PacketPool& pool,
               std::function<void(const std::string&)> say)
      : members_(std::move(members)), mac_(mac), pool_(pool), say_(std::move(say)) {}
  Status make_wakes(uint16_t lcores);
  size_t active() const { return active_.load(std::memory_order_relaxed); }
  void announce();

  std::array<Member, kMembers> members_;
  const Mac mac_;
  PacketPool& pool_;
  const std::function<void(const std::string&)> say_;
  std::atomic<uint8_t> active_{0};
  bool was_up_ = true;     // the look's: whether any link was
  std::vector<Fd> wakes_;  // an epoll over the members' for each lcore; empty: nothing wakes them
  std::mutex mutex_;
  std::condition_variable news_;
  bool is_ending_ = false;  // GUARDED_BY(mutex_)
  std::thread thread_;
};

}  // namespace butterfly
