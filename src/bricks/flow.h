// SPDX-License-Identifier: Apache-2.0
// Finds the flow that a packet belongs to, and the lcore that owns it (decision record 0006).
//
// In:   a parsed packet of a tenant segment, from a guest, the wire or another lcore.
// Out:  packet.flow (null on a miss), packet.flow_hash (0 without a flow key), packet.verdicts 0.
//       An ICMP error carries the flow of the packet it quotes.
// Cost: one hash, one index line and one entry a packet, for a whole burst at once.
#pragma once

#include <array>

#include "graph/brick.h"
#include "graph/lcore.h"
#include "tables/flow_table.h"

namespace butterfly {

class FlowLookup {
 public:
  enum class Out : uint8_t { from_guest, from_wire, elsewhere };
  static constexpr std::array kOuts{
      OutInfo{"from-guest", Edge::forward, "came from a guest: its nic's egress rules are next"},
      OutInfo{"from-wire", Edge::forward, "came through a tunnel: the switch is next"},
      OutInfo{"elsewhere", Edge::forward, "another lcore owns the flow and takes the packet over"},
  };
  static constexpr BrickInfo kInfo{"flow", kOuts};
  struct Trace {
    uint32_t hash;
    bool found;
    tcp::State state;
  };
  static std::string format(const Trace& trace);

  // All lcores of a host share the seed, and `lcores` is how many there are. `flows` belongs to
  // `lcore`; its clock tells the time.
  FlowLookup(FlowTable& flows, const wire::HashSeed& seed, const Lcore& lcore, uint16_t lcores)
      : flows_(flows), seed_(seed), lcore_(lcore), lcores_(lcores) {}

  void prepare(std::span<Packet* const> burst) noexcept;

  Out operator()(Packet& packet, Trace* trace) noexcept {
    if (trace) *trace = note(packet);
    if (!is_ours(packet)) return Out::elsewhere;
    return packet.in_port == kUplinkPort ? Out::from_wire : Out::from_guest;
  }

 private:
  bool is_ours(const Packet& packet) const {
    return lcores_ == 1 || packet.flow_hash == 0 || packet.flow_hash % lcores_ == lcore_.index();
  }
  static Trace note(const Packet& packet);

  FlowTable& flows_;
  const wire::HashSeed& seed_;
  const Lcore& lcore_;
  uint16_t lcores_;
};
static_assert(DecidingBrick<FlowLookup> && HasPrepare<FlowLookup>);

}  // namespace butterfly
