// SPDX-License-Identifier: Apache-2.0
#include "tables/claim_table.h"

#include <algorithm>
#include <span>

namespace butterfly {
namespace {

constexpr uint32_t since_of(uint64_t state) { return static_cast<uint32_t>(state); }
constexpr uint32_t order_of(uint64_t state) {
  return static_cast<uint32_t>(state >> 32) & 0x7fff'ffff;
}

}  // namespace

ClaimTable::Held* ClaimTable::find(const Nic& nic, uint64_t identifier,
                                   uint32_t limit) const noexcept {
  for (Held& held : std::span(claims_of(nic.port), std::min(limit, kPerNic))) {
    if (held.identifier.load(std::memory_order_acquire) == identifier && is_of(held, nic)) {
      return &held;
    }
  }
  return nullptr;
}

ClaimTable::Standing ClaimTable::standing(const Nic& nic, const Ipv6& address, uint32_t limit,
                                          TimeMs now) const noexcept {
  if (!is_claimable(address)) return Standing::none;
  const uint64_t identifier = identifier_of(address);
  Held* held = find(nic, identifier, limit);
  if (!held) return Standing::none;
  uint64_t state = held->state.load(std::memory_order_acquire);
  // What was read between two equal identifiers belongs to that one.
  if (held->identifier.load(std::memory_order_acquire) != identifier) return Standing::none;
  if ((state & kIsHeld) != 0) return Standing::held;
  if (age_ms(now, since_of(state)) < kObjectionsMs) return Standing::claimed;
  // Once and for all: the clock wraps.
  held->state.compare_exchange_strong(state, state | kIsHeld, std::memory_order_relaxed);
  return Standing::held;
}

ClaimTable::Elsewhere& ClaimTable::elsewhere_of(Vni vni, uint64_t identifier) const noexcept {
  static_assert(kElsewhere == 256);
  return elsewhere_[((identifier ^ vni.value) * 0x9e3779b97f4a7c15ULL) >> 56];
}

bool ClaimTable::is_elsewhere(Vni vni, uint64_t identifier, TimeMs now) const noexcept {
  const Elsewhere& other = elsewhere_of(vni, identifier);
  const uint64_t seen = other.seen.load(std::memory_order_acquire);
  return other.identifier.load(std::memory_order_acquire) == identifier &&
         seen >> 32 == vni.value && age_ms(now, static_cast<uint32_t>(seen)) < kElsewhereMs;
}

// Whatever a nic holds or has claimed, counted by the setting or not: a limit that is raised again
// must not make two of them its owner.
bool ClaimTable::is_anothers(const Nic& nic, const Segment& segment, const NicTable& nics,
                             const Ipv6& address) const noexcept {
  const Mac* const host = segment.find_host(address);
  if (host && !nic.has_mac(*host)) return true;
  return std::ranges::any_of(segment.ports, [&](PortId port) {
    const Nic* other = port == nic.port ? nullptr : nics.find(port);
    return other && (other->may_speak_as(address) || find(*other, identifier_of(address), kPerNic));
  });
}

ClaimTable::Claim ClaimTable::claim(const Nic& nic, const Segment& segment, const NicTable& nics,
                                    const Ipv6& address, uint32_t limit, TimeMs now) noexcept {
  const uint64_t identifier = identifier_of(address);
  if (find(nic, identifier, limit)) return Claim::made;
  if (is_elsewhere(nic.vni, identifier, now)) return Claim::taken;
  if (locked_.exchange(true, std::memory_order_acquire)) return Claim::busy;
  const bool is_taken = is_anothers(nic, segment, nics, address);
  if (!is_taken) {
    const auto rank = [&](const Held& held) -> uint64_t {
      const bool is_free =
          held.identifier.load(std::memory_order_relaxed) == 0 || !is_of(held, nic);
      return is_free ? 0 : 1 + uint64_t{order_of(held.state.load(std::memory_order_relaxed))};
    };
    Held& held = *std::ranges::min_element(std::span(claims_of(nic.port), std::min(limit, kPerNic)),
                                           {}, rank);
    held.identifier.store(0, std::memory_order_release);
    order_ = (order_ + 1) & 0x7fff'ffff;
    held.serial.store(nic.serial.value, std::memory_order_relaxed);
    held.vni.store(nic.vni.value, std::memory_order_relaxed);
    held.state.store(uint64_t{order_} << 32 | now, std::memory_order_relaxed);
    held.identifier.store(identifier, std::memory_order_release);
  }
  locked_.store(false, std::memory_order_release);
  return is_taken ? Claim::taken : Claim::made;
}

void ClaimTable::object(const Segment& segment, const Ipv6& address, TimeMs now) noexcept {
  const uint64_t identifier = identifier_of(address);
  Elsewhere& other = elsewhere_of(segment.vni, identifier);
  other.seen.store(uint64_t{segment.vni.value} << 32 | now, std::memory_order_release);
  other.identifier.store(identifier, std::memory_order_release);
  for (const PortId port : segment.ports) {
    for (Held& held : std::span(claims_of(port), kPerNic)) {
      uint64_t wanted = identifier;
      if (held.identifier.load(std::memory_order_acquire) != identifier ||
          held.vni.load(std::memory_order_relaxed) != segment.vni.value) {
        continue;
      }
      const uint64_t state = held.state.load(std::memory_order_acquire);
      const bool is_open = (state & kIsHeld) == 0 && age_ms(now, since_of(state)) < kObjectionsMs;
      if (is_open) held.identifier.compare_exchange_strong(wanted, 0, std::memory_order_release);
    }
  }
}

}  // namespace butterfly
