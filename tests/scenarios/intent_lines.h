// SPDX-License-Identifier: Apache-2.0
// The lines of a scenario that say what the operator wants, in the words of the command line.
// clang-format off
//
//   underlay 192.0.2.1/24 mac MAC [mtu 1600] [gateway ADDRESS] [port 4789]
//   option lcores N | flows N | fdb N
//   nic ID mac MAC vni N [ip ADDRESS]… [allow PREFIX[,MAC]]… [sg GROUP]… [antispoof no]
//       [subnet NAME]… [hostname NAME] [dhcp-server yes|no] [router yes|no]
//       [bypass yes|no]
//       [carry-vlans yes|no]
//   nic set ID …                  a list (ip, allow, sg, subnet) starts anew; `none` empties it
//   nic del ID
//   sg GROUP [empty]              with the two default rules (everything out), or without any
//   sg GROUP rule in|out [any|v4|v6] [tcp|udp|sctp|icmp|icmp6|proto N] [port A[-B]]
//                        [type N [code N]] [cidr PREFIX | group GROUP] [procedure NAME]
//                        [expression TEXT to the end of the line]
//   sg GROUP reject [no]          its nics tell whom they refuse
//   sg rule del GROUP in|out …
//   sg member add|del GROUP ADDRESS|PREFIX
//   sg del GROUP
//   guard KEY PRIORITY allow|deny|groups [vni N] in|out|both …   a rule of the guard list, the end
//                        as of a group's rule
//   guard del KEY
//   procedure NAME [max-mss N] [min-ttl N] [no-df] [random-id] [packets N] [bits N] [burst 100ms]
//     [log]
//   procedure del NAME
//   subnet NAME PREFIX [gateway A] [server A] [route PREFIX [via A]]… [dns A]… [domain NAME]… [mtu N]
//     [lease 1h] [autonomous] [off-link] [unmanaged]
//   subnet del NAME
//   peer ADDRESS vni N[,N] [mac MAC]
//   peer del ADDRESS
//   fdb VNI MAC PEER [ip ADDRESS]…
//   fdb del VNI MAC
//   segment VNI [gateway MAC]… [suppress] [learn-peers] [group ADDRESS]   a private one, whose
//                                 guests reach these only; one whose ARP is answered from intent; one
//                                 that learns peers; one that floods to a group of the underlay
//   segment del VNI
//   firewall KEY=VALUE…          settings, as `butterfly firewall set` takes them
//   switch KEY=VALUE…            the same, of `butterfly switch set`
//   neighbour ADDRESS mac MAC     somebody on the underlay, who answers ARP and ND as a peer does
//   far ID mac MAC vni N          the other side of a conversation: the scenario is played with it
//                                 as a nic of this host (antispoof off, everything allowed), and
//                                 again with it behind a tunnel
// clang-format on
#pragma once

#include <map>

#include "host/host.h"
#include "scenarios/scenario_file.h"

namespace butterfly::scenario {

// The host on which guests of `far` lines are, and ours unless an underlay line says otherwise.
inline constexpr Ipv4 kFarPeer{{192, 0, 2, 2}};
inline constexpr Mac kFarPeerMac = Mac::from_u64(0x02'00'00'00'00'02);

// A guest that a scenario talks to, when it is behind a tunnel.
struct FarGuest {
  Mac mac;
  Vni vni;
};

// What the lines so far amount to.
struct Wanted {
  Intent intent;
  HostOptions options;                  // for a host that is yet to be made
  std::map<IpAddress, Mac> neighbours;  // who answers on the underlay
  bool is_far_remote = false;           // where guests of `far` lines are
  std::map<std::string, FarGuest> far;  // by name, those behind the tunnel to kFarPeer
};

bool is_intent_line(const Line& line);
// Applies one line. An error says the fact and what was wanted.
Status apply_intent_line(const Line& line, Wanted& wanted);

}  // namespace butterfly::scenario
