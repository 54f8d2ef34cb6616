// SPDX-License-Identifier: Apache-2.0
// Several uplinks as one. Which of them carry is decided by a thread that looks at the links, and
// with LACP by what it and the switch agree on; lcores only follow. Decision records 0030, 0033.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/cache_line.h"
#include "base/fd.h"
#include "base/mac.h"
#include "base/status.h"
#include "graph/packet_pool.h"
#include "graph/port.h"
#include "ports/bond_mode.h"
#include "ports/frame_ring.h"
#include "ports/lacp_link.h"

namespace butterfly {

// Threads: its own looks at the links; what lcores do they do with the members that carry.
class BondedUplink : public Port {
 public:
  static constexpr size_t kMaxMembers = kMaxBondMembers;
  // From the loss of a link to what it is noticed by.
  static constexpr unsigned kLookMs = 100;

  struct Member {
    std::string name;
    std::unique_ptr<Port> port;  // transmit() of any thread
    Mac mac{};                   // its own, from which its partner hears
    // Sends a frame without the tag of the underlay's VLAN; whether it is the port's then. Empty:
    // transmit() does.
    std::function<bool(Packet&)> send_plain{};
  };
  struct Options {
    BondMode mode = BondMode::active_backup;
    bool is_fast = true;  // LACP: partners are asked to speak every second
    uint16_t lcores = 1;
    Mac mac;  // of the tunnel endpoint, and of the system that partners see
    std::function<void(const std::string&)> say;  // a line for the log
  };
  // Of one member, for people.
  struct State {
    std::string name;
    bool has_link = false;
    bool is_usable = false;  // it carries, or would if it had to
    std::string why;         // it is not; empty: it is
    std::string partner;     // LACP: the MAC of the system at its other end; empty: none speaks
    uint64_t rx_packets = 0, tx_packets = 0;
  };

  // REQUIRES: two to kMaxMembers members. An active-backup prefers the first at the start only: one
  // that is back does not interrupt another. When another is taken into use, a frame tells the
  // switches of the underlay where the MAC is now (RARP, as QEMU announces guests). Errors:
  // resource_exhausted: no descriptor left.
  static StatusOr<std::unique_ptr<BondedUplink>> create(std::vector<Member> members,
                                                        Options options, PacketPool& pool);
  ~BondedUplink() override;

  // What comes by a member that carries nothing is dropped: a copy at best.
  uint16_t receive(uint16_t lcore, std::span<Packet*> packets) noexcept override;
  // All packets of a flow go by one member.
  Sent transmit(uint16_t lcore, std::span<Packet*> packets) noexcept override;
  int wake_fd_for(uint16_t lcore) const noexcept override {
    return lcore < wakes_.size() ? wakes_[lcore].get() : -1;
  }
  Armed arm_for(uint16_t lcore) noexcept override;
  bool move_polling(uint16_t, uint16_t) noexcept override { return false; }
  // Whether any member carries.
  bool is_connected() const noexcept override { return senders().count != 0; }

  // Of an active-backup: the member in use, or that was; else empty. Any thread.
  std::string active_name() const;
  std::vector<State> states() const;
  // One look at the links, as its thread does; tests call it themselves, with their own time.
  void look(TimeMs now);
  void look() { look(monotonic_ms()); }
  // Begins to look by itself.
  void start();

 private:
  // What the look knows of a member.
  struct Link {
    LacpLink lacp;
    bool has_carrier = false;
    std::string why{};  // it is not usable; empty: it is
  };
  // The members that frames are sent by, in one word: a burst sees one state of it.
  struct Senders {
    uint32_t count = 0;
    uint32_t members = 0;  // four bits each

    void add(size_t member) { members |= static_cast<uint32_t>(member) << (4 * count++); }
    size_t at(uint32_t which) const { return members >> (4 * which) & 0xf; }
    bool operator==(const Senders&) const = default;
  };
  struct alignas(kLinePair) PerLcore {
    uint8_t first = 0;  // the member that is asked first
    std::array<std::atomic<uint64_t>, kMaxMembers> rx_packets{}, tx_packets{};
    FrameRing inbox;  // to the look
  };

  BondedUplink(std::vector<Member> members, Options options, PacketPool& pool);
  Status make_wakes(uint16_t lcores);
  Senders senders() const { return senders_.load(std::memory_order_relaxed); }

  // Of lcores.
  uint16_t keep_what_counts(uint16_t lcore, size_t member, std::span<Packet*> packets) noexcept;
  Sent send_by(uint16_t lcore, size_t member, std::span<Packet*> packets) noexcept;
  Sent spread(uint16_t lcore, Senders to, std::span<Packet*> packets) noexcept;
  void send_for_look() noexcept;

  // Of the look, with looking_ held.
  void read_frames(TimeMs now);
  void answer(FrameRing::Frame& frame, TimeMs now);
  void choose_partner();
  std::string why_not(const Link& link) const;
  void carry(const std::vector<bool>& was_usable);
  Senders choose_senders();
  std::string carriers(Senders senders) const;
  void put(size_t member, bool is_plain, std::span<const uint8_t> frame);

  std::vector<Member> members_;
  const Options options_;
  PacketPool& pool_;
  std::atomic<Senders> senders_{};
  std::atomic<uint32_t> receivers_{0};  // a bit each
  LineVector<PerLcore> lcores_;
  std::vector<Fd> wakes_;  // an epoll over the members' for each lcore; empty: nothing wakes them
  // What the look has sent: by the first lcore, which else would wait while the thread has a queue.
  FrameRing outbox_;
  Fd outbox_wake_;

  mutable std::mutex looking_;
  std::vector<Link> links_;                 // GUARDED_BY(looking_)
  std::optional<wire::LacpParty> partner_;  // GUARDED_BY(looking_): of the aggregate
  size_t active_ = 0;                       // GUARDED_BY(looking_): of an active-backup
  bool has_looked_ = false;                 // GUARDED_BY(looking_)

  std::mutex mutex_;
  std::condition_variable news_;
  bool is_ending_ = false;  // GUARDED_BY(mutex_)
  std::thread thread_;
};

}  // namespace butterfly
