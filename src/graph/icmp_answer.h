// SPDX-License-Identifier: Apache-2.0
// Turns a packet into the ICMP error about it, for its sender.
// Sources: RFC 792, 1812 §4.3.2 (IPv4), 4443 §2.4, §3 (IPv6), 1122 §3.2.2 (what is never answered).
#pragma once

#include "graph/packet.h"

namespace butterfly {

// An error as the header says it; `mtu` where the type has one, else 0.
struct IcmpError {
  uint8_t type;
  uint8_t code;
  uint16_t mtu = 0;
};

// Whether anybody may be told about this packet: its bytes are its own, and it is no group's, no
// ICMP error or signalling, and from and to single hosts. REQUIRES: a parsed packet.
bool may_be_answered(const Packet& packet) noexcept;

// Makes the packet an error that quotes as much of it as the RFCs let: 576 bytes of answer over
// IPv4, 1,280 over IPv6. A switch has no address on the segment, so the answer bears the address
// that the packet was for; the sender looks at the quoted packet only. What its sender asked its
// device to do is forgotten with it. False, with the packet spoilt, when its headroom is too small.
// REQUIRES: may_be_answered(packet); `error` of the packet's family.
bool answer_with_icmp(Packet& packet, const IcmpError& error) noexcept;

}  // namespace butterfly
