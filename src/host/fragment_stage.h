// SPDX-License-Identifier: Apache-2.0
// Where fragments wait for the first of their datagram (decision record 0013). Not a brick: it
// holds packets and lets go of them.
//
// In:   packets that `parse` calls fragments, from a guest, the wire or another lcore.
// Out:  the packets as they came; those behind the first with its key and its facts, but for where
//       their own bytes lie. The first goes first, the others in order of arrival.
// Cost: a hash of 48 bytes and a look at one datagram; what is held, a place in a queue.
#pragma once

#include <array>
#include <string>

#include "graph/graph.h"
#include "graph/handoff.h"
#include "host/snapshot.h"
#include "tables/fragment_table.h"

namespace butterfly {

class FragmentStage {
 public:
  enum class Out : uint8_t {
    passed,
    held,
    released,
    elsewhere,
    duplicate,
    overlap,
    spoilt,
    share_used_up,
    evicted,
    no_buffers,
    timed_out,
    gone,
  };
  static constexpr std::array kOuts{
      OutInfo{"passed", Edge::forward, "the first fragment, or the first has gone before it"},
      OutInfo{"held", Edge::forward, "waits for the first fragment of its datagram"},
      OutInfo{"released", Edge::forward, "was held; the first fragment of its datagram has come"},
      OutInfo{"elsewhere", Edge::forward, "another lcore keeps the fragments of its datagram"},
      OutInfo{"duplicate", Edge::drop, "the same part of the datagram has come before"},
      OutInfo{"overlap", Edge::drop,
              "its datagram has fragments that overlap or contradict each other (RFC 5722)"},
      OutInfo{"spoilt", Edge::drop, "of a datagram that was given up before it came"},
      OutInfo{"share-used-up", Edge::drop,
              "its sender has too many datagrams, or too much of them, unfinished"},
      OutInfo{"evicted", Edge::drop, "the oldest, when all room for fragments was taken"},
      OutInfo{"no-buffers", Edge::drop, "not held: packet buffers are scarce"},
      OutInfo{"timed-out", Edge::drop, "the first fragment of its datagram did not come in time"},
      OutInfo{"gone", Edge::drop, "its nic, peer or segment has left or changed meanwhile"},
  };
  static constexpr BrickInfo kInfo{"fragments", kOuts};

  // `table` is the lcore's and outlives snapshots; `lcores` is how many the host has.
  FragmentStage(FragmentTable& table, const Snapshot& snapshot, uint16_t lcores)
      : table_(table),
        nics_(*snapshot.nics),
        segments_(*snapshot.segments),
        peers_(*snapshot.peers),
        lcores_(lcores) {}

  Node& add_to(Graph& graph, const std::string& name) {
    node_ = &graph.add_sink(name, kInfo, this, run, run);
    return *node_;
  }
  // Drops what has waited too long, a few datagrams a call. Once a millisecond.
  void expire(Lcore& lcore) noexcept;

 private:
  using Datagram = FragmentTable::Datagram;

  static void run(Node& node, std::span<Packet*> burst, Lcore& lcore);
  void take(Packet& packet, Lcore& lcore) noexcept;
  // The datagram of that fragment, begun if need be; null when the packet was dropped.
  Datagram* datagram_of(Packet& packet, const wire::FragmentId& id, uint32_t hash,
                        Lcore& lcore) noexcept;
  void wait(Datagram& datagram, Packet& packet, Lcore& lcore) noexcept;
  void give_up(Datagram& datagram, Out why, Lcore& lcore) noexcept;
  void leave(Packet& packet, Out out, Lcore& lcore) noexcept;
  // Of whom it came from, in this snapshot; 0 when nobody is there any more.
  uint64_t life_of(const Packet& packet) const noexcept;

  FragmentTable& table_;
  const NicTable& nics_;
  const SegmentTable& segments_;
  const PeerTable& peers_;
  const uint16_t lcores_;
  Node* node_ = nullptr;
};

}  // namespace butterfly
