// SPDX-License-Identifier: Apache-2.0
// The layer-2 switch of every tenant (IEEE 802.1Q §8): learns where a frame came from and finds
// where it goes. A MAC that intent names is known without learning and cannot be taken over; but
// while a nic's guest is not there (before it arrives in a live migration, and after it has left),
// its MAC may be learnt behind a peer.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "graph/brick.h"
#include "graph/lcore.h"
#include "graph/port.h"
#include "tables/fdb.h"
#include "tables/nic_table.h"
#include "tables/segment_table.h"
#include "tables/storm_limits.h"

namespace butterfly {

// In:   a parsed frame of a tenant; packet.segment, vni, in_port and, from the wire, source_peer.
// Out:  packet.out_port and packet.peer set, but for `flood`, where packet.verdicts tells `record`.
// Cost: two lookups in the segment's known MACs, up to two in the FDB; writes the FDB at most once
//       a second for each station, and never waits for it.
class Switch {
 public:
  enum class Out : uint8_t {
    local,
    tunnel,
    flood,
    no_segment,
    group_source,
    impersonation,
    nic_macs,
    mac_held,
    private_segment,
    reserved_group,
    nic_storm,
    segment_storm,
    to_sender,
    from_wire_to_wire,
  };
  static constexpr std::array kOuts{
      OutInfo{"local", Edge::forward, "to the nic on this host that has the destination MAC"},
      OutInfo{"tunnel", Edge::forward, "to the peer behind which the destination MAC is known"},
      OutInfo{"flood", Edge::forward, "group or unknown destination: to everyone on the segment"},
      OutInfo{"no-segment", Edge::drop,
              "its segment, or its nic, is not (or no longer) on this host"},
      OutInfo{"group-source", Edge::drop, "its source MAC is a group address"},
      OutInfo{"impersonation", Edge::drop,
              "its source MAC belongs to a nic or static entry of another place"},
      OutInfo{"nic-macs", Edge::drop,
              "its nic has as many source MACs as one may have (nic_macs), and this is a new one"},
      OutInfo{"mac-held", Edge::drop,
              "its source MAC has moved too often (mac_moves_per_s) and stays elsewhere for now"},
      OutInfo{"private-segment", Edge::drop,
              "neither its sender nor its destination is a gateway of its private segment"},
      OutInfo{"reserved-group", Edge::drop,
              "to 01:80:c2:00:00:0x, which no switch passes on (IEEE 802.1Q)"},
      OutInfo{"nic-storm", Edge::drop,
              "its nic sends more broadcasts, multicasts or frames to unknown MACs than one may"},
      OutInfo{"segment-storm", Edge::drop,
              "its segment has more broadcasts, multicasts or frames to unknown MACs than it may"},
      OutInfo{"to-sender", Edge::drop, "its destination is on the port that it came from"},
      OutInfo{"from-wire-to-wire", Edge::drop,
              "came through a tunnel and would leave by one: a peer floods or is out of date"},
  };
  static constexpr BrickInfo kInfo{"switch", kOuts};

  enum class Source : uint8_t { configured, offered };
  enum class Finding : uint8_t { none, group, configured, learnt, unknown };
  struct Trace {
    Mac source;
    Mac destination;
    Source source_is;
    Fdb::Learnt learnt;  // of a source that was offered to the FDB
    Finding found;
    PortId port;
    PeerId peer;
  };
  // "52:54:00:00:00:01 (configured) > 52:54:00:00:00:02: learnt, peer 3".
  static std::string format(const Trace& trace);

  // `ports`, by PortId, are the snapshot's; `storms` belongs to `lcore`, which tells the time and
  // those who watch what is learnt.
  Switch(const SegmentTable& segments, const NicTable& nics, std::span<Port* const> ports, Fdb& fdb,
         StormLimits& storms, Lcore& lcore)
      : segments_(segments),
        nics_(nics),
        ports_(ports),
        fdb_(fdb),
        storms_(storms),
        lcore_(lcore) {}

  Out operator()(Packet& packet, Trace* trace) noexcept;

 private:
  bool is_out_of_date(const Segment& segment, const Packet& packet) const;
  // The out that refuses its source; nothing when that may be where it says.
  std::optional<Out> refuse_source(const Segment& segment, const Packet& packet, const Mac& source,
                                   Trace* trace);
  bool is_guest_there(const Place& place) const;
  std::optional<Place> find(const Segment& segment, const Mac& destination, Trace* trace);
  std::optional<Place> find_learnt(const Segment& segment, const Mac& destination) const;
  Out forward(Packet& packet, const Place& place);
  Out flood(Packet& packet, const Mac& destination);

  const SegmentTable& segments_;  // of the snapshot, as nics_
  const NicTable& nics_;
  std::span<Port* const> ports_;
  Fdb& fdb_;             // of the host
  StormLimits& storms_;  // of the lcore
  Lcore& lcore_;
};
static_assert(DecidingBrick<Switch>);

}  // namespace butterfly
