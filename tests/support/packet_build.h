// SPDX-License-Identifier: Apache-2.0
// Layers to bytes: lengths, types and checksums are computed from what lies inside and around.
//
// What a field that is left out means:
//   eth      src 52:54:00:00:00:01, dst 52:54:00:00:00:02, type by what follows (else 0x88b5)
//   vlan     pcp 0, dei 0, id 1, type as eth
//   arp      op request, sender_mac 52:54:00:00:00:01, sender_ip 10.0.0.1, target_mac zero,
//            target_ip 10.0.0.2, htype 1, ptype 0x0800, hlen 6, plen 4
//   ipv4     src 10.0.0.1, dst 10.0.0.2, ttl 64, tos, id, rf, df, mf, frag (units of 8 bytes) 0,
//            options (hex) none; version, ihl, len, proto (253 when nothing known follows),
//            checksum
//   ipv6     src fd00::1, dst fd00::2, hlim 64 (nd 255, mld 1), tc 0, flow 0; version, len, proto
//   hopbyhop, destopt   data 010400000000 (hex, padded to units of 8), proto, len
//   routing  type 4, left 0, data 00000000, proto, len
//   frag     offset (units of 8 bytes) 0, mf 0, id 0, reserved 0, proto
//   tcp      sport 40000, dport 80, flags S, seq 0, ack 0, win 8192, urg 0, no options (mss, wscale
//            or opts in hex); dataofs, checksum
//   udp      sport 40000, dport 53 (vxlan 4789), len, checksum (0 for vxlan)
//   sctp     sport 40000, dport 80, vtag 0, checksum 0
//   icmp     type 8, code 0, the last 32 bits 0: id and seq (16 each), or mtu (the last 16), or gw
//            (an address); checksum. icmp6: the same with type 128 and a 32-bit mtu
//   nd_ns, nd_na   target fd00::2, lladdr (an option) none, or opts (hex); na: router, solicited,
//            override 0; type, code, checksum, reserved
//   nd_rs    lladdr or opts
//   nd_ra    hop 64, flags 0, lifetime 1800, reachable 0, retrans 0, lladdr or opts
//   mld      type 131, group ff02::1, delay 0
//   gre      flags 0, proto by what follows
//   vxlan    vni 1, flags 0x08, reserved1 0, reserved2 0
//   dhcp     op by type, xid 0x1234, chaddr 52:54:00:00:00:01, ciaddr, yiaddr, siaddr, giaddr,
//   secs,
//            flags, hops 0; options type (discover, …), server, lease, renewal, rebinding,
//            requested, mask, router, dns (A+B), hostname, domain, mtu, search (hex), routes
//            (PREFIX>A+…), client_id, wanted (hex), then opts (hex) and end 1; sname, file (hex)
//   dhcp6    type (solicit, …), xid 0x123456, client, server (hex) none, rapid 0; one association
//   ia
//            (its id) with renew, rebind 0, address (A+B) with preferred and valid 0, gone (A+B,
//            without times), ia_status; status; dns (A+B), search (hex), then opts (hex)
//   payload  len letters a..z, or text
//   raw      hex
//   trailer  len zero bytes, or hex: behind the packet of the innermost eth, in none of its
//            lengths (a second trailer: of the next eth outside it)
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "support/packet_fields.h"

namespace butterfly::test {

// What a layer must know of its surroundings.
struct Surroundings {
  std::string next;                 // name of the layer inside, empty at the end
  std::optional<IpAddress> source;  // of the IP header around
  std::optional<IpAddress> destination;
};

// Puts a layer's header in front of `bytes`. False when the layer is not of this family of layers.
bool build_network(const std::string& name, Fields& fields, const Surroundings& around,
                   Bytes& bytes);
bool build_transport(const std::string& name, Fields& fields, const Surroundings& around,
                     Bytes& bytes);

StatusOr<Bytes> build_layers(const std::vector<Layer>& layers);

// The payload of `payload(len=N)`.
Bytes letters(size_t count);
// TCP options for an MSS and a window scale, each where present, padded to 4 bytes.
Bytes tcp_options(std::optional<uint16_t> mss, std::optional<uint8_t> wscale);

template <typename Header>
void put_in_front(const Header& header, const Bytes& rest, Bytes& bytes) {
  const auto* raw = reinterpret_cast<const uint8_t*>(&header);
  bytes.insert(bytes.begin(), rest.begin(), rest.end());
  bytes.insert(bytes.begin(), raw, raw + sizeof header);
}

}  // namespace butterfly::test
