// SPDX-License-Identifier: Apache-2.0
// Holds a guest to its own MAC and addresses, and to those that its nic may use besides: in
// Ethernet, IP, ARP (RFC 826, 5227) and ND (RFC 4861). A link-local address that is not made of a
// MAC (RFC 7217, or random) becomes the nic's own when everybody has been asked whether it is free
// (RFC 4862 §5.4), for which the switch sees to it that they are.
#pragma once

#include <string>

#include "graph/brick.h"
#include "graph/lcore.h"
#include "tables/claim_table.h"
#include "tables/nic_table.h"

namespace butterfly {

// In:   a frame from a guest, parsed; packet.in_port names its nic.
// Out:  genuine: as it came; whatever it claims to be is the nic's own.
//       asked: turned into the question whether an address is free, in place; `claims` behind it
//       notes who has asked. Nothing is left of what the guest sent: what others shall object to
//       they must be sure to hear, and to understand.
// Cost: about 5 cycles for IPv4 from the nic's first address; one line of the nic, one of its
//       addresses. No write but of a claim that others had their time to object to.
class Antispoof {
 public:
  enum class Out : uint8_t {
    genuine,
    asked,
    no_nic,
    wrong_source_mac,
    arp_sender_mac,
    arp_sender_ip,
    wrong_source_ip,
    nd_target,
    nd_link_layer,
    rarp,
    link_local_claimed,
  };
  static constexpr std::array kOuts{
      OutInfo{"genuine", Edge::forward, "the guest speaks for itself"},
      OutInfo{"asked", Edge::forward,
              "a link-local address that is not the nic's yet: asked whether it is free"},
      OutInfo{"no-nic", Edge::drop, "the port it came from carries no nic (any more)"},
      OutInfo{"wrong-source-mac", Edge::drop, "source MAC is not one of the nic's"},
      OutInfo{"arp-sender-mac", Edge::drop, "ARP whose sender MAC is not one of the nic's"},
      OutInfo{"arp-sender-ip", Edge::drop, "ARP whose sender address is not one of the nic's"},
      OutInfo{"wrong-source-ip", Edge::drop, "source address is not one of the nic's"},
      OutInfo{"nd-target", Edge::drop, "ND that speaks for an address that is not the nic's"},
      OutInfo{"nd-link-layer", Edge::drop,
              "ND that is malformed or names a MAC that is not one of the nic's"},
      OutInfo{"rarp", Edge::drop,
              "reverse ARP that does more than tell where the nic's own MAC is"},
      OutInfo{"link-local-claimed", Edge::drop,
              "source address was asked for less than a second ago: it may be another's"},
  };
  static constexpr BrickInfo kInfo{"antispoof", kOuts};

  struct Trace {
    Mac mac;
    bool has_address;
    IpAddress address;  // that the frame says it is from
  };
  // "from 52:54:00:00:00:01, 10.0.0.1".
  static std::string format(const Trace& trace);

  // `nics` are the snapshot's, the claims the host's; `link_locals` is how many of a nic's claims
  // count, 0: none is asked for.
  Antispoof(const NicTable& nics, const ClaimTable& claims, uint32_t link_locals,
            const Lcore& lcore)
      : nics_(nics), claims_(claims), link_locals_(link_locals), lcore_(lcore) {}

  Out operator()(Packet& packet, Trace* trace) noexcept {
    if (trace) *trace = note_of(packet);
    const Nic* nic = nics_.find(packet.in_port);
    if (!nic) return Out::no_nic;
    if (!nic->antispoof) return Out::genuine;
    // Parse has seen that the headers read here are all there.
    const Mac mac = packet.at<wire::EthernetHeader>(0)->source;
    if (mac != nic->mac && !nic->has_mac(mac)) return Out::wrong_source_mac;
    if (packet.parsed.ethertype != wire::kTypeIpv4) return judge_other(*nic, packet);
    const Ipv4 source = packet.at<wire::Ipv4Header>(packet.parsed.l3)->source;
    if (may_speak_as(*nic, source)) return Out::genuine;
    return source.is_zero() && is_dhcp_client(packet) ? Out::genuine : Out::wrong_source_ip;
  }

 private:
  // Most nics have one address: comparing 16 bytes is two loads, ordering them a call.
  static bool may_speak_as(const Nic& nic, const IpAddress& address) {
    return (!nic.addresses.empty() && nic.addresses.front() == address) ||
           nic.may_speak_as(address);
  }
  static bool is_dhcp_client(const Packet& packet);
  Out judge_other(const Nic& nic, Packet& packet) const;
  static Trace note_of(const Packet& packet);

  const NicTable& nics_;
  const ClaimTable& claims_;
  uint32_t link_locals_;
  const Lcore& lcore_;
};
static_assert(DecidingBrick<Antispoof>);

}  // namespace butterfly
