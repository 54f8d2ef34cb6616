// SPDX-License-Identifier: Apache-2.0
// Where packets enter or leave the graph: a guest's vhost-user device, a tap, the uplink, a script.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "graph/packet.h"

namespace butterfly {

// Threads: receive() is called by the one lcore that polls the port (the uplink: one per queue);
// transmit() by any lcore, each with its own index; arm() by the polling lcore.
// Construction, destruction and status() belong to the control side. A port is destroyed only
// after no lcore can reach it any more.
class Port {
 public:
  // Why a port did not take all packets of a burst.
  enum class Refusal : uint8_t { none, ring_full, not_connected, too_long, too_few_buffers };

  struct Sent {
    uint16_t taken = 0;  // of the burst's first packets; these now belong to the port
    // Of the first packet that was not taken; too_long and too_few_buffers (left, for one so long)
    // say nothing about those behind it.
    Refusal refusal = Refusal::none;
  };

  // Offloads that the other side takes upon itself (virtio 1.2 §5.1.3): a packet may then be sent
  // with a checksum that is not written, or uncut, and DPDK's transmit flags that say so.
  struct Offloads {
    bool checksum = false;
    bool tso4 = false;
    bool tso6 = false;
  };

  virtual ~Port() = default;

  // Fills `packets` from its front; their facts are left to the caller. Returns how many. Never
  // blocks.
  virtual uint16_t receive(uint16_t lcore, std::span<Packet*> packets) noexcept = 0;

  // Sends what it can and takes ownership of the first `taken`; the rest stays the caller's. May
  // put packets of different flows in another order, in `packets` too. Never blocks. REQUIRES: at
  // most kBurst packets; none asks for more than offloads().
  virtual Sent transmit(uint16_t lcore, std::span<Packet*> packets) noexcept = 0;

  // A descriptor that becomes readable when packets arrive after arm(); -1: nothing wakes the lcore
  // for this port, it looks every millisecond. Constant for the port's life.
  virtual int wake_fd() const noexcept { return -1; }
  // Asks for wake-ups, until receive() has brought packets or the descriptor was readable. The
  // lcore polls once more before it sleeps, so that what came before arm() is not overslept.
  enum class Armed : uint8_t { yes, nobody_there, packets_wait };
  virtual Armed arm() noexcept { return Armed::yes; }
  // The two for a port that several lcores poll. Each needs a descriptor of its own: of one that
  // they share, who drains it first takes away the wake-up of those that epoll has not run yet.
  virtual int wake_fd_for(uint16_t /*lcore*/) const noexcept { return wake_fd(); }
  virtual Armed arm_for(uint16_t /*lcore*/) noexcept { return arm(); }
  // Control side, while no lcore polls it: lcore `to` does from now on what `from` has done. False:
  // who polls it is settled for its life.
  virtual bool move_polling(uint16_t /*from*/, uint16_t /*to*/) noexcept { return true; }

  // Constant within a round of an lcore. Any lcore.
  virtual Offloads offloads() const noexcept { return {}; }

  // Whether the other side is there (guest driver up, link up). Any thread.
  virtual bool is_connected() const noexcept = 0;
  // Frames from the other side that the port could not take: too long. Any thread.
  virtual uint64_t refused_frames() const noexcept { return 0; }
  // The largest IP packet that the guest was told it may send; 0: not known. Any thread.
  virtual uint16_t guest_mtu() const noexcept { return 0; }
  // How many queue pairs are in use; 0 while nobody is there. Any thread.
  virtual uint16_t queue_pairs() const noexcept { return is_connected() ? 1 : 0; }
};

}  // namespace butterfly
