// SPDX-License-Identifier: Apache-2.0
// Our VTEP as a host on the underlay: answers ARP, ND and ping, learns and asks for next hops.
// Sources: RFC 826, 5227 (ARP), 4861 §7 (ND), 792, 4443 §4 (echo), 1122 §3.2.2.
#pragma once

#include <vector>

#include "graph/brick.h"
#include "tables/neighbour_table.h"
#include "tables/peer_table.h"

namespace butterfly {

// In:   what `vtep` calls our own: ARP, neighbour discovery, echo requests; bytes not shared.
// Out:  reply: the request turned into its answer, in place; ask: made by tick(). Both have
//       out_port set to the uplink.
// Cost: a sum over the packet; one binary search in the next hops. Rare packets only.
//
// No amplifier: an answer is never longer than a minimum frame or its question, goes to the one
// station that asked, and only when our own address (or its solicited-node group) was asked.
// A next hop's MAC is believed from whoever claims it, as ARP and ND do: trust ends at the
// underlay.
class Neighbour {
 public:
  enum class Out : uint8_t {
    reply,
    ask,
    learnt,
    not_for_us,
    malformed,
    bad_checksum,
    address_conflict,
  };
  static constexpr std::array kOuts{
      OutInfo{"reply", Edge::forward, "our answer to ARP, neighbour discovery or ping"},
      OutInfo{"ask", Edge::forward, "our question for the MAC of a peer or gateway"},
      OutInfo{"learnt", Edge::drop, "noted the MAC of a peer or gateway; nothing to send"},
      OutInfo{"not-for-us", Edge::drop, "about an address that is neither ours nor a next hop"},
      OutInfo{"malformed", Edge::drop,
              "ARP, neighbour discovery or ping that breaks its RFC, or ping with IP options"},
      OutInfo{"bad-checksum", Edge::drop, "ICMP damaged: checksum is wrong"},
      OutInfo{"address-conflict", Edge::drop, "another station claims our own underlay address"},
  };
  static constexpr BrickInfo kInfo{"neighbour", kOuts};
  struct Trace {
    IpAddress asker;
    IpAddress target;
  };
  static std::string format(const Trace& trace);

  // `vtep` and `peers` belong to the snapshot that built this brick, `neighbours` to the host.
  Neighbour(const Vtep& vtep, const PeerTable& peers, NeighbourTable& neighbours);

  Out operator()(Packet& packet, Trace* trace, Emit<Neighbour>& emit) noexcept;

  // Asks for next hops that are not known or ageing. Looks at kLooks of them at most, then goes on
  // where it stopped: ten calls a second get round kMaxPeers in two.
  static constexpr size_t kLooks = 256;
  void tick(TimeMs now, Emit<Neighbour>& emit) noexcept;

 private:
  Out take_arp(Packet& packet, Trace* trace, TimeMs now) noexcept;
  Out take_echo_v4(Packet& packet, Trace* trace) const noexcept;
  Out take_icmpv6(Packet& packet, Trace* trace, TimeMs now) noexcept;
  Out take_echo_v6(Packet& packet) const noexcept;
  Out take_solicitation(Packet& packet, TimeMs now) noexcept;
  Out take_advertisement(const Packet& packet, TimeMs now) noexcept;
  Out send_back(Packet& packet) const noexcept;

  const NextHop* find_next_hop(const IpAddress& address) const;
  bool learn(const IpAddress& address, const Mac& mac, TimeMs now) noexcept;
  void ask(const NextHop& hop, TimeMs now, Emit<Neighbour>& emit) noexcept;

  Mac mac_;
  IpAddress address_;
  std::vector<IpAddress> broadcasts_;  // of the prefixes that are on link, IPv4 only
  NeighbourTable& neighbours_;
  const std::vector<NextHop>& next_hops_;  // of the snapshot
};
static_assert(EmittingBrick<Neighbour>);

}  // namespace butterfly
