// SPDX-License-Identifier: Apache-2.0
// The forms of executor that decision record 0004 compares: the same ten decisions, carried from
// one to the next in different ways.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "graph/packet.h"

namespace butterfly::bench {

inline constexpr size_t kDecisions = 10;
inline constexpr size_t kOuts = 3;
// Of the 256 values of a byte, those below lead to the first out: 95 %.
inline constexpr unsigned kFirstOutBelow = 243;

// Decision number `at`: one byte of the packet is read, three outs. The first leads to the next
// decision, the others out of the row to a place of their own each.
inline size_t decide_at(size_t at, const Packet& packet) {
  const uint8_t byte = packet.bytes()[at];
  if (byte < kFirstOutBelow) [[likely]]
    return 0;
  return 1 + (byte & 1);
}

// Where packets of the row end: the two rare outs, and the end of the row.
struct Arrived {
  uint64_t aside = 0;
  uint64_t away = 0;
  uint64_t end = 0;
  friend bool operator==(const Arrived&, const Arrived&) = default;
};

class Executor {
 public:
  virtual ~Executor() = default;
  virtual const char* name() const = 0;
  // Leads the packets through the row. They stay the caller's.
  virtual void run(std::span<Packet*> burst) = 0;
  virtual Arrived arrived() const = 0;
};

// The engine of src/graph: run_brick, counting packets and bytes of every out.
std::unique_ptr<Executor> make_own_executor();
// A virtual process(burst) for each decision, which gathers packets in an array an out and passes
// these on when it is done; counts packets and bytes of every out.
std::unique_ptr<Executor> make_virtual_executor();
// librte_graph with nodes that speculate on the last out, as its guide advises. `with_counts` as
// Debian builds it, a time stamp and a count a node's call; else none. Bytes and outs are never
// counted.
std::unique_ptr<Executor> make_rte_graph_executor(bool with_counts);

}  // namespace butterfly::bench
