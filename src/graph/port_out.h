// SPDX-License-Identifier: Apache-2.0
// The graph's rim towards ports: gathers packets by port over a round and sends each port's
// packets together, so that a guest is notified once.
//
// In:   out_port set.
// Out:  with the port, or a counted refusal. Pieces of TCP data for a guest that takes super-frames
//       go as one where they can (graph/merge_tcp.h).
// Cost: one store a packet; one transmit() call a port and round (or per kBurst packets, or
//       kMergeMost of those that may be merged). For a guest that takes super-frames a look at each
//       packet.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "base/cache_line.h"
#include "graph/graph.h"
#include "graph/merge_tcp.h"
#include "graph/port.h"

namespace butterfly {

// Where an lcore gathers what goes to each port until it is sent; empty between rounds, so that the
// graphs of successive snapshots share it.
class SendStages {
 public:
  SendStages() { waiting_.reserve(kMaxPorts); }
  // Control side: makes room for the ports that have none yet; an lcore allocates nothing. Before
  // the graph that uses them is published.
  void make_room_for(std::span<Port* const> ports);

 private:
  friend class PortOut;
  struct alignas(kCacheLine) Stage {
    uint16_t count = 0;
    bool is_waiting = false;  // listed in waiting_: once a round, so that never grows
    uint64_t bytes = 0;
    std::array<Packet*, kMergeMost> packets;
  };
  std::array<std::unique_ptr<Stage>, kMaxPorts> stages_;  // by PortId
  LineVector<PortId> waiting_;
};

class PortOut {
 public:
  enum class Out : uint8_t { sent, merged, ring_full, not_connected, too_long, gone };
  static constexpr std::array kOuts{
      OutInfo{"sent", Edge::forward, "handed to the port"},
      OutInfo{"merged", Edge::forward,
              "now a part of the packet of its flow before it, for a guest that takes it so"},
      OutInfo{"ring-full", Edge::drop,
              "the port's ring has no room: its guest or link is too slow"},
      OutInfo{"not-connected", Edge::drop, "nobody is there: guest off, or its driver not up yet"},
      OutInfo{"too-long", Edge::drop, "longer than the port can carry"},
      OutInfo{"gone", Edge::drop, "the port was removed while the packet was on its way"},
  };
  static constexpr BrickInfo kInfo{"port-out", kOuts};

  // `ports` by PortId, null where there is none; `stages` have room for them. Both outlive this
  // object. `merges`: whether TCP data is merged for guests that take it so.
  PortOut(std::span<Port* const> ports, SendStages& stages, bool merges)
      : ports_(ports), stages_(stages), merges_(merges) {}

  // Adds the node to `graph` under `name`.
  Node& add_to(Graph& graph, const std::string& name) {
    node_ = &graph.add_sink(name, kInfo, this, run, run);
    return *node_;
  }

  // Sends what is gathered. Called at the end of every round: nothing stays over.
  void flush(Lcore& lcore);

 private:
  using Stage = SendStages::Stage;

  static void run(Node& node, std::span<Packet*> burst, Lcore& lcore);
  void gather(PortId id, std::span<Packet*> packets, uint64_t bytes, Lcore& lcore);
  bool may_wait_for_more(PortId id, const Stage& stage, std::span<Packet* const> packets) const;
  void send(PortId id, Stage& stage, Lcore& lcore);
  void merge(PortId id, Stage& stage, Lcore& lcore);
  Port::Sent transmit(PortId id, std::span<Packet*> packets, Lcore& lcore);
  void count(PortId id, uint64_t sent, uint64_t refused, uint64_t sent_bytes, Lcore& lcore);
  void refuse(Packet& packet, Out out, Lcore& lcore);

  std::span<Port* const> ports_;
  Node* node_ = nullptr;
  SendStages& stages_;
  const bool merges_;
};

}  // namespace butterfly
