// SPDX-License-Identifier: Apache-2.0
// A graph of bricks for one lcore: nodes in packet order, edges from named outs to nodes.
//
// Built once a snapshot by the control side, then run by one lcore only. Packets move downstream in
// bursts; a node runs when its queue is full or its turn in wiring order has come. Edges only lead
// to nodes wired later, so one pass in order empties the graph.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "graph/brick.h"
#include "graph/lcore.h"

namespace butterfly {

class Node;

// Runs a node over its burst. Two instances a brick: with and without tracing.
using RunBurst = void (*)(Node& node, std::span<Packet*> burst, Lcore& lcore);

// One brick in one lcore's graph: its queue, its counters, where its outs lead.
class Node {
 public:
  // At the rim packets leave the graph, so forward outs need no target.
  enum class Rim : uint8_t { no, yes };

  Node(std::string name, const BrickInfo& info, void* brick, RunBurst run, RunBurst run_traced,
       std::string (*format)(const void*), Rim rim, uint8_t index)
      : name_(std::move(name)),
        info_(info),
        brick_(brick),
        run_(run),
        run_traced_(run_traced),
        format_(format),
        rim_(rim),
        index_(index) {}

  const std::string& name() const { return name_; }
  const BrickInfo& info() const { return info_; }
  uint8_t index() const { return index_; }
  Node* target(size_t out) const { return targets_[out]; }
  bool is_drop(size_t out) const { return info_.outs[out].edge == Edge::drop; }
  // What the brick noted in a trace step, for people; empty when it has no format.
  std::string format(const void* note) const { return format_ ? format_(note) : std::string(); }

  // Beyond this line: the engine's side, one lcore only.

  // REQUIRES: at most kBurst packets.
  void append(std::span<Packet* const> packets, Lcore& lcore) {
    if (count_ + packets.size() > kQueue) flush(lcore);
    std::memcpy(queue_.data() + count_, packets.data(), packets.size_bytes());
    count_ = static_cast<uint16_t>(count_ + packets.size());
  }
  void push(Packet& packet, Lcore& lcore) {
    if (count_ == kQueue) flush(lcore);
    queue_[count_++] = &packet;
  }
  // Runs the brick over everything queued.
  void flush(Lcore& lcore) {
    const RunBurst run = lcore.tracing() ? run_traced_ : run_;
    for (uint16_t done = 0; done < count_; done = static_cast<uint16_t>(done + kBurst)) {
      run(*this, std::span(queue_.data() + done, std::min<size_t>(kBurst, count_ - done)), lcore);
    }
    count_ = 0;
  }
  bool is_empty() const { return count_ == 0; }

  template <typename B>
  B& brick() {
    return *static_cast<B*>(brick_);
  }
  OutCount* counts() { return counts_; }
  // The out that most packets of the last burst took: where the loop compacts to.
  uint8_t usual() const { return usual_; }
  void set_usual(uint8_t out) { usual_ = out; }

 private:
  friend class Graph;
  static constexpr uint16_t kQueue = 2 * kBurst;

  std::string name_;
  const BrickInfo& info_;
  void* brick_;
  RunBurst run_;
  RunBurst run_traced_;
  std::string (*format_)(const void*);
  Rim rim_;
  OutCount* counts_ = nullptr;
  uint16_t count_ = 0;
  uint8_t index_;
  uint8_t usual_ = 0;
  std::array<Node*, kMaxOuts> targets_{};
  alignas(64) std::array<Packet*, kQueue> queue_;
};

class Graph {
 public:
  Graph() { nodes_.reserve(kMaxNodes); }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  // Adds a brick under `name` (unique). The brick must outlive the graph. Defined in run_brick.h.
  template <Brick B>
  Node& add(const std::string& name, B& brick);
  // The same for a brick whose packets go several ways about as often.
  template <DecidingBrick B>
  Node& add_splitting(const std::string& name, B& brick);
  // Adds a node with its own loop over bursts (ports and rings at the graph's rim).
  Node& add_sink(const std::string& name, const BrickInfo& info, void* sink, RunBurst run,
                 RunBurst run_traced);

  // Leads an out to a node that was added later. REQUIRES: a forward edge, in wiring order.
  template <typename Out>
  void connect(Node& from, Out out, Node& to) {
    connect_index(from, static_cast<size_t>(out), to);
  }

  // After the last connect: every forward out leads somewhere, else an error that names it. Lends
  // the counters of `lcore` to the nodes.
  Status seal(Lcore& lcore);

  // Runs every node in order until all queues are empty. The lcore's thread only.
  void run(Lcore& lcore) {
    for (Node& node : nodes_) {
      if (!node.is_empty()) node.flush(lcore);
    }
  }

  const std::vector<Node>& nodes() const { return nodes_; }
  // The wiring in Graphviz's language: a box a node, an arrow a forward out, drops in the box.
  std::string to_dot() const;

 private:
  Node& add_node(const std::string& name, const BrickInfo& info, void* brick, RunBurst run,
                 RunBurst run_traced, std::string (*format)(const void*), Node::Rim rim);
  void connect_index(Node& from, size_t out, Node& to);

  std::vector<Node> nodes_;  // never more than was reserved: addresses are stable
};

}  // namespace butterfly
