// SPDX-License-Identifier: Apache-2.0
// rte_graph_walk() without its time stamps and counts, which Debian's rte_config.h turns on.
#include "bench/rte_graph_walk.h"

#undef RTE_LIBRTE_GRAPH_STATS
#include <rte_graph_worker.h>

namespace butterfly::bench {

void walk_without_counts(rte_graph* graph) { rte_graph_walk(graph); }

}  // namespace butterfly::bench
