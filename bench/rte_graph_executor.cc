// SPDX-License-Identifier: Apache-2.0
// The row as nodes of DPDK's librte_graph (programmer's guide, "Graph Library and Inbuilt Nodes").
#include <rte_graph_worker.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "bench/executors.h"
#include "bench/memory.h"
#include "bench/rte_graph_walk.h"

namespace butterfly::bench {

void walk_with_counts(rte_graph* graph) { rte_graph_walk(graph); }

namespace {

// What a node finds in its context: the source its burst, a sink its count.
template <typename T>
T* context_of(const rte_node* node) {
  static_assert(sizeof(T*) <= RTE_NODE_CTX_SZ);
  T* context;
  std::memcpy(&context, node->ctx, sizeof context);
  return context;
}

uint16_t feed(rte_graph* graph, rte_node* node, void**, uint16_t) {
  const auto& burst = *context_of<std::span<Packet*>>(node);
  const auto count = static_cast<uint16_t>(burst.size());
  rte_node_enqueue(graph, node, 0, reinterpret_cast<void**>(burst.data()), count);
  return count;
}

uint16_t arrive(rte_graph*, rte_node* node, void**, uint16_t count) {
  *context_of<uint64_t>(node) += count;
  return count;
}

// All packets are taken to leave by the first out until one does not: then those before it are
// copied and it is sent by itself. When none deviates the whole stream changes hands by pointer.
template <size_t kAt>
uint16_t look(rte_graph* graph, rte_node* node, void** objects, uint16_t count) {
  constexpr rte_edge_t kExpected = 0;
  void** stream = rte_node_next_stream_get(graph, node, kExpected, count);
  uint16_t run_start = 0;
  uint16_t placed = 0;
  for (uint16_t i = 0; i < count; ++i) {
    const auto out = static_cast<rte_edge_t>(decide_at(kAt, *static_cast<Packet*>(objects[i])));
    if (out == kExpected) [[likely]]
      continue;
    const auto run_length = static_cast<uint16_t>(i - run_start);
    rte_memcpy(stream + placed, objects + run_start, run_length * sizeof(void*));
    placed = static_cast<uint16_t>(placed + run_length);
    rte_node_enqueue_x1(graph, node, out, objects[i]);
    run_start = static_cast<uint16_t>(i + 1);
  }
  if (run_start == 0) {
    rte_node_next_stream_move(graph, node, kExpected);
    return count;
  }
  const auto run_length = static_cast<uint16_t>(count - run_start);
  rte_memcpy(stream + placed, objects + run_start, run_length * sizeof(void*));
  rte_node_next_stream_put(graph, node, kExpected, static_cast<uint16_t>(placed + run_length));
  return count;
}

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "rte_graph: %s\n", what);
  std::abort();
}

// The description ends in a flexible array, which C++ cannot initialise: it is made by hand.
void register_node(const std::string& name, rte_node_process_t process, uint64_t flags,
                   const std::vector<const char*>& next) {
  const size_t size = sizeof(rte_node_register) + next.size() * sizeof(const char*);
  auto* node = static_cast<rte_node_register*>(std::calloc(1, size));
  std::snprintf(node->name, sizeof node->name, "%s", name.c_str());
  node->process = process;
  node->flags = flags;
  node->parent_id = RTE_NODE_ID_INVALID;
  node->nb_edges = static_cast<rte_edge_t>(next.size());
  std::copy(next.begin(), next.end(), node->next_nodes);
  if (rte_node_is_invalid(__rte_node_register(node))) fail("a node could not be registered");
  std::free(node);
}

// Nodes are the process's, for all graphs.
template <size_t... kAt>
void register_row(std::index_sequence<kAt...>) {
  register_node("end", arrive, 0, {});
  register_node("aside", arrive, 0, {});
  register_node("away", arrive, 0, {});
  const auto name = [](size_t at) {
    return at < kDecisions ? "look-" + std::to_string(at) : std::string("end");
  };
  (register_node(name(kAt), look<kAt>, 0, {name(kAt + 1).c_str(), "away", "aside"}), ...);
  register_node("feed", feed, RTE_NODE_SOURCE_F, {"look-0"});
}

class RteGraphExecutor : public Executor {
 public:
  explicit RteGraphExecutor(bool with_counts) : with_counts_(with_counts) {
    static const bool registered = [] {
      register_row(std::make_index_sequence<kDecisions>{});
      return true;
    }();
    (void)registered;
    const char* patterns[] = {"feed", "look-*", "aside", "away", "end"};
    rte_graph_param parameters{};
    parameters.socket_id = SOCKET_ID_ANY;
    parameters.nb_node_patterns = std::size(patterns);
    parameters.node_patterns = patterns;
    if (rte_graph_create(name(), &parameters) == RTE_GRAPH_ID_INVALID) fail("no graph was made");
    graph_ = rte_graph_lookup(name());
    lend("feed", &burst_);
    lend("aside", &arrived_.aside);
    lend("away", &arrived_.away);
    lend("end", &arrived_.end);
  }
  ~RteGraphExecutor() override { rte_graph_destroy(rte_graph_from_name(name())); }

  const char* name() const override { return with_counts_ ? "rte_graph" : "rte_graph-uncounted"; }
  void run(std::span<Packet*> burst) override {
    burst_ = burst;
    if (with_counts_) {
      walk_with_counts(graph_);
    } else {
      walk_without_counts(graph_);
    }
  }
  Arrived arrived() const override { return arrived_; }

 private:
  template <typename T>
  void lend(const char* node, T* context) {
    rte_node* found = rte_graph_node_get_by_name(name(), node);
    if (!found) fail("a node is missing");
    std::memcpy(found->ctx, &context, sizeof context);
  }

  bool with_counts_;
  rte_graph* graph_ = nullptr;
  std::span<Packet*> burst_;
  Arrived arrived_;
};

}  // namespace

std::unique_ptr<Executor> make_rte_graph_executor(bool with_counts) {
  packet_pool();  // starts EAL
  return std::make_unique<RteGraphExecutor>(with_counts);
}

}  // namespace butterfly::bench
