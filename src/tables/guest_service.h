// SPDX-License-Identifier: Apache-2.0
// What the switch itself answers a guest, as far as it is known beforehand.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/ip.h"
#include "base/mac.h"

namespace butterfly {

// Of whom guests have their answers: the same on every host, so that a guest that moves finds its
// server where it was. Locally administered; it never enters a segment.
inline constexpr Mac kServiceMac{{0x02, 0x62, 0x66, 0x6c, 0x79, 0x01}};

// DHCP for IPv4, of one nic.
struct DhcpService {
  Ipv4 address;                     // the nic's
  Ipv4 server;                      // by which the guest knows us
  bool has_gateway_server = false;  // `server` is the gateway's: it answers ARP itself
  uint32_t lease_s = 0;
  std::vector<uint8_t> options;  // in their wire form; those that every answer has
};

// Router advertisements for one nic.
struct RouterService {
  Ipv6 source;                   // the gateway's, or ours where there is none
  std::vector<uint8_t> message;  // ICMPv6, its checksum 0
};

// DHCPv6 of one nic.
struct Dhcp6Service {
  std::optional<Ipv6> address;  // the nic's; none: guests find their own, or none by us
  uint32_t lease_s = 0;
  std::vector<uint8_t> options;  // in their wire form; those that every answer has
};

// Immutable; part of a nic.
struct GuestService {
  std::optional<DhcpService> dhcp;
  std::optional<RouterService> router;
  std::optional<Dhcp6Service> dhcp6;
};

}  // namespace butterfly
