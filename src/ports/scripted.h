// SPDX-License-Identifier: Apache-2.0
// A port whose other side is a program: tests, scenarios and benches feed and collect frames.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "graph/packet_pool.h"
#include "graph/port.h"

namespace butterfly {

// The other side of a ScriptedPort: outlives it if need be, so what was sent can still be read when
// the port is gone. Any thread.
class ScriptedLink {
 public:
  using Frame = std::vector<uint8_t>;
  static constexpr uint32_t kNoLimit = std::numeric_limits<uint32_t>::max();

  // What a guest leaves to its device to do.
  struct Requests {
    bool checksum = false;
    uint16_t segment_size = 0;  // 0: not to be segmented
  };

  // Will be received by the port, in order.
  void feed(Frame frame) { feed(std::move(frame), Requests()); }
  void feed(Frame frame, const Requests& requests);
  // This frame, from now on, whenever no other waits: as fast as the port is asked. Empty: no more.
  void feed_endlessly(Frame frame);
  // What the port sent since the last call, in order.
  std::vector<Frame> take();
  // Frames that the port has not received yet, but for the endless one.
  size_t waiting() const;

  // Not connected: nothing is received, everything to be sent is refused.
  void set_connected(bool connected);
  bool is_connected() const;
  // How many sent frames it holds until take(); more are refused as on a full ring.
  void set_room(uint32_t frames);
  // Frames longer than this are refused; kNoLimit at first.
  void set_longest(uint32_t bytes);
  // What it takes as it is; nothing at first.
  void set_offloads(const Port::Offloads& offloads);
  Port::Offloads offloads() const;

 private:
  friend class ScriptedPort;
  struct Fed {
    Frame frame;
    Requests requests;
  };
  // The next frame to receive, none when there is none or nobody is connected.
  std::optional<Fed> next();
  // Whether the frame was taken, else why not.
  Port::Refusal put(Frame frame);

  mutable std::mutex mutex_;  // held for one frame at a time; never contended in manual mode
  bool connected_ = true;
  uint32_t room_ = kNoLimit;
  uint32_t longest_ = kNoLimit;
  Port::Offloads offloads_;
  std::deque<Fed> fed_;
  Frame endless_;
  std::vector<Frame> sent_;
};

// Has no threads of its own. Long frames are received in several segments.
class ScriptedPort : public Port {
 public:
  // `pool` must outlive the port.
  ScriptedPort(std::shared_ptr<ScriptedLink> link, PacketPool& pool)
      : link_(std::move(link)), pool_(pool) {}

  uint16_t receive(uint16_t lcore, std::span<Packet*> packets) noexcept override;
  Sent transmit(uint16_t lcore, std::span<Packet*> packets) noexcept override;
  Offloads offloads() const noexcept override { return link_->offloads(); }
  bool is_connected() const noexcept override { return link_->is_connected(); }

 private:
  // Null when the pool is empty.
  Packet* packet_of(std::span<const uint8_t> frame);

  std::shared_ptr<ScriptedLink> link_;
  PacketPool& pool_;
};

}  // namespace butterfly
