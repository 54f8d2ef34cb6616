// SPDX-License-Identifier: Apache-2.0
// Ten bricks on the engine as it is built (src/graph/run_brick.h).
#include <cstdlib>
#include <utility>

#include "bench/executors.h"
#include "bench/memory.h"
#include "graph/run_brick.h"

namespace butterfly::bench {
namespace {

// A type of its own for each place in the row, as real bricks are: each has its own loop.
template <size_t kAt>
class Look {
 public:
  enum class Out : uint8_t { next, aside, away };
  static constexpr std::array kOuts{
      OutInfo{"next", Edge::forward, "to the next decision"},
      OutInfo{"aside", Edge::forward, "out of the row, the byte is odd"},
      OutInfo{"away", Edge::forward, "out of the row, the byte is even"},
  };
  static constexpr BrickInfo kInfo{"look", kOuts};
  using Trace = NoTrace;

  Out operator()(Packet& packet, Trace*) noexcept {
    return static_cast<Out>(decide_at(kAt, packet));
  }
};

constexpr std::array kSinkOuts{OutInfo{"arrived", Edge::forward, "taken by the bench"}};
constexpr BrickInfo kSinkInfo{"sink", kSinkOuts};

void arrive(Node& node, std::span<Packet*> burst, Lcore&) {
  node.counts()[0].packets.add(burst.size());
}

class OwnExecutor : public Executor {
 public:
  OwnExecutor() : lcore_(0, packet_pool()) {
    add_bricks(std::make_index_sequence<kDecisions>{});
    Node& away = add_sink("away");
    Node& aside = add_sink("aside");
    Node& end = add_sink("end");
    for (size_t i = 0; i < kDecisions; ++i) {
      graph_.connect(*nodes_[i], size_t{0}, i + 1 < kDecisions ? *nodes_[i + 1] : end);
      graph_.connect(*nodes_[i], size_t{1}, away);
      graph_.connect(*nodes_[i], size_t{2}, aside);
    }
    if (!graph_.seal(lcore_).ok()) std::abort();  // the row is complete: it is written above
  }

  const char* name() const override { return "own-loop"; }
  void run(std::span<Packet*> burst) override {
    nodes_[0]->append(burst, lcore_);
    graph_.run(lcore_);
  }
  Arrived arrived() const override {
    return {count(kDecisions + 1), count(kDecisions), count(kDecisions + 2)};
  }

 private:
  template <size_t... kAt>
  void add_bricks(std::index_sequence<kAt...>) {
    ((nodes_[kAt] = &graph_.add("look-" + std::to_string(kAt), std::get<kAt>(bricks_))), ...);
  }
  Node& add_sink(const char* name) {
    return graph_.add_sink(name, kSinkInfo, this, arrive, arrive);
  }
  uint64_t count(size_t node) const { return lcore_.counters().node(node)[0].packets.read(); }

  template <size_t... kAt>
  static std::tuple<Look<kAt>...> row(std::index_sequence<kAt...>);

  Lcore lcore_;
  decltype(row(std::make_index_sequence<kDecisions>{})) bricks_;
  Graph graph_;
  std::array<Node*, kDecisions> nodes_{};
};

}  // namespace

std::unique_ptr<Executor> make_own_executor() { return std::make_unique<OwnExecutor>(); }

}  // namespace butterfly::bench
