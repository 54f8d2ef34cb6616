// SPDX-License-Identifier: Apache-2.0
// What the switch itself answers a guest whose nic asks for it: DHCP for IPv4, and ARP for the
// server's address; router solicitations and DHCPv6.
// Sources: RFC 2131 §3, §4 (DHCP), 6842 (client identifiers), 826 (ARP), 4861 §6 (routers), 8415
// §18.3 (DHCPv6).
#pragma once

#include <string>

#include "graph/brick.h"
#include "tables/nic_table.h"
#include "wire/dhcp.h"
#include "wire/dhcp6.h"

namespace butterfly {

template <typename B>
class Emit;

// In:   a packet from a guest, parsed, that takes no shortcut; not checked by antispoof. Whatever
//       it claims, its answer goes back to the port that it came from, and nothing is learnt.
// Out:  on: untouched; the question turned into its answer, in place, back to its sender. No
//       firewall is asked: who names a subnet wants the answers.
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
    router,
    dhcp6_advertise,
    dhcp6_reply,
    solicitation_malformed,
    dhcp6_other_server,
    dhcp6_malformed,
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
      OutInfo{"router", Edge::forward,
              "our router advertisement: what the subnet says, asked for or every some minutes"},
      OutInfo{"dhcp6-advertise", Edge::forward, "our answer to a DHCPv6 client that looks for us"},
      OutInfo{"dhcp6-reply", Edge::forward, "our answer to a DHCPv6 client that has found us"},
      OutInfo{"solicitation-malformed", Edge::drop,
              "a router solicitation that breaks its RFC (RFC 4861 §6.1.1)"},
      OutInfo{"dhcp6-other-server", Edge::drop, "a guest chose another DHCPv6 server"},
      OutInfo{"dhcp6-malformed", Edge::drop, "a DHCPv6 client's message that breaks its RFC"},
  };
  static constexpr BrickInfo kInfo{"guest-services", kOuts};
  struct Trace {
    wire::DhcpType type;    // 0: no DHCP
    wire::Dhcp6Type type6;  // the same
    IpAddress address;      // the nic's; zero: none
  };
  static std::string format(const Trace& trace);

  explicit GuestServices(const NicTable& nics) : nics_(nics) {}

  Out operator()(Packet& packet, Trace* trace) noexcept {
    const Nic* nic = nics_.find(packet.in_port);
    if (!nic || !nic->service) [[likely]]
      return Out::on;
    return serve(packet, *nic, trace);
  }

  // An advertisement that nobody has asked for, to the nic at `port`, if it gets any: what they
  // tell is forgotten by guests after a while.
  void advertise(PortId port, Emit<GuestServices>& emit) noexcept;

 private:
  static Out serve(Packet& packet, const Nic& nic, Trace* trace) noexcept;
  static Out serve_v6(Packet& packet, const Nic& nic, Trace* trace) noexcept;

  const NicTable& nics_;
};
static_assert(DecidingBrick<GuestServices>);

}  // namespace butterfly
