// SPDX-License-Identifier: Apache-2.0
// Finds the flow that a packet belongs to, the lcore that owns it (decision record 0006), and the
// shortcut if one is known (graph/shortcut.h).
//
// In:   a parsed packet of a tenant segment, from a guest, the wire or another lcore. Not checked
//       by antispoof yet: a route is taken from its place and with its addresses only.
// Out:  packet.flow (null on a miss), packet.flow_hash (0 without a flow key), packet.verdicts 0.
//       By the shortcut: out_port and peer instead of flow and verdicts. An ICMP error carries the
//       flow that it quotes.
// Cost: one hash, one index line, one flow and a route a packet, for a whole burst at once.
#pragma once

#include <array>

#include "graph/brick.h"
#include "graph/handoff.h"
#include "graph/lcore.h"
#include "graph/shortcut.h"
#include "tables/flow_table.h"

namespace butterfly {

class FlowLookup {
 public:
  enum class Out : uint8_t {
    to_guest,
    to_wire,
    unfinished_to_guest,
    unfinished_to_wire,
    from_guest,
    from_wire,
    elsewhere,
  };
  static constexpr std::array kOuts{
      OutInfo{"to-guest", Edge::forward, "by the shortcut: to a guest, as the packet before it"},
      OutInfo{"to-wire", Edge::forward, "by the shortcut: to a peer, as the packet before it"},
      OutInfo{"unfinished-to-guest", Edge::forward,
              "by the shortcut: to a guest, with what its sender left to the device"},
      OutInfo{"unfinished-to-wire", Edge::forward,
              "by the shortcut: to a peer, with what its sender left to the device"},
      OutInfo{"from-guest", Edge::forward, "came from a guest: it walks every brick"},
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

  // `flows` belongs to `lcore`, its clock tells the time. `lcores` is how many the host has; the
  // tables of all have the same seed.
  FlowLookup(FlowTable& flows, Shortcut& shortcut, const Lcore& lcore, uint16_t lcores)
      : flows_(flows), shortcut_(shortcut), lcore_(lcore), lcores_(lcores) {}

  void prepare(std::span<Packet* const> burst) noexcept {
    if (lcores_ == 1) [[likely]] {
      look_up</*kAlone=*/true>(burst);
    } else {
      look_up</*kAlone=*/false>(burst);
    }
  }
  // Every packet has left the graph.
  void end_round() noexcept { unfinished_ = 0; }

  Out operator()(Packet& packet, Trace* trace) noexcept {
    if (trace) *trace = note(packet);
    return static_cast<Out>(packet.way);
  }

 private:
  // On its own an lcore need not ask whose a flow is.
  template <bool kAlone>
  void look_up(std::span<Packet* const> burst) noexcept;
  Out way_of(Packet& packet, const wire::FlowId& id, Flow* guess) noexcept;
  Out walk(Packet& packet, Flow* flow) noexcept;
  bool goes_by_offload(const Packet& packet) noexcept;
  // What has no flow key is everybody's. No branches: it may be so for every other packet.
  bool is_ours(const Packet& packet) const {
    const bool is_owner = owner_of(packet.flow_hash, lcores_) == lcore_.index();
    return static_cast<unsigned>(is_owner) | static_cast<unsigned>(packet.flow_hash == 0);
  }
  static Trace note(const Packet& packet);

  FlowTable& flows_;
  Shortcut& shortcut_;
  const Lcore& lcore_;
  uint16_t lcores_;
  // Flows, by six bits of their hash, that sent packets by `offload` in this round.
  uint64_t unfinished_ = 0;
};
static_assert(DecidingBrick<FlowLookup> && HasPrepare<FlowLookup>);

}  // namespace butterfly
