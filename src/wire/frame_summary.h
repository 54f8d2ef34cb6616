// SPDX-License-Identifier: Apache-2.0
// What can be said to people about a frame, sound or not: as far as its headers go.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/ip.h"
#include "base/mac.h"
#include "wire/flow_key.h"

namespace butterfly::wire {

// What is not there, or lies beyond the bytes that were given, is unset.
struct FrameSummary {
  std::optional<Mac> source_mac;
  std::optional<Mac> destination_mac;
  uint16_t ethertype = 0;
  std::optional<Family> family;     // of IP
  std::optional<IpAddress> source;  // of IP; of ARP the sender's and target's
  std::optional<IpAddress> destination;
  std::optional<uint8_t> protocol;      // of IP: the upper layer, behind IPv6's extensions
  std::optional<uint16_t> source_port;  // of TCP, UDP and SCTP, in the first fragment
  std::optional<uint16_t> destination_port;
  std::optional<uint8_t> icmp_type;
  std::optional<uint8_t> icmp_code;
};

// `head`: the first bytes of a frame. Believes no length: for logs, never for verdicts. Pure.
FrameSummary summarize(std::span<const uint8_t> head);

}  // namespace butterfly::wire
