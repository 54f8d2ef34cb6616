// SPDX-License-Identifier: Apache-2.0
// Router advertisements, made beforehand by the control side.
// Sources: RFC 4861 §4.2, §4.6 (message, prefixes, MTU), 8106 §5 (DNS).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "wire/headers.h"

namespace butterfly::wire {

struct RouterAdvertisement {
  bool is_managed = false;         // M: addresses by DHCPv6
  bool has_other = false;          // O: the rest by DHCPv6
  uint16_t router_lifetime_s = 0;  // 0: no default router

  Ipv6 prefix;
  uint8_t prefix_length = 0;
  bool is_on_link = false;     // L
  bool is_autonomous = false;  // A
  uint32_t prefix_lifetime_s = 0;

  uint32_t mtu = 0;  // 0: not told
  std::vector<Ipv6> dns;
  std::vector<std::string> domains;
  uint32_t dns_lifetime_s = 0;
};

// The ICMPv6 message, its checksum 0.
std::vector<uint8_t> make_router_advertisement(const RouterAdvertisement& advertisement);

}  // namespace butterfly::wire
