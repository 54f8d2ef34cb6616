// SPDX-License-Identifier: Apache-2.0
// A synthetic guest with one queue pair, cheap enough that one thread plays hundreds of them and
// still outruns the switch: each ring slot has a buffer of its own, written once, of which a packet
// changes a few bytes.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "support/vhost_frontend.h"

namespace butterfly::guests {

// What a guest sends.
enum class Kind : uint8_t {
  flow,        // datagrams of so many flows in turn
  connection,  // each datagram another flow
  broadcast,   // to the broadcast MAC
  strangers,   // each to another MAC, which nobody has
  spoofed,     // each from another MAC, which is not the guest's
};

struct Traffic {
  uint16_t to = 0;  // the guest that it is for
  Kind kind = Kind::flow;
  uint16_t length = 64;  // bytes of the Ethernet frame without checksum
  uint32_t flows = 1;
};

class Guest {
 public:
  struct Options {
    uint16_t number = 0;       // makes its MAC and its address
    uint16_t send_ring = 256;  // powers of two
    uint16_t receive_ring = 256;
  };
  static constexpr uint16_t kBurst = 32;
  // The longest frame, and what precedes it.
  static constexpr uint16_t kMostBytes = 1500;
  static constexpr uint16_t kHeader = 12;

  // Listens at `path`.
  Guest(const std::string& path, const Options& options);
  // Waits for the switch to connect.
  void connect();

  // Writes the frames that send() sends from now on. REQUIRES: what was sent before has been taken.
  void prepare(const Traffic& traffic);
  // Sends up to `most` packets, as many as the ring has room for; how many.
  uint16_t send(uint16_t most = kBurst);
  // Whether the switch has taken all that was sent.
  bool is_drained() const { return waiting() == 0; }

  // Takes what has arrived, at most so many that the ring holds. from[n] grows by the packets of
  // guest n; REQUIRES: as many entries as there are guests. Returns how many packets.
  uint16_t receive(std::span<uint64_t> from);

 private:
  struct Ring {
    test::RingPlace place;
    uint64_t buffers = 0;  // where slot 0's lies
    uint16_t next = 0;     // available index
    uint16_t seen = 0;     // used index, up to which we have looked
  };

  template <typename T>
  T& at(uint64_t offset) const {
    return *reinterpret_cast<T*>(frontend_.memory() + offset);
  }
  uint8_t* frame(const Ring& ring, uint32_t slot) const;
  void lay_out(Ring& ring, uint16_t flags);
  void publish(Ring& ring);
  uint16_t used(const Ring& ring) const;
  uint16_t waiting() const { return static_cast<uint16_t>(send_.next - used(send_)); }
  void vary(uint8_t* frame);

  uint16_t number_;
  Traffic traffic_;
  uint64_t sent_ = 0;
  Ring receive_;
  Ring send_;
  test::VhostFrontend frontend_;
};

}  // namespace butterfly::guests
