// SPDX-License-Identifier: Apache-2.0
// The VXLAN underlay of a snapshot: our own VTEP and the peers we know.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "base/mac.h"
#include "tables/shared_slots.h"
#include "wire/headers.h"
#include "wire/outer_layers.h"

namespace butterfly {

// Our end of the tunnels. Set at start; absent when the host has no uplink.
struct Vtep {
  IpAddress address;
  Cidr on_link;  // the prefix of `address`
  std::vector<Cidr> also_on_link{};
  std::optional<IpAddress> gateway;
  Mac mac;
  uint16_t udp_port = wire::kVxlanPort;
  uint16_t mtu = 1500;  // of the underlay, in bytes of IP packet

  // Whether it is a neighbour; others are behind `gateway`.
  bool is_on_link(const IpAddress& other) const {
    return on_link.contains(other) || std::ranges::any_of(also_on_link, [&](const Cidr& prefix) {
             return prefix.contains(other);
           });
  }

  // Bytes that encapsulation adds in front of the inner Ethernet frame, outer Ethernet included.
  uint16_t overhead() const {
    return static_cast<uint16_t>(
        wire::kEthernetHeaderLen +
        (address.is_v4() ? sizeof(wire::Ipv4Header) : sizeof(wire::Ipv6Header)) +
        sizeof(wire::UdpHeader) + sizeof(wire::VxlanHeader));
  }
  // The largest inner IP packet that fits the underlay in one piece. REQUIRES: an underlay of at
  // least 576 bytes (IPv4) or 1,280 (IPv6), as their RFCs do.
  uint16_t inner_mtu() const {
    return static_cast<uint16_t>(mtu - overhead());  // outer and inner Ethernet headers cancel out
  }
};

// One peer VTEP, or a multicast group of the underlay. Immutable. What encapsulation reads lies in
// one cache line (over IPv6, two).
struct alignas(64) Peer {
  Peer() = default;
  Peer(const Vtep& vtep, PeerId peer, const IpAddress& its_address, const IpAddress& hop,
       uint16_t hop_slot)
      : id(peer),
        neighbour(hop_slot),
        outer(vtep.mac, vtep.address, its_address, vtep.udp_port),
        address(its_address),
        next_hop(hop) {}
  // A group, which `group_mac` stands for on the link.
  Peer(const Vtep& vtep, PeerId peer, const IpAddress& group, const Mac& mac)
      : Peer(vtep, peer, group, group, kNoNeighbour) {
    group_mac = mac.to_u64();
  }

  // Of a group: nobody needs to be asked for its MAC.
  static constexpr uint16_t kNoNeighbour = 0xffff;
  bool is_group() const { return neighbour == kNoNeighbour; }

  PeerId id = kNoPeer;
  uint16_t neighbour = 0;     // slot of next_hop in the NeighbourTable
  wire::OuterTemplate outer;  // in front of what goes there
  IpAddress address;
  IpAddress next_hop;      // itself when on link, else the gateway
  uint64_t group_mac = 0;  // of a group, as Mac::to_u64()
};

// A neighbour of ours that packets for peers are sent to.
struct NextHop {
  IpAddress address;
  uint16_t slot;  // in the NeighbourTable
};

// By slot and by address. Immutable once published; copies share their peers.
class PeerTable {
 public:
  const Peer* find(PeerId id) const { return id.value < kMaxPeers ? peers_.at(id.value) : nullptr; }
  // Peers and groups: which of both, the address says.
  const Peer* find(const IpAddress& address) const {
    const auto it = by_address_.find(address);
    return it == by_address_.end() ? nullptr : find(it->second);
  }
  // Sorted by address; many peers may share a gateway.
  const std::vector<NextHop>& next_hops() const { return next_hops_; }

  void set(std::shared_ptr<const Peer> peer) {
    const PeerId id = peer->id;
    clear(id);
    by_address_[peer->address] = id;
    const auto at = place_of(peer->next_hop);
    if (!peer->is_group() && (at == next_hops_.end() || at->address != peer->next_hop)) {
      next_hops_.insert(at, {peer->next_hop, peer->neighbour});
    }
    peers_.set(id.value, std::move(peer));
  }
  void clear(PeerId id) {
    const auto peer = peers_.share(id.value);
    if (!peer) return;
    by_address_.erase(peer->address);
    peers_.set(id.value, nullptr);
    if (peer->is_group()) return;
    const bool is_used = std::ranges::any_of(by_address_, [&](const auto& other) {
      return find(other.second)->next_hop == peer->next_hop;
    });
    if (!is_used) next_hops_.erase(place_of(peer->next_hop));
  }

 private:
  struct AddressHash {
    size_t operator()(const IpAddress& address) const {
      uint64_t words[2];
      std::memcpy(words, address.bytes().data(), 16);
      return (words[0] ^ (words[1] >> 32) ^ words[1]) * 0x9e3779b97f4a7c15ULL;
    }
  };
  std::vector<NextHop>::iterator place_of(const IpAddress& hop) {
    return std::ranges::lower_bound(next_hops_, hop, {}, &NextHop::address);
  }

  SharedSlots<Peer, kMaxPeers> peers_;
  std::unordered_map<IpAddress, PeerId, AddressHash> by_address_;
  std::vector<NextHop> next_hops_;
};

}  // namespace butterfly
