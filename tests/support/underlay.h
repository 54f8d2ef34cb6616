// SPDX-License-Identifier: Apache-2.0
// An underlay for tests of the tunnel's bricks, in either family, with hosts known by number:
// 1 is our own endpoint, 2 a peer on link, 3 a peer behind the gateway 254, 9 a stranger.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "graph/lcore.h"
#include "support/eal.h"
#include "support/packet_text.h"
#include "tables/neighbour_table.h"
#include "tables/peer_table.h"

namespace butterfly::test {

// A packet that the test owns.
struct Freed {
  void operator()(Packet* packet) const { free_packets(std::span(&packet, 1)); }
};
using OwnedPacket = std::unique_ptr<Packet, Freed>;

inline OwnedPacket make_owned(std::string_view text) { return OwnedPacket(make_packet(text)); }

// As `make_owned`, with the facts that `parse` gives it.
inline OwnedPacket make_parsed(std::string_view text, Vni vni = Vni{0}) {
  OwnedPacket packet = make_owned(text);
  EXPECT_EQ(wire::parse_frame(packet->bytes(), packet->length(), vni, packet->parsed),
            wire::ParseError::none)
      << text;
  packet->vni = vni;
  return packet;
}

inline std::string text_of(const Packet& packet) { return describe_packet(contents(packet)); }
// The form in which text_of() would write the same packet.
inline std::string normal(std::string_view text) { return describe_packet(bytes_of(text)); }

// Moves the bytes behind the first `at` into a segment of their own.
inline void split(Packet& packet, uint16_t at) {
  Packet* rest = pool().alloc();
  const auto moved = static_cast<uint16_t>(packet.data_len - at);
  std::memcpy(rte_pktmbuf_append(rest, moved), packet.bytes().data() + at, moved);
  rest->next = packet.next;
  packet.next = rest;
  packet.data_len = at;
  packet.nb_segs = static_cast<uint16_t>(packet.nb_segs + 1);
}

constexpr PeerId kNearPeer{5};
constexpr PeerId kFarPeer{6};
constexpr uint16_t kNearSlot = 11;
constexpr uint16_t kFarSlot = 12;

class Underlay {
 public:
  explicit Underlay(bool v4) : is_v4_(v4) {
    vtep.address = host(1);
    vtep.on_link = v4 ? *Cidr::parse("192.0.2.0/24") : *Cidr::parse("2001:db8::/64");
    vtep.gateway = host(254);
    vtep.mac = *Mac::parse(mac(1));
    neighbours.claim(kNearSlot, host(2));
    neighbours.claim(kFarSlot, host(254));
    peers.set(std::make_shared<Peer>(vtep, kNearPeer, host(2), host(2), kNearSlot));
    peers.set(std::make_shared<Peer>(vtep, kFarPeer, host(3), host(254), kFarSlot));
  }

  static std::string mac(int number) {
    char text[18];
    std::snprintf(text, sizeof text, "02:00:00:00:00:%02x", number);
    return text;
  }
  std::string name(int number) const {
    if (number == 3) return is_v4_ ? "198.51.100.3" : "2001:db8:1::3";
    return is_v4_ ? "192.0.2." + std::to_string(number) : "2001:db8::" + std::to_string(number);
  }
  IpAddress host(int number) const { return *IpAddress::parse(name(number)); }

  // Layers as text, from one host to another; `more` are further fields of the IP layer.
  static std::string eth(int from, int to) {
    return "eth(src=" + mac(from) + ", dst=" + mac(to) + ")/";
  }
  std::string ip(int from, int to, const std::string& more = "") const {
    return (is_v4_ ? "ipv4(src=" : "ipv6(src=") + name(from) + ", dst=" + name(to) +
           (more.empty() ? "" : ", " + more) + ")/";
  }
  bool is_v4() const { return is_v4_; }

  Vtep vtep;
  PeerTable peers;
  NeighbourTable neighbours;

 private:
  bool is_v4_;
};

inline const char* family_name(const ::testing::TestParamInfo<bool>& v4) {
  return v4.param ? "OverIpv4" : "OverIpv6";
}

}  // namespace butterfly::test
