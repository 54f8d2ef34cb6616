// SPDX-License-Identifier: Apache-2.0
// The shortcut: a packet of a known flow goes where the one before it went, without asking every
// brick again (decision record 0007).
//
// `record` notes where a packet of a flow went that walked all bricks and was let pass by rules
// that the flow remembers. `flow` takes later packets there if all that those bricks would read is
// as it was: place, MACs, tenant (by the flow's key), both nics and their policies, where both
// stations are known to be; and if TCP finds the segment usual. Anything else walks. So switched
// off, every packet has the same fate.
//
// What rests on slower ground than the packet itself is looked at again when the epoch ends: with
// every snapshot, every station that moves, and every second; once a route, not once a flow.
#pragma once

#include <array>
#include <span>

#include "graph/lcore.h"
#include "graph/packet.h"
#include "graph/port.h"
#include "tables/fdb.h"
#include "tables/flow_table.h"
#include "tables/nic_table.h"
#include "tables/peer_table.h"
#include "tables/route_table.h"
#include "tables/segment_table.h"

namespace butterfly {

// Of one lcore and one snapshot. The lcore's thread only.
class Shortcut {
 public:
  // How long a route is used before a packet walks it again, which refreshes the FDB.
  static constexpr uint32_t kRouteMs = 2'000;

  struct Tables {
    FlowTable& flows;    // of the lcore
    RouteTable& routes;  // of the lcore
    const Fdb& fdb;      // of the host
    const NicTable& nics;
    const SegmentTable& segments;
    const Vtep& vtep;
    std::span<Port* const> ports{};  // by PortId
  };

  // `generation` is the snapshot's; with `enabled` false every packet walks; with
  // `revalidates` false verdicts of older policies count.
  Shortcut(const Tables& tables, Generation generation, const Lcore& lcore, bool enabled,
           bool revalidates = true);

  // Before the packets of a burst are looked up.
  void begin_burst() noexcept;

  // Takes a packet of `flow` if it may: counted, TCP moved on, out_port and peer set. Else the
  // packet must walk, and so must those of its direction that come after it in this round, so that
  // none overtakes it. REQUIRES: the packet has the flow's key, and is no ICMP error about it.
  [[gnu::always_inline]] bool take(Packet& packet, Flow& flow) noexcept {
    if (fits(packet, flow)) [[likely]]
      return true;
    leave(packet, flow);
    return false;
  }
  // That the packet walks although the shortcut might take it.
  void leave(const Packet& packet, Flow& flow) noexcept {
    flow.route(flow.role_of(packet.parsed.source_is_high)) = {};
  }

  // Notes where a packet of `flow` went that walked every brick and has moved the flow on. Counts
  // from the next round on.
  void note(const Packet& packet, Flow& flow, Role sender) noexcept;
  // The verdicts of the flow have changed: its packets walk again.
  void forget(Flow& flow) noexcept;
  // At the end of a round, when every packet has left the graph.
  void settle() noexcept;

 private:
  [[gnu::always_inline]] bool fits(Packet& packet, Flow& flow) noexcept {
    const Role sender = flow.role_of(packet.parsed.source_is_high);
    const RouteMark mark = flow.route(sender);
    Route& route = tables_.routes.at(mark);
    const uint32_t length = packet.length();
    if (route.version != mark.version || length > route.answer.max_length ||
        !route.key.is_of(packet.bytes().data(), packet.origin.value) ||
        (route.epoch != epoch_ && !still_holds(route, packet)) || !moves_on(packet, flow, sender)) {
      return false;
    }
    if (flow.last_seen != seen_) flow.last_seen = seen_ & kSeenMask;
    tables_.flows.count(flow, sender, length);
    packet.out_port = route.answer.out_port;
    packet.peer = route.answer.peer;
    return true;
  }

  // What `record` would do to the flow's state, for packets that change little.
  static bool moves_on(const Packet& packet, Flow& flow, Role sender) {
    if (flow.tcp.state == tcp::State::none) {
      return flow.timeout != TimeoutClass::udp_new || sender == Role::initiator;
    }
    // Parse has seen that the header is whole.
    const auto& header =
        *reinterpret_cast<const wire::TcpHeader*>(packet.bytes().data() + packet.parsed.l4);
    return tcp::take_usual(flow.tcp, flow.tcp_track, sender, header, packet.parsed.l4_length);
  }
  [[gnu::cold]] bool still_holds(Route& route, const Packet& packet) noexcept;
  bool stations_stand(const Packet& packet, const RouteAnswer& answer) const noexcept;
  bool is_at(const Segment& segment, const Mac& mac, PortId port, PeerId peer) const noexcept;
  bool is_guest_there(PortId port) const noexcept;
  Generation generation_of(PortId port) const noexcept;
  bool is_let_pass(PortId port, const NicVerdict& verdict) const noexcept;

  Tables tables_;
  const Generation generation_;
  const Lcore& lcore_;
  const bool enabled_;
  const bool revalidates_;
  const uint32_t max_tunnel_length_;
  struct Note {
    Flow* flow;  // stays where it is until the round ends
    RouteMark mark;
    Role sender;
  };
  // More than that in a round are noted in a later one.
  static constexpr size_t kMaxNotes = 4 * size_t{kBurst};
  std::array<Note, kMaxNotes> notes_;
  size_t note_count_ = 0;
  uint64_t epoch_ = 0;
  uint32_t seen_ = 0;  // now, as a flow keeps it
};

}  // namespace butterfly
