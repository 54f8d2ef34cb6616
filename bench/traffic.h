// SPDX-License-Identifier: Apache-2.0
// The frames of the journeys bench: one guest of ours and sixteen remote guests behind four peers,
// in as many TCP connections as asked for.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "bench/world.h"
#include "wire/headers.h"

namespace butterfly::bench {

// Which part of its connection a frame is.
enum class Step : uint8_t {
  syn,      // opens it: its sender is the client
  syn_ack,  // answers the other side's syn
  ack,      // ends the handshake; from either side, it offers the window
  data,     // six bytes in a connection that the guest has opened
};

// Writes frames. Flow numbers name connections; what a number means is computed, so the generator
// takes no cache from what is measured.
class Traffic {
 public:
  // IPv4 frames have 60 bytes, 64 with the checksum that a wire adds; IPv6 ones 80.
  explicit Traffic(wire::Family family);

  // Puts the frame of flow number `flow` into the empty `packet`: as the guest sends it, or as the
  // wire brings it, in its tunnel.
  void write(Packet& packet, Place from, Step step, uint32_t flow);

 private:
  using Frame = std::vector<uint8_t>;

  // Fills in whose frame it is; returns where its TCP header lies.
  size_t patch_addresses(std::span<uint8_t> frame, Place from, uint32_t flow) const;
  void patch_tcp(wire::TcpHeader& tcp, Place from, Step step, uint32_t flow);

  wire::Family family_;
  std::array<std::array<Frame, 4>, 2> frames_;  // by Place, by Step
  uint32_t data_bytes_ = 0;                     // so far, in all connections
};

}  // namespace butterfly::bench
