// SPDX-License-Identifier: Apache-2.0
// A packet as plain values: what the reference judges, and what frames are made of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/ip.h"

namespace butterfly::model {

inline constexpr uint8_t kIcmp = 1;
inline constexpr uint8_t kTcp = 6;
inline constexpr uint8_t kUdp = 17;
inline constexpr uint8_t kGre = 47;
inline constexpr uint8_t kIcmpv6 = 58;
inline constexpr uint8_t kSctp = 132;

inline constexpr uint8_t kFin = 0x01;
inline constexpr uint8_t kSyn = 0x02;
inline constexpr uint8_t kRst = 0x04;
inline constexpr uint8_t kPsh = 0x08;
inline constexpr uint8_t kAck = 0x10;

struct TcpSegment {
  uint32_t sequence = 0;
  uint32_t acknowledgement = 0;
  uint8_t flags = 0;
  uint16_t window = 0;
  int scale = -1;  // of a SYN that offers one
  uint16_t length = 0;

  bool has(uint8_t flag) const { return (flags & flag) != 0; }
  // A SYN that answers nothing.
  bool is_plain_syn() const { return (flags & (kSyn | kAck | kFin | kRst)) == kSyn; }
};

struct Datagram {
  IpAddress source;
  IpAddress destination;
  uint8_t protocol = 0;
  uint16_t source_port = 0;  // TCP, UDP, SCTP
  uint16_t destination_port = 0;
  uint8_t icmp_type = 0;
  uint8_t icmp_code = 0;
  uint16_t icmp_id = 0;
  TcpSegment tcp;

  bool is_v4() const { return source.is_v4(); }
  bool is_icmp() const { return protocol == (is_v4() ? kIcmp : kIcmpv6); }
};

// Stations and segments are numbers of a World.
struct Packet {
  unsigned segment = 0;
  unsigned from = 0;
  unsigned to = 0;
  Datagram datagram;
  std::optional<Datagram> quoted;  // of an ICMP error: what it is about
};

std::string to_string(const Datagram& datagram);

}  // namespace butterfly::model
