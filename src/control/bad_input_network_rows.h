// SPDX-License-Identifier: Apache-2.0
// Rows of bad_input_test.cc: peers, static entries, subnets and segments.
#pragma once

#include <string>
#include <vector>

#include "control/bad_input_values.h"

namespace butterfly::bad_input {

inline std::vector<Row> network_rows() {
  const std::string what = "subnet 'x'";
  const std::string inside = " (wanted a host's address in 10.1.0.0/16)";
  const auto in_prefix = [&](const std::string& which) {
    return each({"10.2.0.1"}, what + ": " + which + ": address $ is outside" + inside) +
           each({"10.1.0.0", "10.1.255.255"},
                what + ": " + which + ": address $ is the prefix's own or its broadcast" + inside) +
           each({"x"}, what + ": " + which + ": address '$' is malformed ");
  };
  return {
      {"Subnet.name", "Apply",
       "changes { subnet_put { name: \"$\" prefix: \"10.1.0.0/16\" gateway: \"10.1.0.1\" } }",
       bad_names("subnet '", "'"), kGoodNames},
      {"Subnet.prefix",
       "Apply",
       "changes { subnet_put { name: \"x\" prefix: \"$\" gateway: \"10.1.0.1\" } }",
       each({"", "10.1.0.0", "10.1.0.1/16", "10.1.0.0/33"},
            what + ": prefix '$' is malformed (wanted ADDRESS/LENGTH with clear host bits)") +
           each({"10.1.0.0/31", "fd00::1/128", "0.0.0.0/0"},
                what + ": prefix $ (wanted an IPv4 prefix of 1..30 bits, or an IPv6 prefix of "
                       "1..127)"),
       {"10.1.0.0/30", "10.0.0.0/8"}},
      {"Subnet.gateway",
       "Apply",
       "changes { subnet_put { name: \"x\" prefix: \"10.1.0.0/16\" gateway: \"$\" } }",
       in_prefix("gateway") +
           each({""}, what + ": neither gateway nor server (wanted an address by which guests "
                             "know the DHCP server)"),
       {"10.1.0.1", "10.1.255.254"}},
      {"Subnet.server", "Apply", subnet("server: \"$\""), in_prefix("server"), {"", "10.1.0.2"}},
      {"Subnet.dns",
       "Apply",
       subnet("dns: \"$\""),
       bad_addresses(what + ": DNS server") +
           each({"fd00::1"}, what + ": DNS server $ is not of the family of 10.1.0.0/16 (wanted "
                                    "one that is)"),
       {"8.8.8.8"}},
      {"Subnet.domains",
       "Apply",
       subnet("domains: \"$\""),
       each({"", "-x", "a..b"}, what + ": domain '$' is malformed "),
       {"x", "example.net"}},
      {"Subnet.mtu",
       "Apply",
       subnet("mtu: $"),
       each({"1", "575"}, what + ": MTU $ (wanted 576..65535, or 0 for what fits)") +
           each({"65536"}, what + ": MTU $ is too big (wanted 0..65535)"),
       {"0", "576", "65535"}},
      {"Subnet.lease_s",
       "Apply",
       subnet("lease_s: $"),
       each({"0", "9", "31536001"}, what + ": lease of $ s (wanted 10..31536000)"),
       {"10", "31536000"}},
      {"SubnetRoute.prefix",
       "Apply",
       subnet("routes { prefix: \"$\" }"),
       each({"", "10.9.0.1/16"}, what + ": route: prefix '$' is malformed ") +
           each({"0.0.0.0/0"}, what + ": route $ is the default route (wanted a gateway instead)") +
           each({"fd00::/64"}, what + ": route $ is not of the family of 10.1.0.0/16 (wanted one "
                                      "that is)"),
       {"10.9.0.0/16", "10.9.0.1/32"}},
      {"SubnetRoute.via",
       "Apply",
       subnet("routes { prefix: \"10.9.0.0/16\" via: \"$\" }"),
       each({"10.2.0.1"}, what + ": route 10.9.0.0/16: via: address $ is outside" + inside) +
           each({"x"}, what + ": route 10.9.0.0/16: via: address '$' is malformed "),
       {"", "10.1.0.9"}},
      {"Change.subnet_delete",
       "Apply",
       "changes { subnet_delete: \"$\" }",
       nobody("subnet") + each({"lan"},
                               "subnet '$': in use by nic 'a' (wanted one that no nic "
                               "names)",
                               StatusCode::FAILED_PRECONDITION),
       {}},
      {"Peer.address",
       "Apply",
       "changes { peer_put { address: \"$\" } }",
       each({"", "x", "10.0.0.0/8"}, "peer '$': address '$' is malformed ") +
           each({"0.0.0.0", "224.0.0.1", "ff02::1", "255.255.255.255"},
                "peer $: address $ is no host's own (wanted unicast)"),
       {"192.0.2.9", "2001:db8::1"}},
      {"Peer.vnis", "Apply", "changes { peer_put { address: \"192.0.2.9\" vnis: $ } }",
       bad_vnis("peer 192.0.2.9"), kGoodVnis},
      {"Change.peer_delete",
       "Apply",
       "changes { peer_delete: \"$\" }",
       each({"", "x"}, "peer '$': address '$' is malformed ") +
           each({"192.0.2.9"}, "peer $: not found (wanted one of ours)", StatusCode::NOT_FOUND) +
           each({"192.0.2.2"},
                "peer $: in use by fdb entry 42/52:54:00:00:00:99 (wanted a peer "
                "without fdb entries)",
                StatusCode::FAILED_PRECONDITION),
       {}},
      {"FdbEntry.vni",
       "Apply",
       "changes { fdb_put { vni: $ mac: \"52:54:00:00:00:0f\" peer: \"192.0.2.2\" } }",
       each({"0"}, "fdb $/52:54:00:00:00:0f: VNI 0 names no segment " + kVni) +
           each({"16777216"}, "fdb $/52:54:00:00:00:0f: VNI $ exceeds 24 bits " + kVni) +
           each({"43"},
                "fdb $/52:54:00:00:00:0f: peer 192.0.2.2 does not serve VNI 43 (wanted a "
                "peer that does)"),
       {"42"}},
      {"FdbEntry.mac",
       "Apply",
       "changes { fdb_put { vni: 42 mac: \"$\" peer: \"192.0.2.2\" } }",
       each({"", "x"}, "fdb 42/$: MAC '$' is malformed " + kMac) +
           each({"01:00:5e:00:00:01"}, "fdb 42/$: MAC $ is a group address (wanted unicast)") +
           each({"52:54:00:00:00:01"},
                "fdb 42/$: MAC is local nic 'a' (wanted a MAC behind the "
                "peer)"),
       {"52:54:00:00:00:0f"}},
      {"FdbEntry.peer",
       "Apply",
       "changes { fdb_put { vni: 42 mac: \"52:54:00:00:00:0f\" peer: \"$\" } }",
       each({"", "x"}, "fdb 42/52:54:00:00:00:0f: address '$' is malformed ") +
           each({"192.0.2.9"},
                "fdb 42/52:54:00:00:00:0f: peer $ is not configured (wanted one of "
                "the peers)"),
       {"192.0.2.2"}},
      {"FdbEntry.addresses",
       "Apply",
       "changes { fdb_put { vni: 42 mac: \"52:54:00:00:00:0f\" peer: \"192.0.2.2\" addresses: "
       "\"$\" } }",
       bad_addresses("fdb 42/52:54:00:00:00:0f"),
       {"10.0.0.7"}},
      {"FdbKey.vni",
       "Apply",
       "changes { fdb_delete { vni: $ mac: \"52:54:00:00:00:99\" } }",
       each({"0", "43", "4294967295"}, "fdb $/52:54:00:00:00:99: not found (wanted one of ours)",
            StatusCode::NOT_FOUND),
       {"42"}},
      {"FdbKey.mac",
       "Apply",
       "changes { fdb_delete { vni: 42 mac: \"$\" } }",
       each({"", "x"}, "fdb 42/$: MAC '$' is malformed " + kMac) +
           each({"52:54:00:00:00:0f"}, "fdb 42/$: not found (wanted one of ours)",
                StatusCode::NOT_FOUND),
       {"52:54:00:00:00:99"}},
      {"Segment.vni", "Apply", "changes { segment_put { vni: $ } }",
       each({"0"}, "segment $: VNI 0 names no segment " + kVni) +
           each({"16777216"}, "segment $: VNI $ exceeds 24 bits " + kVni),
       kGoodVnis},
      {"Segment.group",
       "Apply",
       "changes { segment_put { vni: 7 group: \"$\" } }",
       each({"10.0.0.1", "224.0.0.5", "ff02::7"},
            "segment 7: group $ (wanted a multicast address beyond 224.0.0.0/24, or of IPv6 wider "
            "than the link)"),
       {"", "239.1.1.1", "ff0e::7"}},
      {"Segment.gateways",
       "Apply",
       "changes { segment_put { vni: 1 gateways: \"$\" } }",
       bad_macs("segment 1: gateway"),
       {"52:54:00:00:00:0f"}},
      {"Change.segment_delete",
       "Apply",
       "changes { segment_delete: $ }",
       each({"0", "43"}, "segment $: not found (wanted one that was set)", StatusCode::NOT_FOUND),
       {"42"}},
      {"ApplyRequest.expected_revision",
       "Apply",
       "expected_revision: $",
       each(
           {"0", "2", "18446744073709551615"},
           "intent: is at revision 1, expected was $ (wanted a change made from the intent of now)",
           StatusCode::ABORTED),
       {"1"}},
      {"ReplaceRequest.expected_revision",
       "Replace",
       "expected_revision: $",
       each(
           {"0", "2"},
           "intent: is at revision 1, expected was $ (wanted a change made from the intent of now)",
           StatusCode::ABORTED),
       {"1"}},
  };
}

}  // namespace butterfly::bad_input
