// SPDX-License-Identifier: Apache-2.0
// The settings of a host's switch: one value each for the whole host.
//
// A new setting is a name in SwitchKnob, a row, and a field of that name in the API's
// SwitchSettings; what else there is of it is made from the row (base/knobs.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/knobs.h"
#include "base/status.h"

namespace butterfly {

enum class SwitchKnob : uint8_t {
  ageing,
  nic_macs,
  segment_macs,
  mac_moves_per_s,
  mac_hold,
  nic_broadcast_per_s,
  nic_multicast_per_s,
  nic_unknown_per_s,
  segment_broadcast_per_s,
  segment_multicast_per_s,
  segment_unknown_per_s,
  nic_link_locals,
  tunnel_ecn,
  tunnel_copy_dscp,
  tunnel_dscp,
  announce_nics,
  learnt_peers,
  merge_tcp,
};

inline constexpr uint32_t kMostMacs = 16'777'216;
inline constexpr uint32_t kMostFloodedPerSecond = 1'000'000;

// By SwitchKnob.
inline constexpr std::array kSwitchRows{
    KnobInfo{"ageing_s", KnobUnit::seconds, 300, 10, 1'000'000,
             "a learnt MAC that is silent for so long is forgotten"},
    KnobInfo{"nic_macs", KnobUnit::count, 256, 0, kMostMacs,
             "MACs that may be learnt at a nic; frames from any more are dropped; 0: no limit"},
    KnobInfo{"segment_macs", KnobUnit::count, 4'096, 0, kMostMacs,
             "MACs that may be learnt in a segment; frames from any more pass, frames to them are "
             "flooded; 0: no limit"},
    KnobInfo{"mac_moves_per_s", KnobUnit::count, 10, 0, 1'000,
             "a learnt MAC that moves more often stays where it is for `mac_hold_s`, and frames "
             "from it elsewhere are dropped; 0: no limit"},
    KnobInfo{"mac_hold_s", KnobUnit::seconds, 10, 1, 3'600, "how long it stays"},
    KnobInfo{"nic_broadcast_per_s", KnobUnit::count, 0, 0, kMostFloodedPerSecond,
             "broadcasts from a nic that pass a second and lcore; 0: no limit"},
    KnobInfo{"nic_multicast_per_s", KnobUnit::count, 0, 0, kMostFloodedPerSecond,
             "multicasts, likewise"},
    KnobInfo{"nic_unknown_per_s", KnobUnit::count, 0, 0, kMostFloodedPerSecond,
             "frames from a nic to unknown MACs, likewise"},
    KnobInfo{"segment_broadcast_per_s", KnobUnit::count, 0, 0, kMostFloodedPerSecond,
             "broadcasts in a segment that pass a second and lcore, from its nics and its peers "
             "together; 0: no limit"},
    KnobInfo{"segment_multicast_per_s", KnobUnit::count, 0, 0, kMostFloodedPerSecond,
             "multicasts, likewise"},
    KnobInfo{"segment_unknown_per_s", KnobUnit::count, 0, 0, kMostFloodedPerSecond,
             "frames in a segment to unknown MACs, likewise"},
    KnobInfo{"nic_link_locals", KnobUnit::count, 4, 0, 8,
             "link-local IPv6 addresses, beside those made of its MACs, that a nic may claim by "
             "asking whether they are free; a new one replaces the oldest; 0: none"},
    KnobInfo{
        "tunnel_ecn", KnobUnit::on_off, 1, 0, 1,
        "on: tunnels carry the congestion marks of what is in them (RFC 6040); off: the underlay "
        "is told that nobody understands any"},
    KnobInfo{
        "tunnel_copy_dscp", KnobUnit::on_off, 0, 0, 1,
        "on: the class of service (DSCP) that a guest gives its packets counts in the underlay "
        "too; off: `tunnel_dscp` does"},
    KnobInfo{"tunnel_dscp", KnobUnit::count, 0, 0, 63, "the class of service of tunnels"},
    KnobInfo{"announce_nics", KnobUnit::on_off, 0, 0, 1,
             "on: when a nic or its guest has come, the switch announces its addresses on its "
             "segment (ARP, neighbour discovery), so that other hosts know where it is"},
    KnobInfo{"learnt_peers", KnobUnit::count, 64, 0, 1'024,
             "peers that segments may learn (`segment set --learn-peers`), on the whole host"},
    KnobInfo{"merge_tcp", KnobUnit::on_off, 1, 0, 1,
             "on: TCP data that comes in pieces for a guest that takes super-frames goes there as "
             "such; off: each packet goes as it came"},
};

inline constexpr KnobTable kSwitchKnobs{"switch", kSwitchRows};

class SwitchSettings : public KnobValues<SwitchKnob, kSwitchRows> {};

static_assert(std::string_view(kSwitchRows[static_cast<size_t>(SwitchKnob::merge_tcp)].key) ==
              "merge_tcp");

inline Status validate(const SwitchSettings& settings) {
  return validate_knobs(kSwitchKnobs, settings.all());
}
// What differs, in words.
inline std::string compare(const SwitchSettings& before, const SwitchSettings& after) {
  return compare_knobs(kSwitchKnobs, before.all(), after.all());
}

}  // namespace butterfly
