// SPDX-License-Identifier: Apache-2.0
// What the switch itself answers a guest whose nic asks for it: DHCP for IPv4, and ARP for the
// server's address.
// Sources: RFC 2131 §3, §4 (DHCP), 6842 (client identifiers), 826 (ARP).
#pragma once

#include <string>

#include "graph/brick.h"
#include "tables/nic_table.h"
#include "wire/dhcp.h"

namespace butterfly {

// In:   a packet from a guest, parsed, that takes no shortcut; not checked by antispoof. Whatever
// it
//       claims, its answer goes back to the port that it came from, and nothing is learnt.
// Out:  on: untouched; dhcp_…, arp: the question turned into its answer, in place, back to its
//       sender. No firewall is asked: who names a subnet wants the answers.
// Cost: one load of the nic for packets of nics without services; else a look at the headers, for
//       an answer a copy of what was compiled beforehand, and two sums.
//
// The address is the nic's own, so no lease is kept, and nothing has to be remembered.
class GuestServices {
 public:
  enum class Out : uint8_t {
    on,
    dhcp_offer,
    dhcp_ack,
    dhcp_nak,
    arp,
    dhcp_release,
    dhcp_decline,
    dhcp_other_server,
    dhcp_malformed,
  };
  static constexpr std::array kOuts{
      OutInfo{"on", Edge::forward, "nothing that the switch itself answers"},
      OutInfo{"dhcp-offer", Edge::forward, "our answer to a DHCP client: the nic's address"},
      OutInfo{"dhcp-ack", Edge::forward,
              "our answer to a DHCP client: the address, or what it asked for, is its own"},
      OutInfo{"dhcp-nak", Edge::forward,
              "our answer to a DHCP client that wants an address which is not the nic's"},
      OutInfo{"arp", Edge::forward, "our answer to ARP for the DHCP server's address"},
      OutInfo{"dhcp-release", Edge::drop, "a guest gives its address back; it stays the nic's"},
      OutInfo{"dhcp-decline", Edge::drop,
              "a guest found its address in use: look who else has it on the segment"},
      OutInfo{"dhcp-other-server", Edge::drop, "a guest chose another DHCP server's offer"},
      OutInfo{"dhcp-malformed", Edge::drop, "a DHCP client's message that breaks its RFC"},
  };
  static constexpr BrickInfo kInfo{"guest-services", kOuts};
  struct Trace {
    wire::DhcpType type;  // 0: no DHCP
    Ipv4 address;
  };
  static std::string format(const Trace& trace);

  explicit GuestServices(const NicTable& nics) : nics_(nics) {}

  Out operator()(Packet& packet, Trace* trace) noexcept {
    const Nic* nic = nics_.find(packet.in_port);
    if (!nic || !nic->service) [[likely]]
      return Out::on;
    return serve(packet, *nic, trace);
  }

 private:
  static Out serve(Packet& packet, const Nic& nic, Trace* trace) noexcept;

  const NicTable& nics_;
};
static_assert(DecidingBrick<GuestServices>);

}  // namespace butterfly
