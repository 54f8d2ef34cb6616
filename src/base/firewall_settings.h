// SPDX-License-Identifier: Apache-2.0
// The settings of a host's firewall: one value each for the whole host.
//
// A new setting is a name in Knob, a row, and a field of that name in the API's FirewallSettings;
// what else there is of it is made from the row (base/knobs.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/knobs.h"
#include "base/status.h"

namespace butterfly {

// Those of the timeouts stand in the order of TimeoutClass (tables/flow_table.h).
enum class Knob : uint8_t {
  tcp_new,
  tcp_established,
  tcp_half_closed,
  tcp_closing,
  tcp_time_wait,
  udp_new,
  udp_replied,
  icmp,
  other,
  revalidate,
  tcp_loose,
  allow_redirects,
  drop_ip_options,
  nic_connections,
  nic_half_open,
  nic_new_per_s,
  segment_connections,
  segment_half_open,
  segment_new_per_s,
  nic_fragments,
  arp_without_rules,
  nd_without_rules,
  ra_without_rules,
  mld_without_rules,
  dhcp_without_rules,
};

// A flow's clock wraps after three days; one for the sweep to find what has expired.
inline constexpr uint32_t kLongestTimeoutS = 172'800;
inline constexpr uint32_t kMostCounted = 1'000'000'000;
inline constexpr uint32_t kMostPerSecond = 1'000'000'000;

// By Knob.
inline constexpr std::array kKnobs{
    KnobInfo{"tcp_new_s", KnobUnit::seconds, 30, 1, kLongestTimeoutS,
             "TCP: the handshake is not done, idle for so long"},
    KnobInfo{"tcp_established_s", KnobUnit::seconds, 86'400, 1, kLongestTimeoutS,
             "TCP: established, idle for so long"},
    KnobInfo{"tcp_half_closed_s", KnobUnit::seconds, 3'600, 1, kLongestTimeoutS,
             "TCP: one side has sent its last, idle for so long"},
    KnobInfo{"tcp_closing_s", KnobUnit::seconds, 10, 1, kLongestTimeoutS,
             "TCP: both sides have sent their last, or one has reset it"},
    KnobInfo{"tcp_time_wait_s", KnobUnit::seconds, 45, 1, kLongestTimeoutS,
             "TCP: closed from both sides"},
    KnobInfo{"udp_new_s", KnobUnit::seconds, 30, 1, kLongestTimeoutS,
             "UDP: no answer has come yet, idle for so long"},
    KnobInfo{"udp_replied_s", KnobUnit::seconds, 180, 1, kLongestTimeoutS,
             "UDP: answered, idle for so long"},
    KnobInfo{"icmp_s", KnobUnit::seconds, 30, 1, kLongestTimeoutS,
             "ICMP and ICMPv6 queries, idle for so long"},
    KnobInfo{"other_s", KnobUnit::seconds, 600, 1, kLongestTimeoutS,
             "any other protocol, idle for so long"},
    KnobInfo{"revalidate", KnobUnit::on_off, 1, 0, 1,
             "on: when rules change, live connections are judged again at their next packet; off: "
             "what was allowed once goes on to its end"},
    KnobInfo{"tcp_loose", KnobUnit::on_off, 0, 0, 1,
             "on: a TCP connection is picked up in mid-stream if the rules allow the first segment "
             "seen as a start; off: only a SYN starts one"},
    KnobInfo{"allow_redirects", KnobUnit::on_off, 0, 0, 1,
             "on: ICMP redirects (IPv4) about a connection of the guest pass; off: none does"},
    KnobInfo{"drop_ip_options", KnobUnit::on_off, 0, 0, 1,
             "on: IPv4 packets with options are dropped; off: only source routes are, always"},
    KnobInfo{"nic_connections", KnobUnit::count, 0, 0, kMostCounted,
             "connections that a nic may have; 0: no limit"},
    KnobInfo{"nic_half_open", KnobUnit::count, 0, 0, kMostCounted,
             "TCP connections of a nic whose handshake is not done; 0: no limit"},
    KnobInfo{"nic_new_per_s", KnobUnit::count, 0, 0, kMostPerSecond,
             "connections of a nic that may begin a second; 0: no limit"},
    KnobInfo{"segment_connections", KnobUnit::count, 0, 0, kMostCounted,
             "connections that all nics of a segment on this host may have; 0: no limit"},
    KnobInfo{"segment_half_open", KnobUnit::count, 0, 0, kMostCounted,
             "TCP connections of theirs whose handshake is not done; 0: no limit"},
    KnobInfo{"segment_new_per_s", KnobUnit::count, 0, 0, kMostPerSecond,
             "connections of theirs that may begin a second; 0: no limit"},
    KnobInfo{
        "nic_fragments", KnobUnit::count, 256, 4, 2048,
        "fragments from one nic, or from one peer in a segment, that may wait for the first of "
        "their datagram on an lcore, of a quarter as many datagrams"},
    KnobInfo{
        "arp_without_rules", KnobUnit::on_off, 1, 0, 1,
        "on: ARP passes, as far as antispoof lets it; off: it is dropped, no rule speaks of it"},
    KnobInfo{"nd_without_rules", KnobUnit::on_off, 1, 0, 1,
             "on: neighbour solicitations and advertisements pass, and router solicitations of the "
             "guest; off: like other ICMPv6, where a rule allows it"},
    KnobInfo{
        "ra_without_rules", KnobUnit::on_off, 1, 0, 1,
        "on: router advertisements and MLD queries reach the guest; off: where a rule allows it"},
    KnobInfo{"mld_without_rules", KnobUnit::on_off, 1, 0, 1,
             "on: MLD reports leave the guest; off: where a rule allows it"},
    KnobInfo{"dhcp_without_rules", KnobUnit::on_off, 1, 0, 1,
             "on: the guest may ask for addresses by DHCP, and gets the answers; off: where a rule "
             "allows it, each way"},
};

inline constexpr KnobTable kFirewallKnobs{"firewall", kKnobs};

class FirewallSettings : public KnobValues<Knob, kKnobs> {};

constexpr const KnobInfo& info_of(Knob knob) { return kKnobs[static_cast<size_t>(knob)]; }
constexpr Knob knob_at(size_t index) { return static_cast<Knob>(index); }
static_assert(std::string_view(info_of(Knob::dhcp_without_rules).key) == "dhcp_without_rules");

inline Status validate(const FirewallSettings& settings) {
  return validate_knobs(kFirewallKnobs, settings.all());
}
// What differs, in words.
inline std::string compare(const FirewallSettings& before, const FirewallSettings& after) {
  return compare_knobs(kFirewallKnobs, before.all(), after.all());
}

}  // namespace butterfly
