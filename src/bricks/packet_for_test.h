// SPDX-License-Identifier: Apache-2.0
// A packet that a test of bricks owns: made from text, freed when the test is done with it.
#pragma once

#include <span>
#include <string_view>
#include <utility>

#include "graph/packet_pool.h"
#include "support/packet_text.h"
#include "wire/parse.h"

namespace butterfly::test {

class OwnedPacket {
 public:
  explicit OwnedPacket(std::string_view text) : packet_(make_packet(text)) { forget_facts(); }
  explicit OwnedPacket(std::span<const uint8_t> bytes) : packet_(make_packet(bytes)) {
    forget_facts();
  }
  ~OwnedPacket() {
    if (packet_) free_packets(std::span(&packet_, 1));
  }
  OwnedPacket(const OwnedPacket&) = delete;
  OwnedPacket& operator=(const OwnedPacket&) = delete;

  Packet& operator*() { return *packet_; }
  Packet* operator->() { return packet_; }
  // Hands the packet to the graph, which frees it.
  Packet& release() { return *std::exchange(packet_, nullptr); }
  // What the parse brick does.
  wire::ParseError parse() {
    return wire::parse_frame(packet_->bytes(), packet_->length(), packet_->vni, packet_->parsed);
  }

 private:
  void forget_facts() {
    packet_->vni = Vni{};
    packet_->segment = 0;
    packet_->source_peer = kNoPeer;
  }
  Packet* packet_;
};

}  // namespace butterfly::test
