// SPDX-License-Identifier: Apache-2.0
// Whose a frame of the underlay is when the host's kernel lives on the same wire as our tunnel
// endpoint: what is VXLAN for us is ours, what both need both get, all else is the kernel's.
#pragma once

#include <cstdint>
#include <span>

#include "base/ip.h"

namespace butterfly::wire {

class UnderlaySplit {
 public:
  enum class Owner : uint8_t { tunnel, kernel, both };

  UnderlaySplit(const IpAddress& vtep, uint16_t udp_port) : vtep_(vtep), udp_port_(udp_port) {}

  // Of an untagged frame, or its first segment; whatever it holds.
  // The tunnel's: VXLAN for our address or a group, and who asks for our address (ARP, neighbour
  // discovery, ping): the answer is the same, as both have one MAC. Both: answers and announcements
  // of neighbours (RFC 826, 4861), ICMP errors to our address, questions of multicast routers.
  Owner owner_of(std::span<const uint8_t> frame) const;

 private:
  Owner owner_of_arp(std::span<const uint8_t> frame) const;
  Owner owner_of_ipv4(std::span<const uint8_t> frame) const;
  Owner owner_of_ipv6(std::span<const uint8_t> frame) const;
  bool is_vxlan(std::span<const uint8_t> frame, size_t l4) const;

  IpAddress vtep_;
  uint16_t udp_port_;
};

}  // namespace butterfly::wire
