// SPDX-License-Identifier: Apache-2.0
// Numbers that name things, each a type of its own so that one cannot be passed for another.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace butterfly {

template <typename Tag, typename T>
struct Id {
  T value{};
  constexpr Id() = default;
  constexpr explicit Id(T v) : value(v) {}
  friend constexpr auto operator<=>(const Id&, const Id&) = default;
};

// The 24-bit number of a tenant segment (RFC 7348 §5). 0 is never used by a segment.
using Vni = Id<struct VniTag, uint32_t>;
inline constexpr uint32_t kVniMax = 0xffffff;

// Slot of a port in the host's port table. Slot 0 is the uplink. A slot is reused only after every
// lcore has twice been quiescent since its port left, so no packet in flight can carry a stale one.
using PortId = Id<struct PortTag, uint16_t>;
inline constexpr PortId kUplinkPort{0};
inline constexpr PortId kNoPort{0xffff};
inline constexpr uint16_t kMaxPorts = 1280;

// Slot of a peer VTEP in the host's peer table; reuse as for PortId.
using PeerId = Id<struct PeerTag, uint16_t>;
inline constexpr PeerId kNoPeer{0xffff};
inline constexpr uint16_t kMaxPeers = 4096;

// One life of a nic: never reused, so that a nic made again inherits nothing. 0 is "none".
using NicSerial = Id<struct NicSerialTag, uint64_t>;

// The number of a snapshot: grows by one with every change of intent.
using Generation = uint64_t;

}  // namespace butterfly

template <typename Tag, typename T>
struct std::hash<butterfly::Id<Tag, T>> {
  size_t operator()(const butterfly::Id<Tag, T>& id) const noexcept {
    return std::hash<T>{}(id.value);
  }
};
